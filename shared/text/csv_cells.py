"""How long a cell of CSV may be: the standard library keeps one limit for the whole process."""

import csv

MAX_CELL_CHARACTERS = 16 * 1024 * 1024


def allow_long_cells() -> None:
    """Lets readers take cells of up to 16 Mi characters; every reader of this project calls it.

    The library's own limit of 131,072 is less than a long article. Whoever reads sets the same
    limit, so what a file gives does not depend on what was read before it.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)

"""How large and how deep a text from outside may be before a parser gets to see it.

Every parser of texts that users send has its limits here, those of rows (JSON Lines, CSV) in
`shared.tabular`, and is asked through a function that applies them. A text within them costs each
parser a few seconds, some megabytes and a few hundred frames of the stack at most.
"""

from shared.errors import InputError

MAX_DOCUMENT_CHARACTERS = 500_000
"""Of a document's text, in any format."""

MAX_YAML_CHARACTERS = 65_536
MAX_YAML_NODES = 2_000
MAX_YAML_DEPTH = 16

MAX_MARKDOWN_DEPTH = 100
"""A quotation is one level, a list and its item are two."""

MAX_HTML_ELEMENTS = 50_000
"""Depth costs the reader of HTML nothing: it keeps counters and no stack."""


def check_characters(text: str, *, name: str, limit: int = MAX_DOCUMENT_CHARACTERS) -> None:
    """Returns if a text is short enough to be parsed.

    Raises:
        InputError: it has more than `limit` characters.
    """
    if len(text) > limit:
        raise InputError(
            f"{name}: {len(text)} characters, at most {limit} are read: split it", param=name
        )

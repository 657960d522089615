"""Augmented rows beside the rows of train, the same for the same rows, settings and seed."""

import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.errors import InputError
from shared.training.data.examples import AnyExample, canonical
from shared.training.remedies.augment.edits import Editor, Edits, edited
from shared.training.remedies.augment.protection import read_names, survived
from shared.training.remedies.augment.rows import Texts, texts_of
from shared.training.remedies.remedy import Changed

WordShare = Annotated[float, Field(gt=0, le=1)]
"""A share of a text's words; of a short text one word at least."""


class AugmentedRows(Settings):
    """Which rows of train are copied with changes, and how often.

    `share` of them are drawn by the seed, and each gets `copies`, which stand beside it. `protect`
    is a file of names, one a line, that stay letter for letter wherever a row has them; what a row
    labels, numbers, tickers, negations and capitalised names stay without it.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    copies: Annotated[int, Field(ge=1, le=20)] = 1
    protect: Path | None = None


def augmented(
    examples: Sequence[AnyExample],
    editor: Editor,
    rows: AugmentedRows,
    seed: int,
    *,
    remedy: str,
    hint: str,
) -> Changed:
    """The examples, and after them copies as the editor changes them, with their labels.

    A copy in which something protected did not survive is dropped; one that equals a row or
    another copy is left out. The note counts both.

    Raises:
        InputError: not one row was changed; the message ends with the `hint`. Or see `texts_of`.
    """
    names = read_names(rows.protect)
    order = np.random.default_rng((seed, zlib.crc32(remedy.encode()))).permutation(len(examples))
    chosen = sorted(order[: max(1, round(rows.share * len(examples)))].tolist())
    texts = [texts_of(examples[place], names) for place in chosen for _ in range(rows.copies)]
    keys = [(place, copy) for place in chosen for copy in range(rows.copies)]
    edits = iter(
        editor(
            [passage for each in texts for passage in each.passages],
            [
                np.random.default_rng((seed, zlib.crc32(remedy.encode()), *key, number))
                for key, each in zip(keys, texts, strict=True)
                for number in range(len(each.passages))
            ],
        )
    )
    known = set(canonical(examples))
    made: list[AnyExample] = []
    counts = Counter(made=0, dropped=0, unchanged=0)
    for each in texts:
        copy = _copy(each, [next(edits) for _ in each.passages])
        (key,) = canonical([copy]) if copy is not None else ("",)
        said = "dropped" if copy is None else "unchanged" if key in known else "made"
        counts[said] += 1
        if copy is not None and said == "made":
            known.add(key)
            made.append(copy)
    if not made:
        raise InputError(
            f"remedies ({remedy}): not one of {len(chosen):,} rows was changed "
            f"({_told(counts)}): {hint}"
        )
    note = f"{counts['made']:,} rows beside {len(examples):,} ({_told(counts)})"
    return Changed([*examples, *made], note)


def _copy(texts: Texts, edits: Sequence[Edits]) -> AnyExample | None:
    """The example after the edits; None where something protected did not survive them."""
    for passage, some in zip(texts.passages, edits, strict=True):
        after = edited(passage.text, some)
        if not after.strip() or not survived(passage, after):
            return None
    return texts.rebuild(edits)


def _told(counts: Counter[str]) -> str:
    return (
        f"{counts['dropped']:,} dropped in which a name, number or negation did not survive, "
        f"{counts['unchanged']:,} unchanged or alike"
    )

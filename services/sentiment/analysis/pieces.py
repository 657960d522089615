"""A text in pieces that the backbone reads whole.

A headline is one piece. A text that is too long is cut into its sentences, and an overlong
sentence between its words; what is said of the pieces is averaged, weighted by their characters.
The tokens are estimated: what the estimate misses is cut off by the trunk, at the piece's end.
"""

from collections.abc import Sequence

from services.sentiment.analysis.scores import Found
from shared.sentiment.targets import mark, target_input
from shared.text.passages import MAX_TOKENS, TextFormat, estimate_tokens, split_passages
from shared.text.sentences import split_sentences

Stretch = tuple[int, int]

_MARKS = 4
"""Tokens that marking an entity adds, besides its name where the text does not have it."""


def pieces(text: str, max_tokens: int = MAX_TOKENS) -> list[Stretch]:
    """The pieces of a text as characters `[start, end)`, in order; at least one."""
    if estimate_tokens(text) <= max_tokens:
        return [(0, len(text))]
    found: list[Stretch] = []
    for start, end in split_sentences(text):
        sentence = text[start:end]
        if estimate_tokens(sentence) <= max_tokens:
            found.append((start, end))
            continue
        for part in split_passages(sentence, TextFormat.PLAIN, max_tokens=max_tokens):
            found.append((start + part.start, start + part.end))
    return found or [(0, len(text))]


def target_inputs(text: str, found: Found) -> tuple[list[str], list[int]]:
    """What the trunk is asked about one entity, and the weight of each answer.

    Of a text in pieces those count that name the entity; where none does, all of them.
    """
    room = MAX_TOKENS - _MARKS - (0 if found.stretches else estimate_tokens(found.entity))
    cut = pieces(text, max(room, MAX_TOKENS // 4))
    naming = [(piece, inside) for piece in cut if (inside := _inside(piece, found.stretches))]
    if naming:
        inputs = [mark(text[start:end], inside) for (start, end), inside in naming]
        return inputs, [end - start for (start, end), _ in naming]
    inputs = [target_input(text[start:end], found.surface) for start, end in cut]
    return inputs, [end - start for start, end in cut]


def naming_pieces(text: str, found: Found) -> tuple[list[str], list[int]]:
    """The pieces of a text as they are that name an entity (all, where none does) and weights."""
    cut = pieces(text)
    naming = [piece for piece in cut if _inside(piece, found.stretches)] or cut
    return [text[start:end] for start, end in naming], [end - start for start, end in naming]


def _inside(piece: Stretch, stretches: Sequence[Stretch]) -> list[Stretch]:
    start, end = piece
    return [(a - start, b - start) for a, b in stretches if start <= a and b <= end]

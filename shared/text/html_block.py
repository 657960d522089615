"""The characters of one block of HTML, each with the place where it stands in the source."""

from dataclasses import dataclass, field

from shared.text.blocks import Block, BlockKind, Sentence, SentenceKind, collapse_space
from shared.text.sentences import split_sentences, trim


@dataclass(slots=True)
class BlockText:
    """What was read of a block that is not closed yet."""

    _characters: list[str] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    _in_link: list[bool] = field(default_factory=list)

    def add(self, text: str, start: int, end: int, *, one_to_one: bool, in_link: bool) -> None:
        """Adds a text that characters `[start, end)` of the source say.

        `one_to_one` is whether each of its characters is one of the source.
        """
        self._characters.append(text)
        count = len(text)
        self._starts.extend(range(start, start + count) if one_to_one else [start] * count)
        self._ends.extend(range(start + 1, start + count + 1) if one_to_one else [end] * count)
        self._in_link.extend([in_link] * count)

    def block(self, *, level: int, is_label: bool, is_code: bool) -> Block | None:
        """The block: a heading where it has a `level`; None where nothing is to be seen.

        An `is_label` block names what follows it, without being a heading of the document.
        """
        text = "".join(self._characters)
        if not text or text.isspace():
            return None
        pieces = [trim(text, 0, len(text))] if is_code else split_sentences(text.replace("\n", " "))
        sentences = tuple(
            Sentence(
                self._starts[start],
                self._ends[end - 1],
                text[start:end] if is_code else collapse_space(text[start:end]),
                opens_line=number == 0,
                kind=self._kind(text, start, end, is_heading=level > 0 or is_label),
            )
            for number, (start, end) in enumerate(pieces)
        )
        kind = BlockKind.CODE if is_code else BlockKind.TEXT
        return Block(BlockKind.HEADING if level else kind, sentences, level)

    def _kind(self, text: str, start: int, end: int, *, is_heading: bool) -> SentenceKind:
        if is_heading:
            return SentenceKind.HEADING
        linked = zip(text[start:end], self._in_link[start:end], strict=True)
        if all(in_link or not character.isalnum() for character, in_link in linked):
            return SentenceKind.LINK if any(self._in_link[start:end]) else SentenceKind.TEXT
        return SentenceKind.TEXT

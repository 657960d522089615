"""Texts to token ids, in any number of threads at once.

Notation of shapes: s tokens of a row, n tokens of a whole text without the special ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding, Tokenizer

from shared.errors import InputError, TextTooLongError
from shared.models.backbones.prefixes import NO_PREFIXES, Prefixes
from shared.models.rows import Content, Int64s, Window
from shared.models.tasks import Input

_NO_WORD = -1
_SLICE = 64


@dataclass(frozen=True, slots=True)
class Encoded:
    """The ids of a row, int64 [s], and which of two texts each is of (None: there is one text)."""

    input_ids: Int64s
    token_type_ids: Int64s | None


class TextTokenizer:
    """Encodes texts to at most `max_length` tokens, special ones included.

    The tokenizers library releases the interpreter's lock while it works, and shares its settings
    among threads: so each way of truncating has its own tokenizer, which nobody changes. They
    share one vocabulary. `prefixes` are the backbone's, for who embeds with it.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int,
        *,
        token_types: bool,
        prefixes: Prefixes = NO_PREFIXES,
    ) -> None:
        self.max_length = max_length
        self.prefixes = prefixes
        self._token_types = token_types
        # A quarter is read twice, so that every token has context on both sides in some window.
        self._stride = max_length // 4
        self._longest_question = max_length // 2
        self._whole = tokenizer
        self._cut = copy_of(tokenizer)
        self._cut.enable_truncation(max_length)
        self._slide = copy_of(tokenizer)
        self._slide.enable_truncation(max_length, stride=self._stride)
        self._slide_second = copy_of(tokenizer)
        self._slide_second.enable_truncation(
            max_length, stride=self._stride, strategy="only_second"
        )

    def encode(self, inputs: Sequence[Input], *, truncate: bool) -> list[Encoded]:
        """Each text or pair as one row.

        Raises:
            TextTooLongError: an input has too many tokens, and `truncate` is off.
            InputError: a text is not valid Unicode.
        """
        tokenizer = self._cut if truncate else self._whole
        rows: list[Encoded] = []
        # A slice at a time, so that what is refused is refused before all of it is encoded.
        for start in range(0, len(inputs), _SLICE):
            part = inputs[start : start + _SLICE]
            encodings = _encode(tokenizer, part, offsets=False)
            for index, (text, encoding) in enumerate(zip(part, encodings, strict=True), start):
                if len(encoding) > self.max_length:
                    raise TextTooLongError(
                        f"{len(encoding)} tokens; at most {self.max_length} are read: split it, or "
                        "send truncate: true to have its end cut off",
                        index=index,
                    )
                rows.append(self._arrays(encoding, pair=not isinstance(text, str)))
        return rows

    def slide(
        self, inputs: Sequence[Input]
    ) -> tuple[list[Encoded], tuple[Window, ...], tuple[Content, ...]]:
        """Each text, or the second of each pair, in windows that overlap by a quarter.

        Returns the rows, the window of each row and the content of each input.

        Raises:
            TextTooLongError: the first text of a pair fills more than half of a window.
            InputError: a text is not valid Unicode.
        """
        pairs = bool(inputs) and not isinstance(inputs[0], str)
        if pairs:
            self._check_questions([text[0] for text in inputs])
        tokenizer = self._slide_second if pairs else self._slide
        rows: list[Encoded] = []
        windows: list[Window] = []
        contents: list[Content] = []
        for index, encoding in enumerate(_encode(tokenizer, inputs, offsets=True)):
            parts = [encoding, *encoding.overflowing]
            found = _windows(index, parts, 1 if pairs else 0, self._stride)
            windows += found
            rows += [self._arrays(part, pair=pairs) for part in parts]
            contents.append(_content(parts, found))
        return rows, tuple(windows), tuple(contents)

    def _check_questions(self, questions: Sequence[str]) -> None:
        for index, encoding in enumerate(_encode(self._whole, questions, offsets=False)):
            if len(encoding) > self._longest_question:
                raise TextTooLongError(
                    f"a question of {len(encoding)} tokens; at most {self._longest_question} "
                    "leave room for its context: shorten it",
                    index=index,
                )

    def _arrays(self, encoding: Encoding, *, pair: bool) -> Encoded:
        types = np.array(encoding.type_ids, np.int64) if pair and self._token_types else None
        return Encoded(np.array(encoding.ids, np.int64), types)


def copy_of(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer that reads texts alike, without padding and truncation, over the same vocabulary.

    A vocabulary of 250,000 pieces takes 280 MB, which a copy of everything would take again.
    """
    copy = Tokenizer(tokenizer.model)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if (found := getattr(tokenizer, part)) is not None:
            setattr(copy, part, found)
    for _, token in sorted(tokenizer.get_added_tokens_decoder().items()):
        add = copy.add_special_tokens if token.special else copy.add_tokens
        add([token])
    copy.encode_special_tokens = tokenizer.encode_special_tokens
    return copy


def _encode(tokenizer: Tokenizer, inputs: Sequence[Input], *, offsets: bool) -> list[Encoding]:
    encode = tokenizer.encode_batch if offsets else tokenizer.encode_batch_fast
    try:
        return encode(list(inputs))
    except TypeError as error:
        raise InputError(
            "a text holds a lone surrogate, which is not Unicode: send valid UTF-8", param="input"
        ) from error


def _windows(index: int, parts: Sequence[Encoding], sequence: int, stride: int) -> list[Window]:
    """The windows of one input; each starts `stride` tokens before the end of the one before."""
    found: list[Window] = []
    start = 0
    for part in parts:
        columns = [column for column, each in enumerate(part.sequence_ids) if each == sequence]
        found.append(Window(index, columns[0] if columns else 0, start, len(columns)))
        start += len(columns) - stride
    return found


def _content(parts: Sequence[Encoding], windows: Sequence[Window]) -> Content:
    """The tokens of a whole input, put together from its windows."""
    tokens = windows[-1].start + windows[-1].tokens
    offsets = np.zeros((tokens, 2), np.int64)
    words = np.zeros(tokens, np.int64)
    for part, window in zip(parts, windows, strict=True):
        columns = slice(window.column, window.column + window.tokens)
        content = slice(window.start, window.start + window.tokens)
        offsets[content] = np.array(part.offsets, np.int64).reshape(-1, 2)[columns]
        words[content] = [_NO_WORD if word is None else word for word in part.word_ids[columns]]
    return Content(offsets, words)

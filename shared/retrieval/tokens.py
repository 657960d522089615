"""Texts as tokens for the lexical search: stemmed English words, and the words of Chinese.

Chinese is folded to simplified forms (OpenCC) and cut by a dictionary (jieba's, through rjieba),
longer words into their parts as well, so that a card is found in a bank card. Other scripts are
matched by whole words as Unicode separates them, which finds little in Japanese or Thai: there the
dense side carries the search.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import Stemmer
from bm25s.stopwords import STOPWORDS_EN

from shared.errors import ConfigError, InputError
from shared.retrieval.postings import Tokens
from shared.text.decoding import decode_utf8
from shared.text.scripts import HAN
from shared.text.simplified import simplified

if TYPE_CHECKING:
    from rjieba import Jieba

_MAX_WORDS_BYTES = 2_000_000
_MAX_WORD_CHARS = 30

_WORD = re.compile(r"\w+")
_CHINESE = re.compile(f"[{HAN.ranges}]")
_OF_OTHER_WIDTH = re.compile(r"[\uff01-\uffef]")
_STOPWORDS = frozenset(STOPWORDS_EN).union(
    "的了是在和与或及也就都而着把被吗呢吧啊呀哦我你您他她它这那", ("我们", "你们", "他们", "请问")
)


def tokenize(text: str) -> Tokens:
    """The stems of a text's words in lower case, without stop words.

    Width does not matter, nor whether Chinese is written in simplified or in traditional forms.
    """
    if _OF_OTHER_WIDTH.search(text):
        text = unicodedata.normalize("NFKC", text)
    words = _WORD.findall(text.lower())
    if _CHINESE.search(text):
        words = list(_chinese_cut(simplified(" ".join(words)).split()))
    return tuple(_stemmer().stemWords([word for word in words if word not in _STOPWORDS]))


def _chinese_cut(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if _CHINESE.search(word):
            yield from _segmenter().cut_for_search(word)
        else:
            yield word


@cache
def _segmenter() -> "Jieba":
    """Made when the first Chinese text comes: its dictionary takes memory."""
    from rjieba import Jieba

    return Jieba()


def add_words(words: Iterable[str]) -> None:
    """Adds words to the dictionary that cuts Chinese, for this process.

    What was cut before stays as it is: words are added before an index is read.
    """
    for word in words:
        _segmenter().add_word(simplified(word.lower()), None, None)


def read_words(path: Path) -> list[str]:
    """The words of a file, one a line in UTF-8; empty lines and those after `#` are left out.

    Raises:
        ConfigError: it cannot be read, or has too many words, or too long ones.
    """
    try:
        if path.stat().st_size > _MAX_WORDS_BYTES:
            raise ConfigError(f"{path}: more than {_MAX_WORDS_BYTES:,} bytes: keep fewer words")
        lines = decode_utf8(path.read_bytes(), name=str(path)).splitlines()
    except (OSError, InputError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    words = {n: line.strip() for n, line in enumerate(lines, start=1)}
    found = {n: word for n, word in words.items() if word and not word.startswith("#")}
    for number, word in found.items():
        if len(word) > _MAX_WORD_CHARS or any(map(str.isspace, word)):
            raise ConfigError(
                f"{path}, line {number}: {word[:60]!r} is not one word of at most "
                f"{_MAX_WORD_CHARS} characters: write one word on each line"
            )
    return list(found.values())


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")

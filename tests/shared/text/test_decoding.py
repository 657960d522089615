"""Bytes that are text, and bytes that are not."""

import pytest

from shared.errors import InputError
from shared.text.decoding import check_text, decode_utf8


def test_utf8_is_read_with_and_without_a_mark() -> None:
    assert decode_utf8("\ufeffé\n".encode(), name="a") == "é\n"
    assert decode_utf8("é\t日".encode(), name="a") == "é\t日"


@pytest.mark.parametrize("content", [b"\xff\xfeA\x00", b"caf\xe9", b"a\x00b", b"\x1b[0m"])
def test_other_bytes_are_refused_with_their_place(content: bytes) -> None:
    with pytest.raises(InputError, match=r"notes\.txt: (byte|character) \d"):
        decode_utf8(content, name="notes.txt")


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputError, match=r"U\+D800"):
        check_text("a\ud800", name="text")

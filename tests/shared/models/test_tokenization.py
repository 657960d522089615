import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from shared.errors import InputError, TextTooLongError
from shared.models.tokenization import TextTokenizer, copy_of
from tests.harness.models.trained import reference

WORDS = st.text(st.sampled_from("ab ,.é€\n"), max_size=120)


@functools.cache
def tokenizer(max_length: int = 16) -> TextTokenizer:
    return TextTokenizer(reference().tokenizer, max_length, token_types=True)


def test_texts_and_pairs_have_their_ids_and_types() -> None:
    text, pair = tokenizer().encode(["hello", ("hello", "world")], truncate=False)
    assert text.input_ids.tolist() == [101, 7592, 102]
    assert text.token_type_ids is None
    assert pair.input_ids.tolist() == [101, 7592, 102, 2088, 102]
    assert pair.token_type_ids is not None
    assert pair.token_type_ids.tolist() == [0, 0, 0, 1, 1]
    assert pair.input_ids.dtype == np.int64


def test_a_long_text_is_refused_with_the_count_the_limit_and_the_remedy() -> None:
    with pytest.raises(
        TextTooLongError, match=r"input 1 has 22 tokens; at most 16 .*truncate: true"
    ) as caught:
        tokenizer().encode(["short", "a " * 20], truncate=False)
    assert caught.value.param == "input"


def test_a_long_text_is_cut_on_request_and_a_full_one_is_read() -> None:
    cut, full = tokenizer().encode(["a " * 20, "a " * 14], truncate=True)
    assert cut.input_ids.tolist() == full.input_ids.tolist()
    assert len(tokenizer().encode(["a " * 14], truncate=False)[0].input_ids) == 16


def test_a_lone_surrogate_is_a_fault_of_the_request() -> None:
    with pytest.raises(InputError, match="lone surrogate"):
        tokenizer().encode(["fine", "\ud800"], truncate=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(WORDS, max_size=3))
def test_windows_cover_every_token_of_a_text_once_put_together(texts: list[str]) -> None:
    rows, windows, contents = tokenizer().slide(texts)
    assert len(rows) == len(windows)
    for index, text in enumerate(texts):
        whole = reference().tokenizer.encode(text, add_special_tokens=False)
        assert contents[index].offsets.tolist() == [list(each) for each in whole.offsets]
        assert contents[index].words.tolist() == whole.word_ids
        for row, window in zip(rows, windows, strict=True):
            if window.input == index:
                assert len(row.input_ids) <= 16
                own = row.input_ids[window.column : window.column + window.tokens]
                expected = whole.ids[window.start : window.start + window.tokens]
                assert own.tolist() == expected


@settings(max_examples=30, deadline=None)
@given(WORDS)
def test_windows_of_a_context_repeat_the_question(context: str) -> None:
    rows, windows, contents = tokenizer().slide([("why now?", context)])
    whole = reference().tokenizer.encode(context, add_special_tokens=False)
    assert contents[0].offsets.tolist() == [list(each) for each in whole.offsets]
    for row, window in zip(rows, windows, strict=True):
        assert row.input_ids[:5].tolist() == [101, 2339, 2085, 1029, 102]
        assert row.token_type_ids is not None
        own = row.input_ids[window.column : window.column + window.tokens]
        assert own.tolist() == whole.ids[window.start : window.start + window.tokens]


def test_a_question_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(TextTooLongError, match="input 0 has a question of 12 tokens; at most 8"):
        tokenizer().slide([("a " * 10, "context")])


def test_threads_do_not_disturb_each_other() -> None:
    shared = tokenizer()
    texts = ["a " * length for length in range(1, 40)]
    cut = [row.input_ids.tolist() for row in shared.encode(texts, truncate=True)]
    slid = [row.input_ids.tolist() for row in shared.slide(texts)[0]]

    def work(index: int) -> bool:
        if index % 2:
            return [row.input_ids.tolist() for row in shared.slide(texts)[0]] == slid
        return [row.input_ids.tolist() for row in shared.encode(texts, truncate=True)] == cut

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(40)))


def test_a_copy_reads_alike_shares_the_vocabulary_and_keeps_its_own_settings() -> None:
    original = Tokenizer.from_str(reference().tokenizer.to_str())
    original.add_tokens(["<order>", "<card>"])
    original.enable_truncation(4)
    original.enable_padding(length=6)
    copy = copy_of(original)
    text = "where is my [MASK] <card> and <order>"
    original.no_truncation()
    original.no_padding()
    assert copy.to_str() == original.to_str()
    assert copy.encode(text).ids == original.encode(text).ids
    copy.enable_truncation(4)
    assert len(copy.encode(text).ids) == 4
    assert len(original.encode(text).ids) > 4

import numpy as np

from shared.models.rows import Window
from shared.models.windows import merge_windows


def test_each_token_is_taken_from_the_window_with_the_most_context() -> None:
    windows = [Window(0, 1, 0, 6), Window(0, 2, 4, 6)]
    first, second = np.full((8, 1), 1.0, np.float32), np.full((9, 1), 2.0, np.float32)
    merged = merge_windows(windows, [first, second], 10)
    # Token 4 is 1 from the end of the first window and at the start of the second.
    assert merged[:, 0].tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_single_window_is_its_content() -> None:
    result = np.arange(10, dtype=np.float32).reshape(5, 2)
    merged = merge_windows([Window(0, 1, 0, 3)], [result], 3)
    assert merged.tolist() == result[1:4].tolist()


def test_an_empty_text_has_no_tokens() -> None:
    assert merge_windows([Window(0, 0, 0, 0)], [np.zeros((2, 4), np.float32)], 0).shape == (0, 4)

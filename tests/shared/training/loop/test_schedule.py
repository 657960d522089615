import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.training.loop.schedule import Schedule, learning_rate_factor


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("cosine", 0.05, 0.5),
        ("cosine", 0.1, 1.0),
        ("cosine", 0.55, 0.5),
        ("cosine", 1.0, 0.0),
        ("linear", 0.1, 1.0),
        ("linear", 0.325, 0.75),
        ("linear", 1.0, 0.0),
    ],
)
def test_reference_values(schedule: Schedule, progress: float, factor: float) -> None:
    assert learning_rate_factor(progress, warmup=0.1, schedule=schedule) == pytest.approx(factor)


@given(st.floats(0, 1), st.floats(0, 0.99), st.sampled_from(["cosine", "linear"]))
def test_stays_in_range(progress: float, warmup: float, schedule: Schedule) -> None:
    assert 0 <= learning_rate_factor(progress, warmup=warmup, schedule=schedule) <= 1

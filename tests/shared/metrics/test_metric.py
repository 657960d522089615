import pytest
from pydantic import ValidationError

from shared.metrics.metric import STORED, Metric

OUTSIDE = '{"value": 0.0117, "low": 0.0131, "high": 0.0340, "n": 1432}'


def test_a_value_outside_of_its_interval_is_refused() -> None:
    for value in (0.1, 0.5):
        with pytest.raises(ValidationError, match=r"lies outside of its interval 0.2 to 0.4"):
            Metric(value=value, low=0.2, high=0.4, n=5)
    with pytest.raises(ValidationError, match="outside"):
        Metric.model_validate_json(OUTSIDE)
    assert Metric(value=0.2, low=0.2, high=0.2, n=1).value == 0.2


def test_what_an_older_bundle_says_is_still_read() -> None:
    assert Metric.model_validate_json(OUTSIDE, context=STORED).low == 0.0131

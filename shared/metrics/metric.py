"""A measured figure as manifests have it; one whose interval leaves it out is never written."""

from typing import Self

from pydantic import BaseModel, Field, ValidationInfo, model_validator

STORED = {"stored": True}
"""The validation context of manifests on disk.

Plain bootstrap percentiles, by which figures were once given, may leave the value out. Bundles
that say so still serve; none is made.
"""


class Metric(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """A measured value in its 95 % confidence interval `[low, high]` over `n` examples."""

    value: float
    low: float
    high: float
    n: int = Field(ge=0)

    @model_validator(mode="after")
    def _lies_in_its_interval(self, info: ValidationInfo) -> Self:
        if info.context is not STORED and not self.low <= self.value <= self.high:
            raise ValueError(
                f"the value {self.value:g} lies outside of its interval {self.low:g} to "
                f"{self.high:g}: measure it again"
            )
        return self

"""How a ranker is trained and judged."""

from pydantic import Field

from shared.config import Settings

FEWEST_QUESTIONS = 20


class TrainSettings(Settings):
    """How the ranker is trained and judged.

    - `questions`: so many queries are learned from, drawn from those after the first `warm_up`
      share of the behaviour, in which the state is too empty to be like the one that serves.
    - `validation`: the share of them, the latest ones, that decides when to stop.
    - `held_out`, `judged`: the share of all queries, the very last ones, by which the ranker is
      judged, and how many of them are drawn.
    - `exclude_seen`: whether lists are without what somebody met, as the service's are by default.
    - `leaves`, `smallest_leaf`, `learning_rate`, `rounds`, `patience`: LightGBM's trees.
    - `margin`: how much nDCG@10 a ranker may lose, at the low end of the interval of 95 %, to what
      it takes the place of; its mean may lose nothing.
    """

    questions: int = Field(6_000, ge=FEWEST_QUESTIONS)
    warm_up: float = Field(0.3, ge=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    held_out: float = Field(0.2, gt=0, lt=1)
    judged: int = Field(1_000, ge=FEWEST_QUESTIONS)
    exclude_seen: bool = True
    leaves: int = Field(7, ge=2)
    smallest_leaf: int = Field(200, ge=1)
    learning_rate: float = Field(0.05, gt=0)
    rounds: int = Field(600, ge=1)
    patience: int = Field(40, ge=1)
    margin: float = Field(0.01, ge=0, lt=1)
    threads: int = Field(1, ge=1)
    seed: int = 0

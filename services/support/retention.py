"""How long what the chat stores by itself is kept; documents stay until somebody deletes them."""

from pydantic import Field

from services.support.unanswered.store import not_asked_since
from shared.storage.retention import RetentionSettings, Rule


class SupportRetention(RetentionSettings):
    """How many days are kept: null is for ever.

    `unanswered_days`: questions that were not answered, counted from when they were last asked.
    """

    unanswered_days: float | None = Field(90.0, gt=0)


def rules(settings: SupportRetention) -> list[Rule]:
    """All that grows with the questions."""
    return [Rule("unanswered", settings.unanswered_days, not_asked_since())]

"""A user's turn: what is asked now, and what was said before it."""

from dataclasses import dataclass

from shared.retrieval.judgement import Judged


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's last messages, at least one, the oldest first; see `shared.retrieval.readings`.

    `before` are the texts before the last of them, also those of who answered, the newest first.
    """

    messages: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What the user asks now."""
        return self.messages[-1]

    @property
    def earlier(self) -> tuple[str, ...]:
        """What the user said before, the oldest first."""
        return self.messages[:-1]

    def alone(self) -> "Turn":
        """The question without what was said before it."""
        return Turn((self.question,))

    def read_for(self, judged: Judged) -> str:
        """The words of the reading that a passage answers, or fits, best."""
        if judged.reading is None:
            return " ".join(self.messages[-1 - judged.hit.query :])
        return " ".join(self.messages) if judged.reading == 0 else self.question

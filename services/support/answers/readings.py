"""A user's turn: what is asked now, and what was said before it."""

from dataclasses import dataclass

from shared.retrieval.judgement import Judged


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's last messages, at least one, the oldest first; see `shared.retrieval.readings`."""

    messages: tuple[str, ...]

    @property
    def question(self) -> str:
        """What the user asks now."""
        return self.messages[-1]

    @property
    def earlier(self) -> tuple[str, ...]:
        """What the user said before, the oldest first."""
        return self.messages[:-1]

    def read_for(self, judged: Judged) -> str:
        """The words of the reading that a passage answers, or fits, best."""
        if judged.reading is None:
            return " ".join(self.messages[-1 - judged.hit.query :])
        return " ".join(self.messages) if judged.reading == 0 else self.question

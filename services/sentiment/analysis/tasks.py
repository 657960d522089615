"""Which tasks on the trunk judge a text, by its language."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config import Settings
from shared.text.language import Language, language_of

_NAMES = {Language.ENGLISH: "English", Language.CHINESE: "Chinese"}


class TaskNames(Settings):
    """The tasks on the trunk: of whole texts, of entities in texts, and the tagger of entities."""

    text: str = "finance-sentiment"
    entity: str = "finance-entity-sentiment"
    tagger: str = "finance-entities"


class LanguageTasks(Settings):
    """The tasks of texts in one language, of which `text` alone is needed.

    Without `entity` an entity has the score of the pieces of its text that name it, by `text`;
    without `tagger` the known names alone are found. The labels of these may lack `neutral`.
    """

    text: str
    entity: str | None = None
    tagger: str | None = None


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A text that no task could judge: its language has its own, and the trunk lacks it.

    `reason` is the trunk's.
    """

    language: Language
    task: str
    reason: str

    def __str__(self) -> str:
        language = _NAMES.get(self.language, "in another language")
        return (
            f"the text is {language} ({self.language}), which the task {self.task!r} judges, and "
            f"the trunk cannot run it ({self.reason}): train it with `banyan train FILE.csv --task "
            f"{self.task} --backbone {self.language}` and promote it, or name other tasks in "
            f"`language_tasks`; no other language's model judges it instead"
        )


@dataclass(frozen=True, slots=True)
class TasksByLanguage:
    """`default` judges every language that `own` does not have, and texts without a letter."""

    default: TaskNames
    own: Mapping[Language, LanguageTasks]

    def of(self, text: str) -> tuple[Language | None, TaskNames | LanguageTasks]:
        """The tasks of a text, and its language where these are that language's own."""
        if not self.own:
            return None, self.default
        language = language_of(text)
        if language is None or language not in self.own:
            return None, self.default
        return language, self.own[language]

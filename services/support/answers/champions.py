"""What the trunk's champions mean for answers: intents or a judge that are missing, a confidence
that is not calibrated for them."""

from dataclasses import dataclass

from services.support.answers.relevance import Relevance
from services.support.passages import APP
from shared.errors import NotFoundError
from shared.http.application import READY
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import Input, TaskCall
from shared.serving.trunk import Trunk
from shared.text.language import Language


@dataclass(slots=True)
class Champions:
    """Asks the trunk which bundles answer now for the tasks that support uses in a language.

    `language` is None for the first backbone's; of a further one nothing is said where the trunk
    does not have its `embed_task`.
    """

    trunk: Trunk
    relevance: Relevance
    embed_task: str
    intent_task: str
    timeout_s: float
    language: Language | None = None

    async def states(self) -> dict[str, str]:
        """`READY` for intents, judge and confidence, with a warning where one is not as it should
        be.

        Raises:
            PlatformError: the trunk does not answer.
        """
        embed = await self._bundle(self.embed_task)
        if embed is None and self.language is not None:
            return {}
        intent, judge = await self._bundle(self.intent_task), None
        if (task := self._judge_task) is not None:
            judge = await self._bundle(task, (task, task))
        if self.language is None:
            return {
                "intents": self._intents(intent),
                "judge": self._judge(judge),
                "confidence": self._confidence(embed, intent, judge),
            }
        return {
            f"judge-{self.language}": self._judge(judge),
            f"confidence-{self.language}": self._confidence(embed, None, judge),
        }

    @property
    def _judge_task(self) -> str | None:
        return None if self.relevance.judge is None else self.relevance.judge.task

    async def _bundle(self, task: str, asked: Input | None = None) -> str | None:
        """The champion of a task; None where the trunk has none."""
        call = TaskCall(task, [asked or task], truncate=True, input_type=InputType.QUERY)
        try:
            (output,) = await self.trunk.encode([call], app=APP, timeout_s=self.timeout_s)
        except NotFoundError:
            return None
        return output.bundle

    def _intents(self, bundle: str | None) -> str:
        if bundle is not None:
            return READY
        return (
            f"{READY}, but the trunk has no task {self.intent_task!r}: documents with `intents` "
            f"are found by their text alone until a bundle is promoted (`banyan promote "
            f"{self.intent_task}`), or `intent_task` names another task"
        )

    def _judge(self, bundle: str | None) -> str:
        if self._judge_task is None or bundle is not None:
            return READY
        effect = "passages stand in the search's own order"
        if self.relevance.calibration.judge_bundle is not None:
            effect = "nothing is answered, only suggested,"
        return (
            f"{READY}, but the trunk has no task {self._judge_task!r}: {effect} until a bundle is "
            f"promoted (`banyan promote {self._judge_task}`), or `judge_task` names another task "
            "or none (null)"
        )

    def _confidence(self, embed: str | None, intent: str | None, judge: str | None) -> str:
        made = self.relevance.calibration
        # A judge that is missing, or that is not wanted, is told of by its own state.
        judge = judge or made.judge_bundle
        if embed is None or made.fits(embed, intent, judge):
            return READY
        made_with = " and ".join(
            filter(None, (made.embed_bundle, made.intent_bundle, made.judge_bundle))
        )
        champions = " and ".join(filter(None, (embed, intent, judge)))
        return (
            f"{READY}, but {made.id} was made with {made_with}, and {champions} answer: nothing "
            "is answered, only suggested. Return to the former (`banyan rollback "
            "TASK`, `embed_task`, `intent_task`, `judge_task`), or make one for "
            "these: `banyan support calibrate`"
        )

"""What the trunk's champions mean for answers: intents or a judge that are missing, a confidence
that is not calibrated for them."""

from dataclasses import dataclass

from services.support.passages import APP
from shared.errors import NotFoundError
from shared.http.application import READY
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import Input, TaskCall
from shared.retrieval.confidence import Calibration
from shared.serving.trunk import Trunk


@dataclass(slots=True)
class Champions:
    """Asks the trunk which bundles answer now for the tasks that support uses."""

    trunk: Trunk
    calibration: Calibration
    embed_task: str
    intent_task: str
    judge_task: str | None
    timeout_s: float

    async def states(self) -> dict[str, str]:
        """`READY` for intents, judge and confidence, with a warning where one is not as it should
        be.

        Raises:
            PlatformError: the trunk does not answer.
        """
        embed, intent = await self._bundle(self.embed_task), await self._bundle(self.intent_task)
        judge = None
        if self.judge_task is not None:
            judge = await self._bundle(self.judge_task, (self.judge_task, self.judge_task))
        return {
            "intents": self._intents(intent),
            "judge": self._judge(judge),
            "confidence": self._confidence(embed, intent, judge),
        }

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
        if self.judge_task is None or bundle is not None:
            return READY
        effect = "passages stand in the search's own order"
        if self.calibration.judge_bundle is not None:
            effect = "nothing is answered, only suggested,"
        return (
            f"{READY}, but the trunk has no task {self.judge_task!r}: {effect} until a bundle is "
            f"promoted (`banyan promote {self.judge_task}`), or `judge_task` names another task or "
            "none (null)"
        )

    def _confidence(self, embed: str | None, intent: str | None, judge: str | None) -> str:
        made = self.calibration
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

"""What the trunk's champions mean for answers: intents that are missing, a confidence that is not
calibrated for them."""

from dataclasses import dataclass

from services.support.passages import APP
from shared.errors import NotFoundError
from shared.http.application import READY
from shared.models.tasks import TaskCall
from shared.retrieval.confidence import Calibration
from shared.serving.trunk import Trunk


@dataclass(frozen=True, slots=True)
class Champions:
    """Asks the trunk which bundles answer now for the tasks that support uses."""

    trunk: Trunk
    calibration: Calibration
    embed_task: str
    intent_task: str
    timeout_s: float

    async def states(self) -> dict[str, str]:
        """`READY` for the intents and the confidence, with a warning where one is not as it should
        be.

        Raises:
            PlatformError: the trunk does not answer.
        """
        embed, intent = await self._bundle(self.embed_task), await self._bundle(self.intent_task)
        return {"intents": self._intents(intent), "confidence": self._confidence(embed, intent)}

    async def _bundle(self, task: str) -> str | None:
        """The champion of a task; None where the trunk has none."""
        call = TaskCall(task, [task], truncate=True)
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

    def _confidence(self, embed: str | None, intent: str | None) -> str:
        made = self.calibration
        if embed is None or made.fits(embed, intent):
            return READY
        made_with = " and ".join(filter(None, (made.embed_bundle, made.intent_bundle)))
        champions = " and ".join(filter(None, (embed, intent)))
        return (
            f"{READY}, but {made.id} was made with {made_with}, and {champions} answer: what is "
            "answered and what is handed over may be wrong. Return to the former (`banyan rollback "
            "TASK`, `embed_task`, `intent_task`), or rebuild it: "
            f"{made.command} --embed-task {self.embed_task}"
        )

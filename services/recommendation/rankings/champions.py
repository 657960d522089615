"""Which bundle embeds items' texts now, by the language of the catalogue."""

from collections.abc import Mapping, Sequence

from services.recommendation.rankings.vectors import Bundle, VectorStore
from shared.errors import ArtifactError, NotFoundError
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import EMBED_TASK, EmbedOutput, Priority, TaskCall
from shared.serving.trunk import Trunk
from shared.shielded import in_thread
from shared.text.language import Language

APP = "recommendation"


class Champions:
    """The champion of the task in `tasks` for the items' language, else of `embed`.

    All items have one language, that of a sample of all tenants' texts, since vectors can be
    compared only where one bundle made them; a mixed catalogue counts as Chinese from a third of
    its words on, because a model for Chinese reads English too.
    """

    def __init__(self, trunk: Trunk, store: VectorStore, tasks: Mapping[Language, str]) -> None:
        self._trunk = trunk
        self._store = store
        self._tasks = tasks
        self._unserved: Language | None = None

    @property
    def fault(self) -> str | None:
        """Why the items' language is embedded by a task for others; None where it is not."""
        if self._unserved is None:
            return None
        return (
            f"the items are in {self._unserved}, and the trunk has no task "
            f"{self._tasks[self._unserved]!r}, so that {EMBED_TASK} embeds them, which says "
            "little: `banyan backbone fetch multilingual-e5-small` makes a backbone for it, and "
            "says how it is served"
        )

    async def now(self, timeout_s: float) -> Bundle:
        """The bundle that embeds now.

        Raises:
            PlatformError: the trunk or the database does not answer.
        """
        language = await in_thread(self._store.language)
        if language is not None and language in self._tasks:
            try:
                found = await self._champion(self._tasks[language], timeout_s)
            except NotFoundError:
                self._unserved = language
                return await self._champion(EMBED_TASK, timeout_s)
            self._unserved = None
            return found
        self._unserved = None
        return await self._champion(EMBED_TASK, timeout_s)

    async def _champion(self, task: str, timeout_s: float) -> Bundle:
        output = await encode(self._trunk, task, ["a"], Priority.INTERACTIVE, timeout_s)
        return Bundle(output.bundle, output.vectors.shape[1])


async def encode(
    trunk: Trunk, task: str, texts: Sequence[str], priority: Priority, timeout_s: float
) -> EmbedOutput:
    """Vectors of items' texts by a task, or by a bundle's id.

    Raises:
        ArtifactError: it does not embed.
        PlatformError: the trunk does not answer, or does not have it.
    """
    call = TaskCall(task, texts, truncate=True, input_type=InputType.PASSAGE)
    (output,) = await trunk.encode([call], app=APP, priority=priority, timeout_s=timeout_s)
    if not isinstance(output, EmbedOutput):
        raise ArtifactError(
            f"{task} is not an embed task: the trunk embeds items' texts; name one in `embed_tasks`"
        )
    return output

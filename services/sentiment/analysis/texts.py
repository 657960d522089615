"""What texts say, as a whole and of each entity in them, by the tasks on the trunk.

One call to the trunk carries the texts of a language for the one task, the texts with an entity
marked for the other, and those for the tagger; a second call follows only where the tagger found
something.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence

import numpy as np

from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.plans import Inputs, Part, Plan, Request, entity_inputs, plan
from services.sentiment.analysis.scores import Analysis, EntityScore, Found, Score
from services.sentiment.analysis.tasks import (
    LanguageTasks,
    TaskNames,
    TasksByLanguage,
    Unjudged,
)
from shared.clock import Clock, SystemClock
from shared.errors import ArtifactError, DependencyError, NotFoundError
from shared.models.tasks import (
    ClassifyOutput,
    Float32s,
    Priority,
    Span,
    TagOutput,
    TaskCall,
    TaskOutput,
)
from shared.sentiment.labels import LABELS
from shared.sentiment.probabilities import in_order
from shared.sentiment.targets import target_input
from shared.serving.trunk import Trunk
from shared.text.language import Language

APP = "sentiment"

Judged = Analysis | Unjudged


class Analyst:
    """Judges texts with at most two hops to the trunk for each language."""

    def __init__(
        self,
        trunk: Trunk,
        finder: Finder,
        tasks: TaskNames,
        clock: Clock | None = None,
        language_tasks: Mapping[Language, LanguageTasks] | None = None,
    ) -> None:
        self._trunk = trunk
        self._finder = finder
        self._tasks = TasksByLanguage(tasks, language_tasks or {})
        self._clock = clock or SystemClock()
        self._unjudged: dict[Language, Unjudged] = {}

    @property
    def unjudged(self) -> Sequence[Unjudged]:
        """Why texts of a language were not judged when the last of them came; often nothing."""
        return tuple(self._unjudged.values())

    async def analyze(
        self, request: Request, *, priority: Priority, timeout_s: float
    ) -> list[Judged]:
        """What each text says.

        Raises:
            OverloadedError, DeadlineError: the trunk does not answer in time.
            DependencyError: the trunk does not answer, or has not all of the default tasks.
            ArtifactError: a task's bundle is of another kind or has other labels.
        """
        planned = await asyncio.to_thread(self.plan, request)
        return await self.judge(planned, priority=priority, timeout_s=timeout_s)

    async def judge(
        self,
        planned: Plan,
        *,
        priority: Priority,
        timeout_s: float,
        characters_a_second: float = math.inf,
    ) -> list[Judged]:
        """What each text of a plan says; `Unjudged` where its language's tasks are not there.

        `timeout_s` is for what the plan asks; what the tagger finds is given a second more for
        each `characters_a_second`.

        Raises:
            PlatformError: see `analyze`.
        """
        ends_s = self._clock.monotonic() + timeout_s
        asked = [
            asyncio.ensure_future(self._part(part, priority, ends_s, characters_a_second))
            for part in planned.parts
        ]
        try:
            answers = await asyncio.gather(*asked)
        finally:
            # Where one part failed, all are asked for again.
            for one in asked:
                one.cancel()
        judged: dict[int, Judged] = {}
        for part, answer in zip(planned.parts, answers, strict=True):
            judged.update(zip(part.places, answer, strict=True))
        return [judged[place] for place in range(len(judged))]

    async def check(self, timeout_s: float, *, tag: bool) -> None:
        """Returns if the trunk answers and has the default tasks.

        Raises:
            PlatformError: see `analyze`.
        """
        tasks = self._tasks.default
        calls = [
            *_calls(tasks.text, ["a"]),
            *_calls(tasks.entity, [target_input("a", "a")]),
            *_calls(tasks.tagger, ["a"] if tag else []),
        ]
        outputs = await self._call(calls, Priority.INTERACTIVE, timeout_s)
        for output in outputs[:2]:
            _probabilities(output, tasks)

    def plan(self, request: Request) -> Plan:
        """What has to be asked of the trunk; blocks for a millisecond or so a text."""
        return plan(request, self._finder, self._tasks)

    async def _part(
        self, part: Part, priority: Priority, ends_s: float, characters_a_second: float
    ) -> Sequence[Judged]:
        if part.language is None:
            try:
                return await self._analyses(part, priority, ends_s, characters_a_second)
            except NotFoundError as error:
                raise _missing(part.tasks, error) from None
        try:
            analyses = await self._analyses(part, priority, ends_s, characters_a_second)
        except (NotFoundError, ArtifactError) as error:
            unjudged = Unjudged(part.language, part.tasks.text, str(error))
            self._unjudged[part.language] = unjudged
            return [unjudged] * len(part.texts)
        self._unjudged.pop(part.language, None)
        return analyses

    async def _analyses(
        self, part: Part, priority: Priority, ends_s: float, characters_a_second: float
    ) -> list[Analysis]:
        tasks, texts = part.tasks, part.texts
        untagged = [texts[index] for index in part.untagged]
        calls = [
            TaskCall(tasks.text, part.pieces.inputs, truncate=True),
            *_calls(tasks.entity, part.entities.inputs),
            *_calls(tasks.tagger, untagged),
        ]
        left_s = ends_s - self._clock.monotonic()
        outputs = await self._encode(calls, priority, left_s)
        rows = _probabilities(outputs[0], tasks)
        wholes = _scores(rows, outputs[0].bundle, part.pieces)
        of_entities = outputs[tasks.entity is not None and bool(part.entities.inputs)]
        judged = self._entity_scores(of_entities, part.entities, part)
        if not untagged:
            return _analyses(wholes, part.found, judged)
        tagged: list[list[Found]] = [[] for _ in texts]
        for index, of_text in zip(part.untagged, _spans(outputs[-1]), strict=True):
            tagged[index] = self._finder.tagged(texts[index], of_text)
        more = entity_inputs(texts, tagged, tasks)
        if more.inputs and tasks.entity is not None:
            left_s = ends_s - self._clock.monotonic() + more.characters / characters_a_second
            (of_entities,) = await self._encode(_calls(tasks.entity, more.inputs), priority, left_s)
        later = self._entity_scores(of_entities, more, part)
        return _analyses(wholes, [*part.found, *tagged], [*judged, *later])

    def _entity_scores(self, output: TaskOutput, asked: Inputs, part: Part) -> list[Score]:
        """One score for each entity; without a task of theirs, `output` is of the pieces."""
        if not asked.inputs:
            return []
        rows = _probabilities(output, part.tasks)
        if part.tasks.entity is None:
            row_of = dict(zip(part.pieces.inputs, rows, strict=True))
            rows = np.stack([row_of[piece] for piece in asked.inputs])
        return _scores(rows, output.bundle, asked)

    async def _call(
        self, calls: Sequence[TaskCall], priority: Priority, timeout_s: float
    ) -> list[TaskOutput]:
        try:
            return await self._encode(calls, priority, timeout_s)
        except NotFoundError as error:
            raise _missing(self._tasks.default, error) from None

    async def _encode(
        self, calls: Sequence[TaskCall], priority: Priority, timeout_s: float
    ) -> list[TaskOutput]:
        return await self._trunk.encode(calls, app=APP, priority=priority, timeout_s=timeout_s)


def _missing(tasks: TaskNames | LanguageTasks, error: NotFoundError) -> DependencyError:
    names = ", ".join(filter(None, (tasks.text, tasks.entity, tasks.tagger)))
    return DependencyError(
        f"the trunk has not all of {names} ({error}): publish the missing one, or name another in "
        "the settings' `tasks`"
    )


def _calls(task: str | None, inputs: Sequence[str]) -> list[TaskCall]:
    """A call, or none where there is nothing to ask."""
    return [TaskCall(task, inputs, truncate=True)] if task is not None and inputs else []


def _scores(rows: Float32s, bundle: str, asked: Inputs) -> list[Score]:
    """One score for each subject: the weighted mean of what is said [n, 3] of its pieces."""
    weights = np.array(asked.weights, np.float64)[:, None]
    sums = np.zeros((asked.subjects, len(LABELS)))
    np.add.at(sums, asked.owners, rows * weights)
    means = sums / sums.sum(axis=1, keepdims=True)
    return [Score.of(row, bundle) for row in means.tolist()]


def _probabilities(output: TaskOutput, tasks: TaskNames | LanguageTasks) -> Float32s:
    """Probabilities [n, 3] in the order of `LABELS`."""
    if not isinstance(output, ClassifyOutput):
        raise ArtifactError(f"{output.bundle} is not a classify bundle: name one in `tasks`")
    may_lack_neutral = isinstance(tasks, LanguageTasks)
    return in_order(output.probabilities, output.labels, may_lack_neutral=may_lack_neutral)


def _spans(output: TaskOutput) -> tuple[tuple[Span, ...], ...]:
    if not isinstance(output, TagOutput):
        raise ArtifactError(f"{output.bundle} is not a tag bundle: name one in `tasks.tagger`")
    return output.spans


def _analyses(
    wholes: Sequence[Score], found: Sequence[Sequence[Found]], judged: Sequence[Score]
) -> list[Analysis]:
    """Puts the scores, which come in the order of what was found, back to their texts.

    A text is in `found` once, or a second time with what was found later.
    """
    left = iter(judged)
    entities: list[list[EntityScore]] = [[] for _ in wholes]
    for place, of_text in enumerate(found):
        entities[place % len(wholes)].extend(EntityScore(one, next(left)) for one in of_text)
    return [
        Analysis(whole, tuple(of_text)) for whole, of_text in zip(wholes, entities, strict=True)
    ]

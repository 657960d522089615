"""What texts say, as a whole and of each entity in them, by the tasks on the trunk.

One call to the trunk carries the texts for the one task, the texts with an entity marked for the
other, and those for the tagger; a second call follows only where the tagger found something.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.pieces import pieces, target_inputs
from services.sentiment.analysis.scores import Analysis, EntityScore, Found, Score
from shared.clock import Clock, SystemClock
from shared.config import Settings
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
from shared.sentiment.labels import LABELS, columns_of
from shared.sentiment.targets import target_input
from shared.serving.trunk import Trunk

APP = "sentiment"

NamedEntities = Sequence[Sequence[str] | None]
"""For each text the entities that its sender names; None leaves it to us to find them."""


class TaskNames(Settings):
    """The tasks on the trunk: of whole texts, of entities in texts, and the tagger of entities."""

    text: str = "finance-sentiment"
    entity: str = "finance-entity-sentiment"
    tagger: str = "finance-entities"


@dataclass(frozen=True, slots=True)
class Request:
    """Texts to be judged; with `tag`, the tagger reads those where no known entity is found."""

    texts: Sequence[str]
    entities: NamedEntities
    tag: bool


@dataclass(slots=True)
class _Inputs:
    """Inputs of one task for several subjects; `owners[i]` and `weights[i]` are of `inputs[i]`."""

    inputs: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    subjects: int = 0

    @property
    def characters(self) -> int:
        """What the trunk has to read."""
        return sum(map(len, self.inputs))

    def add(self, inputs: Sequence[str], weights: Sequence[int]) -> None:
        self.inputs.extend(inputs)
        self.weights.extend(weights)
        self.owners.extend([self.subjects] * len(inputs))
        self.subjects += 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked first: the texts, the entities known by then, and which texts are tagged.

    `characters` are all that the trunk has to read for it.
    """

    request: Request
    texts: _Inputs
    entities: _Inputs
    found: Sequence[Sequence[Found]]
    untagged: Sequence[int]

    @property
    def characters(self) -> int:
        """What the trunk has to read."""
        tagged = sum(len(self.request.texts[index]) for index in self.untagged)
        return self.texts.characters + self.entities.characters + tagged


class Analyst:
    """Judges texts with at most two hops to the trunk."""

    def __init__(
        self, trunk: Trunk, finder: Finder, tasks: TaskNames, clock: Clock | None = None
    ) -> None:
        self._trunk = trunk
        self._finder = finder
        self._tasks = tasks
        self._clock = clock or SystemClock()

    async def analyze(
        self, request: Request, *, priority: Priority, timeout_s: float
    ) -> list[Analysis]:
        """What each text says.

        Raises:
            OverloadedError, DeadlineError: the trunk does not answer in time.
            DependencyError: the trunk does not answer, or has not all tasks.
            ArtifactError: a task's bundle is of another kind or has other labels.
        """
        plan = await asyncio.to_thread(self.plan, request)
        return await self.judge(plan, priority=priority, timeout_s=timeout_s)

    async def judge(
        self,
        plan: Plan,
        *,
        priority: Priority,
        timeout_s: float,
        characters_a_second: float = math.inf,
    ) -> list[Analysis]:
        """What each text of a plan says.

        `timeout_s` is for what the plan asks; what the tagger finds is given a second more for
        each `characters_a_second`.

        Raises:
            PlatformError: see `analyze`.
        """
        texts = plan.request.texts
        if not texts:
            return []
        ends_s = self._clock.monotonic() + timeout_s
        untagged = [texts[index] for index in plan.untagged]
        outputs = await self._call(
            [
                TaskCall(self._tasks.text, plan.texts.inputs, truncate=True),
                *_calls(self._tasks.entity, plan.entities.inputs),
                *_calls(self._tasks.tagger, untagged),
            ],
            priority,
            timeout_s,
        )
        wholes = _scores(outputs[0], plan.texts)
        judged = _scores(outputs[1], plan.entities) if plan.entities.inputs else []
        if untagged:
            spans = _spans(outputs[-1])
            tagged: list[list[Found]] = [[] for _ in texts]
            for index, of_text in zip(plan.untagged, spans, strict=True):
                tagged[index] = self._finder.tagged(texts[index], of_text)
            more = _entity_inputs(texts, tagged)
            if more.inputs:
                left_s = ends_s - self._clock.monotonic() + more.characters / characters_a_second
                calls = _calls(self._tasks.entity, more.inputs)
                (output,) = await self._call(calls, priority, left_s)
                found = [*plan.found, *tagged]
                return _analyses(wholes, found, [*judged, *_scores(output, more)])
        return _analyses(wholes, plan.found, judged)

    async def check(self, timeout_s: float, *, tag: bool) -> None:
        """Returns if the trunk answers and has the tasks.

        Raises:
            PlatformError: see `analyze`.
        """
        calls = [
            *_calls(self._tasks.text, ["a"]),
            *_calls(self._tasks.entity, [target_input("a", "a")]),
            *_calls(self._tasks.tagger, ["a"] if tag else []),
        ]
        outputs = await self._call(calls, Priority.INTERACTIVE, timeout_s)
        for output in outputs[:2]:
            _probabilities(output)

    def plan(self, request: Request) -> Plan:
        """What has to be asked of the trunk; blocks for a millisecond or so a text."""
        texts = _Inputs()
        found: list[list[Found]] = []
        untagged: list[int] = []
        for index, (text, names) in enumerate(zip(request.texts, request.entities, strict=True)):
            cut = pieces(text)
            texts.add([text[start:end] for start, end in cut], [end - start for start, end in cut])
            of_text = self._finder.known(text) if names is None else self._finder.named(text, names)
            found.append(of_text)
            if names is None and not of_text and request.tag:
                untagged.append(index)
        return Plan(request, texts, _entity_inputs(request.texts, found), found, untagged)

    async def _call(
        self, calls: Sequence[TaskCall], priority: Priority, timeout_s: float
    ) -> list[TaskOutput]:
        try:
            return await self._trunk.encode(calls, app=APP, priority=priority, timeout_s=timeout_s)
        except NotFoundError as error:
            raise DependencyError(
                f"the trunk has not all of {', '.join(call.task for call in calls)} ({error}): "
                "publish the missing one, or name another in the settings' `tasks`"
            ) from None


def _calls(task: str, inputs: Sequence[str]) -> list[TaskCall]:
    """A call, or none where there is nothing to ask."""
    return [TaskCall(task, inputs, truncate=True)] if inputs else []


def _entity_inputs(texts: Sequence[str], found: Sequence[Sequence[Found]]) -> _Inputs:
    asked = _Inputs()
    for text, of_text in zip(texts, found, strict=True):
        for one in of_text:
            asked.add(*target_inputs(text, one))
    return asked


def _scores(output: TaskOutput, asked: _Inputs) -> list[Score]:
    """One score for each subject: the weighted mean of what is said of its pieces."""
    rows = _probabilities(output)
    weights = np.array(asked.weights, np.float64)[:, None]
    sums = np.zeros((asked.subjects, len(LABELS)))
    np.add.at(sums, asked.owners, rows * weights)
    means = sums / sums.sum(axis=1, keepdims=True)
    return [Score.of(row, output.bundle) for row in means.tolist()]


def _probabilities(output: TaskOutput) -> Float32s:
    """Probabilities [n, 3] in the order of `LABELS`."""
    if not isinstance(output, ClassifyOutput):
        raise ArtifactError(f"{output.bundle} is not a classify bundle: name one in `tasks`")
    return output.probabilities[:, list(columns_of(output.labels))]


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

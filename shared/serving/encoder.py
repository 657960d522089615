"""The encoder that all applications share: the trunk, inside the process that holds the model.

    encode() -> a tokenising thread -> waiting room -> a model's thread -> the caller's loop

A call's rows wait together with those of every other caller and task, and share batches with them
(see `shared.serving.batching`).
"""

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from pydantic import Field

from shared.clock import Clock, SystemClock
from shared.config import Settings
from shared.errors import (
    DeadlineError,
    DependencyError,
    InputError,
    OverloadedError,
    PlatformError,
    TextTooLongError,
)
from shared.models.backbones.further import BackboneState
from shared.models.bundle import Bundle
from shared.models.registry import Registry
from shared.models.rows import Row, RowResult, Tokenized
from shared.models.tasks import Priority, TaskCall, TaskOutput
from shared.serving.batching import QueueSettings
from shared.serving.idle_memory import IdleMemory
from shared.serving.model_threads import ModelThreads
from shared.serving.served_bundles import ServedBundles
from shared.serving.ticket import Ticket
from shared.telemetry import ENCODE_LATENCY, ENCODE_REFUSED, ENCODE_TOKENS

LOGGER = logging.getLogger(__name__)

MAX_REQUEST_INPUTS = 10_000
"""The most that a deployment may let a request have; a list of more is refused unread."""

_ASSEMBLED_INLINE_ROWS = 64


class ServedModel(Protocol):
    """The model as the encoder sees it; `shared.models.runners.Runners` is the real one.

    Any method may be called by several threads at once, and `run` also from within its own
    `between_layers`.
    """

    @property
    def backbones(self) -> Sequence[BackboneState]:
        """The backbones that bundles may be made for, loaded or not; the first is the default."""

    def defers(self, bundle: Bundle) -> bool:
        """Whether to load a bundle would load a backbone that nobody needed yet."""

    def reads(self, bundle: Bundle) -> bool:
        """Whether the bundle's backbone is here, loaded or not."""

    def load(self, bundle: Bundle) -> None:
        """Makes a bundle computable."""

    def unload(self, bundle_id: str) -> None:
        """Frees what only this bundle needs; it is called when no row names it."""

    def tokenize(self, bundle_id: str, call: TaskCall) -> Tokenized:
        """The rows of a call."""

    def run(
        self, rows: Sequence[Row], between_layers: Callable[[], None] | None = None
    ) -> Sequence[RowResult]:
        """The result of each row; all rows are one batch, and of one group."""

    def assemble(self, tokenized: Tokenized, results: Sequence[RowResult]) -> TaskOutput:
        """The answer to a call from the results of its rows."""


class EncoderSettings(Settings):
    """What one call may hold, what may wait, and how often the registry's aliases are read.

    At most `max_backbones` of `full` bundles are in memory beside the first backbone, each with as
    many bytes as its weights have in the trunk's precision (45 MB in bfloat16 for one of 22
    million). One that takes over is loaded beside the one that it replaces. One that is no
    champion's goes when no call has named it for `idle_backbone_s`; a later call loads it again.
    """

    max_request_inputs: int = Field(default=2048, gt=0, le=MAX_REQUEST_INPUTS)
    max_text_characters: int = Field(default=65_536, gt=0)
    max_request_characters: int = Field(default=8_388_608, gt=0)
    alias_poll_s: float = Field(default=0.5, gt=0)
    max_backbones: int = Field(default=2, ge=0)
    idle_backbone_s: float = Field(default=600.0, gt=0)
    queue: QueueSettings = QueueSettings()


class Encoder:
    """`shared.serving.trunk.Trunk` over the model in this process; `close` stops its threads.

    `threads` are the model's: so many batches are computed at once.
    """

    def __init__(
        self,
        runner: ServedModel,
        registry: Registry,
        settings: EncoderSettings,
        clock: Clock | None = None,
        *,
        threads: int = 1,
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._clock = clock or SystemClock()
        self._bundles = ServedBundles(
            registry,
            runner,
            self._clock,
            max_backbones=settings.max_backbones,
            idle_backbone_s=settings.idle_backbone_s,
        )
        self._bundles.refresh()
        # People's texts have their own thread, so that no long list stands before them.
        people, others = (ThreadPoolExecutor(1, f"tokenize-{who}") for who in ("people", "others"))
        self._tokenizers = {
            Priority.INTERACTIVE: people,
            Priority.STREAM: others,
            Priority.BULK: others,
        }
        self._closing = threading.Event()
        self._model = ModelThreads(runner.run, settings.queue, self._clock, threads)
        self._memory = IdleMemory(self._clock)
        self._poller = threading.Thread(target=self._follow_aliases, name="aliases", daemon=True)
        self._poller.start()

    @property
    def champions(self) -> Mapping[str, Bundle]:
        """The bundle that answers for each task now."""
        return self._bundles.champions

    @property
    def backbones(self) -> Sequence[BackboneState]:
        """The backbones that bundles may be made for, loaded or not; the first is the default."""
        return self._runner.backbones

    @property
    def faults(self) -> Mapping[str, str]:
        """What is not served as it should be, by task or part; empty when all is well."""
        stopped = {} if self.is_alive else {"model": "a thread of the model's has stopped"}
        return {**self._bundles.faults, **stopped}

    def waiting_rows(self, priority: Priority) -> int:
        """How many rows of a priority wait for the model."""
        return self._model.waiting_rows(priority)

    @property
    def is_alive(self) -> bool:
        """Whether the model can answer as it should."""
        return self._model.are_alive

    def close(self) -> None:
        """Stops the threads; what still waits is not answered."""
        self._closing.set()
        for tokenizer in set(self._tokenizers.values()):
            tokenizer.shutdown()
        self._model.close()
        self._poller.join()

    async def bundle(self, name: str) -> Bundle:
        """The bundle that answers for a task's name or a bundle's id, loaded if it was not yet.

        Raises:
            NotFoundError: a task or bundle is not known.
            ArtifactError: the bundle is corrupt or made for another backbone.
        """
        if (loaded := self._bundles.find(name)) is not None:
            return loaded
        return await asyncio.to_thread(self._bundles.load, name)

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        """See `shared.serving.trunk.Trunk.encode`.

        Raises:
            InputError: the call holds more than the settings allow.
        """
        begun_s = self._clock.monotonic()
        inputs = sum(len(call.inputs) for call in calls)
        held: list[str] = []
        try:
            self._check_size(calls)
            for call in calls:
                held.append(await self._hold(call.task))
            outputs = await self._compute(calls, held, inputs, priority, timeout_s)
        except BaseException as error:
            if reason := _refusal(error):
                ENCODE_REFUSED.labels(app, reason).inc(inputs)
            raise
        finally:
            self._bundles.let_go(held)
        seconds = self._clock.monotonic() - begun_s
        for output in outputs:
            task = output.bundle.partition("@")[0]
            ENCODE_LATENCY.labels(app, task, output.bundle).observe(seconds)
            ENCODE_TOKENS.labels(app, task, output.bundle).inc(output.tokens)
        return outputs

    async def _hold(self, name: str) -> str:
        """The id of a bundle that stays loaded until it is let go."""
        while (bundle_id := self._bundles.hold(name)) is None:
            await asyncio.to_thread(self._bundles.load, name)
        return bundle_id

    def _check_size(self, calls: Sequence[TaskCall]) -> None:
        limits = self._settings
        inputs = characters = 0
        for number, call in enumerate(calls):
            inputs += len(call.inputs)
            for index, text in enumerate(call.inputs):
                length = len(text) if isinstance(text, str) else sum(map(len, text))
                characters += length
                if length > limits.max_text_characters:
                    raise TextTooLongError(
                        f"{length} characters; at most {limits.max_text_characters} are read, "
                        "truncated or not: split it",
                        index=index,
                        call=number,
                    )
        if inputs > limits.max_request_inputs:
            raise InputError(
                f"the request has {inputs} inputs; at most {limits.max_request_inputs} fit into "
                "one: send several",
                param="input",
            )
        if characters > limits.max_request_characters:
            raise InputError(
                f"the request has {characters} characters; at most "
                f"{limits.max_request_characters} fit into one: send several",
                param="input",
            )

    async def _compute(
        self,
        calls: Sequence[TaskCall],
        bundle_ids: Sequence[str],
        inputs: int,
        priority: Priority,
        timeout_s: float | None,
    ) -> list[TaskOutput]:
        loop = asyncio.get_running_loop()
        deadline_s = math.inf if timeout_s is None else self._clock.monotonic() + timeout_s
        ticket = Ticket(loop, loop.create_future(), priority, deadline_s)
        tokenized: list[Tokenized] = []
        if self._closing.is_set():
            raise _stopping()
        self._model.reserve(priority, inputs)
        named = list(zip(bundle_ids, calls, strict=True))
        self._tokenizers[priority].submit(self._prepare, ticket, named, tokenized, inputs)
        try:
            async with asyncio.timeout(timeout_s):
                await ticket.done
        except BaseException as error:
            self._model.withdraw(ticket)
            if isinstance(error, TimeoutError):
                raise DeadlineError(
                    f"no answer within {timeout_s:g} s: send less at once, or allow more time"
                ) from None
            raise
        if len(ticket.items) > _ASSEMBLED_INLINE_ROWS:
            return await asyncio.to_thread(self._assemble, ticket, tokenized)
        return self._assemble(ticket, tokenized)

    def _prepare(
        self,
        ticket: Ticket,
        calls: Sequence[tuple[str, TaskCall]],
        tokenized: list[Tokenized],
        reserved: int,
    ) -> None:
        """Fills `tokenized` and lets its rows wait; runs in a tokenising thread."""
        try:
            for bundle_id, call in calls:
                if self._closing.is_set():
                    raise _stopping()
                if not ticket.abandoned:
                    tokenized.append(self._runner.tokenize(bundle_id, call))
        except Exception as error:
            if isinstance(error, TextTooLongError):
                error.call = len(tokenized)
            self._model.release(ticket.priority, reserved)
            ticket.fail(error)
            return
        try:
            self._model.submit(ticket, [row for part in tokenized for row in part.rows], reserved)
        except PlatformError as error:
            ticket.fail(error)

    def _assemble(self, ticket: Ticket, tokenized: Sequence[Tokenized]) -> list[TaskOutput]:
        outputs = []
        results = ticket.finished
        end = 0
        for part in tokenized:
            start, end = end, end + len(part.rows)
            outputs.append(self._runner.assemble(part, results[start:end]))
        return outputs

    def _follow_aliases(self) -> None:
        while not self._closing.wait(self._settings.alias_poll_s):
            try:
                self._bundles.refresh()
            except Exception:
                # The edge of the thread: a disk that fails now may answer at the next poll.
                LOGGER.exception("the registry's aliases cannot be read")
            self._memory.look(self._model.batches)


def _stopping() -> DependencyError:
    return DependencyError("the trunk is stopping: try again")


def _refusal(error: BaseException) -> str | None:
    """The reason that `ENCODE_REFUSED` counts; None for a failure, which is no refusal."""
    match error:
        case OverloadedError():
            return "overloaded"
        case DeadlineError():
            return "deadline"
        case asyncio.CancelledError():
            return "cancelled"
        case InputError():
            return "invalid"
        case _:
            return None

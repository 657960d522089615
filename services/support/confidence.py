"""The calibration of answers' confidence that serves: the one that ships, or a later champion."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import PlatformError
from shared.http.application import READY
from shared.retrieval.calibrations import (
    SUPPORT_CONFIDENCE,
    CalibrationBundle,
    Calibrations,
    confidence_name,
    open_calibrations,
    read_questions,
    risk_points,
)
from shared.retrieval.confidence import Calibration, RiskPoint
from shared.text.language import Language

LOGGER = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("shipped_confidence")

CHECK_S = 1.5
"""How often another champion is looked for."""


def open_confidence(root: Path) -> Calibrations:
    """The calibrations below `root`, over the one that ships with the application."""
    return open_calibrations(root, SHIPPED)


def load_calibration() -> Calibration:
    """The constants that ship with the application, for the first backbone's language."""
    return champion(open_calibrations(SHIPPED), SUPPORT_CONFIDENCE).manifest


@dataclass(frozen=True, slots=True)
class Curve:
    """What each threshold of the grid gives on a domain's held-out questions."""

    domain: str
    questions: int
    points: Sequence[RiskPoint]


def curves_of(bundle: CalibrationBundle, tenant: str) -> list[Curve]:
    """All domains pooled, then each that ships or is one of the tenant's own, `TENANT/NAME`.

    Raises:
        ArtifactError: the questions of the calibration are not in today's form.
    """
    questions = read_questions(bundle)
    domains = sorted({question.set for question in questions})
    shown = [name for name in domains if "/" not in name or name.startswith(f"{tenant}/")]
    by_domain = [(name, [q for q in questions if q.set == name]) for name in shown]
    return [
        Curve(name, len(of), risk_points(of)) for name, of in [("pooled", questions), *by_domain]
    ]


class ConfidenceFollower:
    """The champion of a language's confidence, and a task that takes another one while it serves.

    One that cannot be read is not taken: the former serves on, and `state` says so. `language` is
    None for the first backbone's.

    Raises:
        ArtifactError: the champion cannot be read at the start.
    """

    def __init__(self, store: Calibrations, language: Language | None = None) -> None:
        self.language = language
        self.name = confidence_name(language)
        self._store = store
        self._token = store.change_token()
        self._bundle = champion(store, self.name)
        self._fault: str | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def bundle(self) -> CalibrationBundle:
        """The artefact that serves now."""
        return self._bundle

    @property
    def calibration(self) -> Calibration:
        """Its constants."""
        return self._bundle.manifest

    @property
    def state(self) -> str:
        """`READY`, with the reason where a later champion cannot be read."""
        if self._fault is None:
            return READY
        return f"{READY}, but {self._bundle.id} serves on: {self._fault}"

    def start(self) -> None:
        """Starts the task."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends the task."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def follow(self) -> None:
        """Takes the champion if the aliases changed since the last time."""
        token = await asyncio.to_thread(self._store.change_token)
        if token == self._token:
            return
        bundle = await asyncio.to_thread(champion, self._store, self.name)
        self._token, self._fault = token, None
        if bundle.id != self._bundle.id:
            self._bundle = bundle
            LOGGER.info("another confidence serves", extra={"calibration": bundle.id})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                await self.follow()
            except (PlatformError, OSError) as error:
                if self._fault is None:
                    LOGGER.warning("a confidence is not taken", extra={"reason": str(error)})
                self._fault = str(error)


def champion(store: Calibrations, name: str) -> CalibrationBundle:
    """The calibration of a confidence that serves.

    Raises:
        ArtifactError: there is none, or it cannot be read.
    """
    return store.bundle(store.resolve(name))

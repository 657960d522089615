"""What is done to a run: who is killed or frozen, and how far the run has come by then."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.drills.members import Member
from tests.harness.kafka import RealKafka

_EARLIEST, _LATEST = 0.03, 0.9
"""The shares of the records between which the disturbances lie."""

_LONGEST_PAUSE_S = 0.5
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Wishes:
    """How often each thing happens; `away_s` is how long a broker stays dead."""

    kills: int = 10
    freezes: int = 3
    broker_kills: int = 0
    away_s: float = 5.0


@dataclass(frozen=True, order=True)
class _Moment:
    at_record: int
    kind: str


@dataclass
class Disturber:
    """Disturbs a run while it goes on; `step` is called with how many records are stored."""

    random: random.Random
    team: list[Member]
    kafka: RealKafka | None
    frozen_s: float
    away_s: float
    moments: list[_Moment]
    notes: list[str] = field(default_factory=list)
    _thaws: list[tuple[float, Member]] = field(default_factory=list)
    _dead_node: tuple[float, int] | None = None
    _begun_s: float = field(default_factory=time.monotonic)

    @classmethod
    def of(
        cls,
        wishes: Wishes,
        records: int,
        seed: int,
        team: list[Member],
        kafka: RealKafka | None,
        *,
        session_timeout_s: float,
    ) -> "Disturber":
        """Draws the moments."""
        draw = random.Random(seed)
        kinds = ["kill"] * wishes.kills + ["freeze"] * wishes.freezes
        kinds += ["broker"] * wishes.broker_kills
        moments = [_Moment(int(records * draw.uniform(_EARLIEST, _LATEST)), kind) for kind in kinds]
        frozen_s = 1.5 * session_timeout_s
        return cls(draw, team, kafka, frozen_s, wishes.away_s, sorted(moments))

    @property
    def is_over(self) -> bool:
        """Whether all has been done and undone."""
        return not self.moments and not self._thaws and self._dead_node is None

    def step(self, stored: int) -> None:
        """Does what is due."""
        self._undo()
        if not self.moments or stored < self.moments[0].at_record:
            return
        awake = [member for member in self.team if not member.is_frozen]
        moment = self.moments[0]
        if moment.kind == "broker":
            if self._dead_node is not None:
                return
            self._kill_broker(stored)
        else:
            if not awake:
                return
            # Where in its batch the victim stands is left to chance.
            time.sleep(self.random.uniform(0.0, _LONGEST_PAUSE_S))
            victim = self.random.choice(awake)
            if moment.kind == "kill":
                self._note(f"{victim.name} killed", stored)
                victim.kill()
                victim.start()
            else:
                self._note(f"{victim.name} frozen for {self.frozen_s:.0f} s", stored)
                victim.freeze()
                self._thaws.append((time.monotonic() + self.frozen_s, victim))
        self.moments.pop(0)

    def _kill_broker(self, stored: int) -> None:
        assert self.kafka is not None
        node = self.random.randint(1, self.kafka.nodes)
        self._note(f"broker {node} of {self.kafka.nodes} killed", stored)
        self.kafka.kill(node)
        self._dead_node = (time.monotonic() + self.away_s, node)

    def _undo(self) -> None:
        now_s = time.monotonic()
        for due in [thaw for thaw in self._thaws if thaw[0] <= now_s]:
            due[1].thaw()
            self._thaws.remove(due)
        if self._dead_node is not None and self._dead_node[0] <= now_s:
            assert self.kafka is not None
            self.kafka.start()
            self.notes.append(f"{self._clock()}  broker {self._dead_node[1]} is back")
            self._dead_node = None

    def _note(self, what: str, stored: int) -> None:
        self.notes.append(f"{self._clock()}  {what} at {stored} records stored")

    def _clock(self) -> str:
        return f"{time.monotonic() - self._begun_s:6.1f} s"


def watch(
    stored: Callable[[], int],
    unsettled: Callable[[], list[str]],
    disturber: Disturber,
    *,
    stall_s: float,
) -> None:
    """Disturbs until all was done and the run has come to its end.

    Raises:
        TimeoutError: nothing has moved for `stall_s`.
        RuntimeError: a consumer ended by itself.
    """
    moved_s, last = time.monotonic(), -1
    while True:
        for member in disturber.team:
            member.check_alive()
        number, left = stored(), len(disturber.moments)
        disturber.step(number)
        waiting = unsettled() if disturber.is_over else ["disturbances"]
        if not waiting:
            return
        if number != last or len(disturber.moments) != left:
            moved_s, last = time.monotonic(), number
        if time.monotonic() - moved_s > stall_s:
            said = [f"{member.name}: {member.said}" for member in disturber.team]
            what = f"{', '.join(waiting)} after {stall_s:.0f} s without a change"
            raise TimeoutError("\n".join([what, *disturber.notes, *said]))
        time.sleep(_LOOK_EVERY_S)

"""An alert as it is stored and shown: one episode of negative news about one entity."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

AlertState = Literal["pending", "firing", "resolved"]

RULE = "negative-news-surge"
"""The one rule there is; a fingerprint names it, so that other rules can stand beside it."""


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert; times are Unix seconds of event time.

    `episode_start` and `started_at` are when it became pending; `fired_at` is None where it did
    not fire. `figures` are those that caused its present state, `drivers` the texts behind them,
    the most negative first. `version` counts its changes.
    """

    uid: str
    tenant: str
    fingerprint: str
    episode_start: float
    entity: str
    state: AlertState
    started_at: float
    fired_at: float | None
    resolved_at: float | None
    figures: Mapping[str, object]
    drivers: Sequence[Mapping[str, object]]
    version: int

    @property
    def changed_at(self) -> float:
        """When it came into its present state."""
        match self.state:
            case "resolved" if self.resolved_at is not None:
                return self.resolved_at
            case "firing" if self.fired_at is not None:
                return self.fired_at
        return self.started_at

    def as_json(self) -> dict[str, object]:
        """What a client sees of it, wherever it sees it."""
        values = asdict(self)
        del values["tenant"], values["episode_start"]
        return values


def fingerprint(tenant: str, entity: str) -> str:
    """What an alert is about: the same for every episode of an entity, another for each tenant.

    16 hexadecimal digits, as Alertmanager's own.
    """
    about = "\0".join((RULE, tenant, entity))
    return hashlib.sha256(about.encode()).hexdigest()[:16]

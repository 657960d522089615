"""From mentions to alerts, inside the transaction that stores the mentions.

Mentions are read in effective order up to the watermark, each once, so the alerts depend on the
log alone: not on batches, on consumers, or on who was killed when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from services.sentiment.alerts.record import AlertRecord, fingerprint
from services.sentiment.tables import ALERT, ALERT_EVENT, ARTICLE, MENTION, SURGE
from shared.sentiment.surge import Mention, SurgeDetector, SurgeState, Transition
from shared.sentiment.watermark import Watermark
from shared.storage.identifiers import new_id
from shared.storage.statements import chunks, pairs_in, upsert

MAX_MENTIONS = 4096
"""How many mentions one transaction applies: what a watermark's leap frees is taken in parts."""

_DRIVER_CHARS = 500
_Key = tuple[str, str]
_Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Applied:
    """The alerts that changed, as of each change; `is_drained` unless more mentions wait."""

    changes: Sequence[AlertRecord]
    mentions: int
    is_drained: bool


class Surges:
    """Feeds the detector from the table of mentions."""

    def __init__(self, detector: SurgeDetector, *, max_mentions: int = MAX_MENTIONS) -> None:
        self._detector = detector
        self._max_mentions = max_mentions

    def apply(
        self, connection: Connection, mark: Watermark, now: float | None, stored_at: float
    ) -> Applied:
        """Applies what the watermark passes; writes states, alerts and their events.

        Episodes go on until `now`, which silence may have moved past the watermark; None: no
        record has come and nothing goes on.
        """
        if now is None:
            return Applied((), 0, is_drained=True)
        rows = _unapplied(connection, mark, self._max_mentions)
        is_drained = len(rows) < self._max_mentions
        states = _states(connection, {(row["tenant"], row["entity"]) for row in rows})
        transitions = self._transitions(rows, states, now, is_drained=is_drained)
        _mark_applied(connection, rows)
        _write_states(connection, states, stored_at)
        changes = _write_alerts(connection, transitions)
        return Applied(changes, len(rows), is_drained)

    def _transitions(
        self,
        rows: Sequence[RowMapping],
        states: Mapping[_Key, SurgeState],
        time: float,
        *,
        is_drained: bool,
    ) -> list[tuple[_Key, Transition]]:
        found: list[tuple[_Key, Transition]] = []
        for row in rows:
            key = (row["tenant"], row["entity"])
            mention = Mention(row["effective_at"], row["label"], row["negative"], row["article"])
            steps = self._detector.observe(states[key], mention)
            found.extend((key, step) for step in steps)
        if is_drained:
            for key, state in states.items():
                if state.active:
                    found.extend((key, step) for step in self._detector.advance(state, time))
        return found


def _unapplied(connection: Connection, mark: Watermark, limit: int) -> Sequence[RowMapping]:
    if mark.time is None:
        return []
    columns = MENTION.c
    effective = columns.effective_at
    query = (
        sa.select(
            columns.article,
            columns.tenant,
            columns.entity,
            columns.label,
            columns.negative,
            effective,
            columns.partition,
            columns.offset,
        )
        .where(
            ~columns.applied, effective <= mark.time if mark.inclusive else effective < mark.time
        )
        .order_by(*_ORDER)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def _mark_applied(connection: Connection, rows: Sequence[RowMapping]) -> None:
    """All up to the last one that was read, in one statement."""
    if not rows:
        return
    last = rows[-1]
    place = sa.tuple_(*(sa.literal(last[c.name], c.type) for c in _ORDER))
    passed = sa.tuple_(*_ORDER) <= place
    connection.execute(MENTION.update().where(~MENTION.c.applied, passed).values(applied=True))


def _states(connection: Connection, keys: set[_Key]) -> dict[_Key, SurgeState]:
    """The states of the entities mentioned, and of all whose timers run."""
    columns = SURGE.c
    query = sa.select(columns.tenant, columns.entity, columns.state)
    found = connection.execute(query.where(columns.active)).all()
    for part in chunks(sorted(keys)):
        mentioned = pairs_in(columns.tenant, columns.entity, part)
        found = [*found, *connection.execute(query.where(mentioned))]
    states = {(tenant, entity): SurgeState.from_json(state) for tenant, entity, state in found}
    for key in keys - states.keys():
        states[key] = SurgeState()
    return states


def has_active(connection: Connection) -> bool:
    """Whether any episode lasts, so that time alone may change it."""
    return (
        connection.execute(sa.select(SURGE.c.entity).where(SURGE.c.active).limit(1)).first()
        is not None
    )


def _write_states(
    connection: Connection, states: Mapping[_Key, SurgeState], stored_at: float
) -> None:
    rows = [
        {
            "tenant": tenant,
            "entity": entity,
            "state": state.to_json(),
            "active": state.active,
            "stored_at": stored_at,
        }
        for (tenant, entity), state in sorted(states.items())
    ]
    upsert(connection, SURGE, rows, replaced=("state", "active", "stored_at"))


def _write_alerts(
    connection: Connection, transitions: Sequence[tuple[_Key, Transition]]
) -> list[AlertRecord]:
    """One row for each episode, and one event for each transition."""
    if not transitions:
        return []
    drivers = _drivers(connection, [step for _, step in transitions])
    episodes = {(fingerprint(*key), step.episode_start) for key, step in transitions}
    known = _known(connection, episodes)
    changes: list[AlertRecord] = []
    for (tenant, entity), step in transitions:
        mark = fingerprint(tenant, entity)
        before = known.get((mark, step.episode_start))
        if before is None:
            before = _new(tenant, entity, mark, step)
        after = replace(
            before,
            state=step.phase,
            fired_at=step.fired_at,
            resolved_at=step.at if step.phase == "resolved" else None,
            figures=asdict(step.figures),
            drivers=[
                {**drivers[driver.ref], "negative": driver.negative_probability}
                for driver in step.drivers
                if driver.ref in drivers
            ],
            version=before.version + 1,
        )
        known[mark, step.episode_start] = after
        changes.append(after)
    latest = {(alert.fingerprint, alert.episode_start): alert for alert in changes}
    rows = [asdict(alert) for alert in latest.values()]
    changing = ("state", "fired_at", "resolved_at", "figures", "drivers", "version")
    upsert(connection, ALERT, rows, replaced=changing, key=("fingerprint", "episode_start"))
    connection.execute(ALERT_EVENT.insert(), [_event(alert) for alert in changes])
    return changes


def _new(tenant: str, entity: str, mark: str, step: Transition) -> AlertRecord:
    return AlertRecord(
        uid=new_id(),
        tenant=tenant,
        fingerprint=mark,
        episode_start=step.episode_start,
        entity=entity,
        state=step.phase,
        started_at=step.episode_start,
        fired_at=None,
        resolved_at=None,
        figures={},
        drivers=(),
        version=0,
    )


def _known(
    connection: Connection, episodes: set[tuple[str, float]]
) -> dict[tuple[str, float], AlertRecord]:
    found: dict[tuple[str, float], AlertRecord] = {}
    for part in chunks(sorted(episodes)):
        place = pairs_in(ALERT.c.fingerprint, ALERT.c.episode_start, part)
        for row in connection.execute(sa.select(ALERT).where(place)).mappings():
            found[row["fingerprint"], row["episode_start"]] = AlertRecord(**row)
    return found


def _drivers(connection: Connection, steps: Sequence[Transition]) -> dict[str, _Row]:
    refs = sorted({driver.ref for step in steps for driver in step.drivers})
    columns = ARTICLE.c
    query = sa.select(columns.uid, columns.id, columns.source, columns.text, columns.published_at)
    found: dict[str, _Row] = {}
    for part in chunks(refs):
        for row in connection.execute(query.where(columns.uid.in_(part))).mappings():
            found[row["uid"]] = {
                "article": row["uid"],
                "id": row["id"],
                "source": row["source"],
                "text": row["text"][:_DRIVER_CHARS],
                "published_at": row["published_at"],
            }
    return found


def _event(alert: AlertRecord) -> _Row:
    return {
        "tenant": alert.tenant,
        "alert": alert.uid,
        "state": alert.state,
        "at": alert.changed_at,
        "payload": alert.as_json(),
    }


_ORDER = (
    MENTION.c.effective_at,
    MENTION.c.partition,
    MENTION.c.offset,
    MENTION.c.entity,
    # Of two topics with one name, of which the older one was deleted, offsets may be equal.
    MENTION.c.article,
)

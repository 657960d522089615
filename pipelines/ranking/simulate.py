"""Simulates how people behave in the sample's shop: `events.jsonl` from `items.jsonl` and a seed.

The model, all of it:

- **Tastes**: a shopper mixes one of six kinds of people (`KINDS`, weights over categories) with
  their own taste, and has a price level: a place between cheap and dear within a category.
- **Appeal**: an item has a quality that all agree on, and a quarter of the items have a season of
  some days in which more people want them (popularity drifts).
- **Utility** of an item for a shopper: taste for its category, minus the squared distance from the
  price level, plus appeal.
- **Rankings**: a visit shows eight items, at the shop's front (what was clicked lately, with a few
  at random) or on the page of a category. Nobody sees what they would like most: that would teach a
  ranker to copy the simulator.
- **Position bias**: the item in place k is looked at with probability k^-0.6, and then clicked with
  probability sigmoid(utility - 1.2). After a click some put it into the cart, some of those buy it,
  some of those rate it, by its utility and noise.
- **Search**: three visits in ten begin with an item that the shopper looked for, by taste.
- A visit in ten is by nobody that is known: a session without a user.

Random numbers come from `random.random()` alone, whose sequence Python keeps over its versions.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field
from rich.console import Console

from pipelines.command import CommandLine
from pipelines.ranking.simulated_shop import (
    DAYS,
    Dice,
    Item,
    Json,
    Shopper,
    Visit,
    draw_items,
    draw_shopper,
    milliseconds,
)
from shared.config import Settings
from shared.errors import InputError
from shared.tabular.rows import BadRow
from shared.tabular.table import TableFormat, open_table

SAMPLE = Path(__file__).parents[2] / "services" / "recommendation" / "sample"
SEED = 2025

_SHOPPERS = 120
_VISITS = 1_450
_PLACES = 8
_RANDOM_PLACES = 3
_HALF_LIFE_DAYS = 5.0


class SimulateSettings(Settings):
    """The items that are shown, the random numbers' seed, and where the events go."""

    items: Path = Field(SAMPLE / "items.jsonl", description="JSON Lines of item events")
    out: Path = Field(SAMPLE / "events.jsonl", description="where the events are written")
    seed: int = Field(SEED, description="of the random numbers")


def simulate(items: Sequence[Mapping[str, object]], seed: int = SEED) -> list[Json]:
    """The events of users, rankings and interactions, ordered by time, from item events."""
    return list(_Shop(items, Dice(seed)).events())


class _Shop:
    """The shop over the days: what was clicked lately decides what it shows first."""

    def __init__(self, items: Sequence[Mapping[str, object]], dice: Dice) -> None:
        self._dice = dice
        self._items = draw_items(items, dice)
        self._categories = sorted({item.category for item in self._items})
        self._shoppers = [
            draw_shopper(number, self._categories, dice) for number in range(1, _SHOPPERS + 1)
        ]
        self._clicks = [0.0] * len(self._items)
        self._clicks_day = 0.0
        self._interactions = 0

    def events(self) -> Iterator[Json]:
        """Users first, then visit after visit; every visit's events follow each other in time."""
        for shopper in self._shoppers:
            yield _user_event(shopper)
        days = sorted(self._moment() for _ in range(_VISITS))
        activities = [shopper.activity for shopper in self._shoppers]
        pending: list[Json] = []
        for number, day in enumerate(days, start=1):
            shopper = self._shoppers[self._dice.index(activities)]
            is_known = self._dice.uniform() >= 0.1
            pending += self._visit(number, day, shopper, shopper.id if is_known else None)
        yield from sorted(pending, key=lambda event: int(str(event["timestamp"])))

    def _moment(self) -> float:
        """A moment in days since the start; evenings see most visits."""
        hour = (19.0 + 4.5 * self._dice.normal()) % 24.0
        return math.floor(self._dice.uniform() * DAYS) + hour / 24.0

    def _visit(self, number: int, day: float, shopper: Shopper, user: str | None) -> list[Json]:
        visit = Visit(f"s-{number:04}", user, milliseconds(day))
        events = []
        if self._dice.uniform() < 0.3:
            looked_for = self._wanted(shopper, day)
            events.append(self._interaction(visit, "view", looked_for, None))
        is_front = self._dice.uniform() < 0.6
        category = None if is_front else self._category(shopper)
        shown = self._shown(day, category)
        ranking = f"r-{number:04}"
        events.append(_ranking_event(ranking, visit, shopper.device, category, shown))
        for place, item in enumerate(shown, start=1):
            chance = place**-0.6 * _sigmoid(shopper.utility(item, day) - 1.2)
            if self._dice.uniform() < chance:
                events += self._interested(visit, shopper, item, day, ranking)
        return events

    def _interested(
        self, visit: Visit, shopper: Shopper, item: Item, day: float, ranking: str
    ) -> list[Json]:
        """A click, and what may follow it."""
        utility = shopper.utility(item, day)
        self._count_click(item, day)
        events = [self._interaction(visit, "click", item, ranking)]
        if self._dice.uniform() < _sigmoid(utility - 2.2):
            events.append(self._interaction(visit, "cart", item, ranking))
            if self._dice.uniform() < 0.55:
                events.append(self._interaction(visit, "purchase", item, ranking))
                # Whoever rates has used it for some days, if those are not over.
                later = visit.later(self._dice.between(2, 6))
                if self._dice.uniform() < 0.6 and later.now_ms < milliseconds(DAYS):
                    stars = round(3.4 + 0.4 * utility + 0.8 * self._dice.normal())
                    fields = [{"name": "value", "value": float(min(5, max(1, stars)))}]
                    events.append(self._interaction(later, "rating", item, None, fields))
        return events

    def _shown(self, day: float, category: str | None) -> list[Item]:
        """The eight of a page: by clicks of late, with noise, and some at random."""
        self._decay(day)
        pool = [
            index
            for index, item in enumerate(self._items)
            if item.from_day <= day and category in (None, item.category)
        ]
        weights = [math.sqrt(0.5 + self._clicks[index]) for index in pool]
        shown: list[Item] = []
        while pool and len(shown) < _PLACES:
            is_random = len(shown) >= _PLACES - _RANDOM_PLACES
            drawn = self._dice.index([1.0] * len(pool) if is_random else weights)
            shown.append(self._items[pool.pop(drawn)])
            weights.pop(drawn)
        return shown

    def _wanted(self, shopper: Shopper, day: float) -> Item:
        pool = [item for item in self._items if item.from_day <= day]
        return pool[self._dice.index([math.exp(shopper.utility(item, day)) for item in pool])]

    def _category(self, shopper: Shopper) -> str:
        tastes = [0.3 + math.exp(shopper.tastes[name]) for name in self._categories]
        return self._categories[self._dice.index(tastes)]

    def _decay(self, day: float) -> None:
        factor = 2.0 ** -((day - self._clicks_day) / _HALF_LIFE_DAYS)
        self._clicks = [count * factor for count in self._clicks]
        self._clicks_day = day

    def _count_click(self, item: Item, day: float) -> None:
        self._decay(day)
        self._clicks[self._items.index(item)] += 1.0

    def _interaction(
        self,
        visit: Visit,
        kind: str,
        item: Item,
        ranking: str | None,
        fields: Sequence[Json] = (),
    ) -> Json:
        self._interactions += 1
        return {
            "event": "interaction",
            "id": f"i-{self._interactions:05}",
            "timestamp": visit.next_ms(self._dice.between(3, 40)),
            "type": kind,
            **visit.who(),
            "item": item.id,
            **({} if ranking is None else {"ranking": ranking}),
            "fields": list(fields),
        }


def _user_event(shopper: Shopper) -> Json:
    return {
        "event": "user",
        "id": f"user-{shopper.id}",
        "timestamp": milliseconds(0.0),
        "user": shopper.id,
        "fields": [{"name": "device", "value": shopper.device}],
    }


def _ranking_event(
    id: str, visit: Visit, device: str, category: str | None, shown: Sequence[Item]
) -> Json:
    fields: list[Json] = [{"name": "device", "value": device}]
    if category is not None:
        fields.append({"name": "category", "value": category})
    return {
        "event": "ranking",
        "id": id,
        "timestamp": visit.next_ms(1.0),
        **visit.who(),
        "fields": fields,
        "items": [{"id": item.id} for item in shown],
    }


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def run(settings: SimulateSettings, command: str, console: Console) -> int:
    """Writes the events of a file of items."""
    items = list(_items(settings.items))
    lines = [f"{json.dumps(event)}\n" for event in simulate(items, settings.seed)]
    settings.out.write_text("".join(lines), encoding="utf-8")
    print(f"{len(lines)} events in {settings.out}")
    return 0


def _items(path: Path) -> Iterator[Mapping[str, object]]:
    for row in open_table(path, table_format=TableFormat.JSON_LINES).rows():
        if isinstance(row, BadRow):
            raise InputError(f"{path}, row {row.number}: {row.reason}")
        yield row.values


main = CommandLine(
    "ranking.simulate",
    SimulateSettings,
    run,
    __doc__,
    section="",
    options=("items", "out", "seed"),
)

if __name__ == "__main__":
    sys.exit(main())

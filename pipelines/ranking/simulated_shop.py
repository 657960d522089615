"""Who comes to the simulated shop, and what it sells: drawn numbers that behaviour follows from."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

START = datetime(2025, 1, 6, tzinfo=UTC)
DAYS = 56

Json = dict[str, object]

KINDS: tuple[Mapping[str, float], ...] = (
    {"outdoor": 4, "travel": 2, "sport": 3, "tools": 0.5},
    {"kitchen": 4, "garden": 3, "home": 1, "books": 0.5},
    {"books": 4, "office": 2, "home": 1.5, "music": 1},
    {"music": 5, "electronics": 2, "books": 0.5},
    {"toys": 4, "pets": 2, "bath": 1, "home": 1},
    {"art": 4, "tools": 2.5, "electronics": 1.5, "office": 1},
)
"""Six kinds of people, as weights over categories; a category that is not named weighs nothing."""


class Dice:
    """What is drawn, from uniform numbers alone."""

    def __init__(self, seed: int) -> None:
        self.uniform = random.Random(seed).random  # noqa: S311

    def normal(self) -> float:
        """A standard normal number (Box and Muller)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return radius * math.cos(2.0 * math.pi * self.uniform())

    def index(self, weights: Sequence[float]) -> int:
        """An index, with a probability in proportion to its weight."""
        left = self.uniform() * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return len(weights) - 1

    def between(self, low: float, high: float) -> float:
        """A uniform number from low to high."""
        return low + (high - low) * self.uniform()


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the shop: `price_z` is its price's place in its category, about -2 to 2."""

    id: str
    category: str
    price_z: float
    from_day: float
    quality: float
    season_day: float
    season_height: float

    def appeal(self, day: float) -> float:
        """How much everybody wants it on a day."""
        distance = (day - self.season_day) / 4.0
        return self.quality + self.season_height * math.exp(-distance * distance / 2)


@dataclass(frozen=True, slots=True)
class Shopper:
    """A person: `tastes` are log weights of categories, `activity` how often they come."""

    id: str
    tastes: Mapping[str, float]
    price_level: float
    activity: float
    device: str

    def utility(self, item: Item, day: float) -> float:
        """How much the shopper wants an item on a day."""
        off = item.price_z - self.price_level
        return self.tastes[item.category] - 0.35 * off * off + item.appeal(day)


@dataclass
class Visit:
    """A session under way; its clock moves with every event."""

    session: str
    user: str | None
    now_ms: int

    def next_ms(self, after_s: float) -> int:
        """The time of the next event, some seconds after the one before."""
        self.now_ms += int(after_s * 1000)
        return self.now_ms

    def later(self, days: float) -> "Visit":
        """The same person some days later."""
        return Visit(f"{self.session}-later", self.user, self.now_ms + int(days * 86_400_000))

    def who(self) -> Json:
        """The keys that say whose event it is."""
        return {**({} if self.user is None else {"user": self.user}), "session": self.session}


def draw_shopper(number: int, categories: Sequence[str], dice: Dice) -> Shopper:
    """A person of one of the kinds, with an own taste besides."""
    kind = KINDS[dice.index([1.0] * len(KINDS))]
    weights = {name: kind.get(name, 0.0) + 0.15 * math.exp(dice.normal()) for name in categories}
    mean = sum(weights.values()) / len(weights)
    return Shopper(
        id=f"u-{number:03}",
        tastes={name: math.log(weight / mean) for name, weight in weights.items()},
        price_level=dice.normal(),
        activity=math.exp(0.8 * dice.normal()),
        device=("phone", "laptop")[dice.index([0.6, 0.4])],
    )


def draw_items(events: Sequence[Mapping[str, object]], dice: Dice) -> list[Item]:
    """The items that can be had, from their events; the shop decides what people make of them."""
    rows = [(str(event["item"]), _day(event), _fields(event)) for event in events]
    prices: dict[str, list[float]] = {}
    for _, _, fields in rows:
        prices.setdefault(str(fields["category"]), []).append(_log_price(fields))
    items = []
    for name, day, fields in rows:
        of_category = prices[str(fields["category"])]
        mean = sum(of_category) / len(of_category)
        spread = math.sqrt(sum((one - mean) ** 2 for one in of_category) / len(of_category))
        has_season = dice.uniform() < 0.25
        item = Item(
            id=name,
            category=str(fields["category"]),
            price_z=(_log_price(fields) - mean) / (spread or 1.0),
            from_day=day,
            quality=0.6 * dice.normal(),
            season_day=dice.between(0, DAYS),
            season_height=1.8 if has_season else 0.0,
        )
        # What is sold out is not shown; it was drawn for all the same, so that a change of one
        # item leaves the others' numbers as they are.
        if fields.get("available", True):
            items.append(item)
    return items


def _fields(event: Mapping[str, object]) -> dict[str, object]:
    fields = event["fields"]
    assert isinstance(fields, list)  # noqa: S101
    return {field["name"]: field["value"] for field in fields}


def _log_price(fields: Mapping[str, object]) -> float:
    return math.log(float(str(fields["price"])))


def _day(event: Mapping[str, object]) -> float:
    return (int(str(event["timestamp"])) / 1000 - START.timestamp()) / 86_400


def milliseconds(day: float) -> int:
    """Unix milliseconds of a moment in days since the start."""
    return round((START.timestamp() + day * 86_400) * 1000)

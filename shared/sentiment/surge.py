"""A surge of negative news about an entity, against the entity's own baseline.

Two predictive tails are tested together on the recent window of w seconds, with n negative
mentions of t in all. The baseline holds what was seen before that window: N negative of T mentions
in E seconds, all decayed with a half-life.

- Count: with a rate ~ Gamma(a, b), a = a0 + N and b = b0 + E, the number of negative mentions in w
  seconds is negative binomial, and P(X >= n) = I_{w/(b+w)}(n, a), the regularised incomplete beta
  function. Source: Gelman et al., "Bayesian Data Analysis", 3rd ed., section 2.6.
- Share: with a share ~ Beta(c, d), c = c0 + N and d = d0 + T - N, the number of negative ones
  among t mentions is beta-binomial. Source: the same, section 2.4, and `tails.py`.

The shape a is bounded by 1/v^2, where v is by how much an entity's true rate varies from window to
window, since news comes in bursts and has a time of day; c + d is bounded alike. A louder day
raises the count alone, and one bad headline of a quiet hour the share alone: neither is a surge.

    calm --low thresholds--> pending --high thresholds--> firing
    pending or firing --below the low thresholds for quiet_s--> resolved (calm again)

Until an entity is known for `min_history_s` before the window, it is compared with the prior alone,
Gamma(a0, b0) and Beta(c0, d0), and an episode opens and fires only with `newcomer_support`: minutes
of a baseline say less than they seem to.

From the first transition of an episode until `resolved` a known entity's baseline stands still, so
that a surge does not become its own norm; after `max_freeze_s` it learns again, and what lasts
becomes normal.

All state changes at mentions and, while an episode lasts, at ticks of event time that are
multiples of `bucket_s`. So the transitions depend on the mentions in their order alone, and not on
how often `advance` is called.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Literal, Self

from pydantic import Field, JsonValue, TypeAdapter, ValidationError, model_validator

from shared.config import Settings
from shared.errors import ArtifactError
from shared.sentiment.history import Decay, History
from shared.sentiment.labels import NEGATIVE, Label
from shared.sentiment.tails import count_tail, share_tail
from shared.validation.faults import faults_of, joined

Phase = Literal["calm", "pending", "firing"]
TransitionPhase = Literal["pending", "firing", "resolved"]


class SurgeSettings(Settings, allow_inf_nan=False):
    """When negative news is a surge; `_p` are tails of the predictive distributions, at most which.

    The window decides what a surge is: of an entity with few mentions an hour, five times as many
    in half an hour are still too few, and a longer window finds what builds up more slowly.

    - `low_support`, `high_support`: the negative mentions that the window must hold.
    - `min_history_s`, `newcomer_support`: until when an entity is new, and what it needs then.
    - `prior_*`: a0 = negative per hour times hours, b0 = hours; c0 + d0 = mentions, c0 = their
      negative share.
    - `rate_variation`: the standard deviation of the true rate, over its mean, from window to
      window; `share_evidence`: the mentions that the baseline's share is worth at most.
    """

    bucket_s: int = Field(60, ge=1)
    window_s: int = Field(1_800, ge=1)
    half_life_s: float = Field(3 * 86_400.0, gt=0)
    low_count_p: float = Field(1e-3, gt=0, lt=1)
    high_count_p: float = Field(1e-5, gt=0, lt=1)
    low_share_p: float = Field(0.05, gt=0, lt=1)
    high_share_p: float = Field(0.01, gt=0, lt=1)
    low_support: int = Field(4, ge=1)
    high_support: int = Field(6, ge=1)
    quiet_s: float = Field(900.0, gt=0)
    min_history_s: float = Field(7_200.0, ge=0)
    newcomer_support: int = Field(20, ge=1)
    prior_negative_per_hour: float = Field(1.0, gt=0)
    prior_hours: float = Field(1.0, gt=0)
    prior_share: float = Field(0.25, gt=0, lt=1)
    prior_mentions: float = Field(4.0, gt=0)
    rate_variation: float = Field(0.35, gt=0)
    share_evidence: float = Field(50.0, gt=0)
    max_freeze_s: float = Field(86_400.0, gt=0)
    max_drivers: int = Field(10, ge=1, le=100)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window_s % self.bucket_s:
            raise ValueError(
                f"window_s={self.window_s} is not a multiple of bucket_s={self.bucket_s}"
            )
        for low, high in (
            (self.high_count_p, self.low_count_p),
            (self.high_share_p, self.low_share_p),
            (self.low_support, self.high_support),
            (self.high_support, self.newcomer_support),
        ):
            if low > high:
                raise ValueError(
                    "the high thresholds must be the harder ones: high_count_p <= low_count_p, "
                    "high_share_p <= low_share_p, low_support <= high_support <= newcomer_support"
                )
        return self


@dataclass(frozen=True, slots=True)
class Mention:
    """One judged mention of an entity, in effective order.

    `time` is the effective time in Unix seconds, `ref` whatever finds the text again.
    """

    time: float
    label: Label
    negative_probability: float
    ref: str


@dataclass(frozen=True, slots=True)
class SurgeFigures:
    """What was compared: the recent window against what the baseline led to expect in it."""

    negative: int
    total: int
    expected_negative: float
    baseline_share: float
    share: float
    count_p: float
    share_p: float
    window_s: int


@dataclass(frozen=True, slots=True)
class Driver:
    """A negative mention that drove a surge."""

    time: float
    negative_probability: float
    ref: str


@dataclass(frozen=True, slots=True)
class Transition:
    """A step of an episode, which is known by its entity and `episode_start`.

    `at` is in event time. The figures are those of the moment, with `resolved` those of the
    episode's peak. `fired_at` is None while the episode has not fired, with `resolved` where it
    never did. The drivers are ordered from the most negative one.
    """

    phase: TransitionPhase
    episode_start: float
    at: float
    fired_at: float | None
    figures: SurgeFigures
    drivers: tuple[Driver, ...]


@dataclass(slots=True)
class Episode:
    """A surge that lasts: since when, when it was last above the low thresholds, and its peak."""

    start: float
    elevated_at: float
    peak: SurgeFigures
    fired_at: float | None = None


@dataclass(slots=True)
class SurgeState:
    """What the detector remembers of one entity; a new one is `SurgeState()`.

    `time` is that of the newest mention or tick. It stays small: the buckets of one window, and a
    bounded number of drivers.
    """

    time: float | None = None
    history: History = field(default_factory=History)
    episode: Episode | None = None
    drivers: list[Driver] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether an episode lasts: only then can `advance` change anything."""
        return self.episode is not None

    @property
    def phase(self) -> Phase:
        """Where the entity stands."""
        if self.episode is None:
            return "calm"
        return "pending" if self.episode.fired_at is None else "firing"

    def to_json(self) -> dict[str, JsonValue]:
        """The state as JSON values, from which `from_json` makes an equal one."""
        values: dict[str, JsonValue] = _adapter().dump_python(self, mode="json")
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, JsonValue]) -> "SurgeState":
        """The state that `to_json` wrote.

        Raises:
            ArtifactError: the values are not such a state.
        """
        # A state of other keys would be read as one that has forgotten everything.
        if values.keys() != _KEYS:
            raise ArtifactError(
                f"a stored surge state has the keys {sorted(values)}, expected {sorted(_KEYS)}: "
                f"{_REMEDY}"
            )
        try:
            return _adapter().validate_python(values)
        except ValidationError as error:
            faults = joined(faults_of(error, values))
            raise ArtifactError(
                f"a stored surge state cannot be read: {faults}: {_REMEDY}"
            ) from None


_KEYS = {known.name for known in fields(SurgeState)}
_REMEDY = "delete its row to learn its baseline again"


@cache
def _adapter() -> TypeAdapter[SurgeState]:
    return TypeAdapter(SurgeState)


class SurgeDetector:
    """Follows any number of entities, each by its own state, which it changes in place."""

    def __init__(self, settings: SurgeSettings) -> None:
        self.settings = settings
        self._buckets = settings.window_s // settings.bucket_s
        self._decay = Decay.of(settings.half_life_s, settings.bucket_s)
        self._prior_s = settings.prior_hours * 3_600.0
        self._prior_negative = settings.prior_negative_per_hour * settings.prior_hours
        self._max_shape = settings.rate_variation**-2

    def observe(self, state: SurgeState, mention: Mention) -> list[Transition]:
        """Takes the next mention of an entity, and returns what it and the time before it cause.

        A mention older than the newest one counts as of that one's time.
        """
        at = mention.time if state.time is None else max(mention.time, state.time)
        transitions = self.advance(state, at)
        state.time = at
        bucket = self._bucket(at)
        self._roll(state, bucket, at)
        negative = mention.label == NEGATIVE
        state.history.add(bucket, negative=negative)
        if negative:
            self._remember(state, mention, at)
        # A mention that is not negative lowers both sides of the test: in calm it opens nothing.
        if negative or state.active:
            transitions += self._judge(state, at)
        return transitions

    def advance(self, state: SurgeState, time: float) -> list[Transition]:
        """Lets event time pass up to `time`, and returns what the ticks until then cause.

        All mentions with a time before it must have been observed.
        """
        transitions: list[Transition] = []
        while state.episode is not None and state.time is not None:
            bucket = self._bucket(state.time) + 1
            tick = float(bucket * self.settings.bucket_s)
            if tick > time:
                break
            state.time = tick
            self._roll(state, bucket, tick)
            transitions += self._judge(state, tick)
            if tick - state.episode.elevated_at >= self.settings.quiet_s:
                transitions.append(_resolve(state, state.episode, tick))
        return transitions

    def _bucket(self, time: float) -> int:
        return math.floor(time / self.settings.bucket_s)

    def _roll(self, state: SurgeState, bucket: int, at: float) -> None:
        """Moves the window so that it ends with a bucket."""
        start = bucket - self._buckets + 1
        learn = (
            state.episode is None
            or at - state.episode.start >= self.settings.max_freeze_s
            or not self._is_known(state.history, at)
        )
        state.history.leave_before(start, self._decay, learn=learn)
        if not state.active and state.drivers:
            earliest = start * self.settings.bucket_s
            state.drivers = [driver for driver in state.drivers if driver.time >= earliest]

    def _remember(self, state: SurgeState, mention: Mention, at: float) -> None:
        """Keeps the most negative mentions, of equal ones the earliest."""
        drivers = state.drivers
        drivers.append(Driver(at, mention.negative_probability, mention.ref))
        if len(drivers) > self.settings.max_drivers:
            del drivers[min(range(len(drivers)), key=lambda i: (_strength(drivers[i]), -i))]

    def _judge(self, state: SurgeState, at: float) -> list[Transition]:
        """Compares the window with the baseline, and goes up the phases as far as it carries."""
        figures = self._elevated(state, at)
        if figures is None:
            return []
        transitions = []
        episode = state.episode
        if episode is None:
            episode = state.episode = Episode(start=at, elevated_at=at, peak=figures)
            transitions.append(_transition(episode, "pending", at, figures, state.drivers))
        episode.elevated_at = at
        if _extremeness(figures) > _extremeness(episode.peak):
            episode.peak = figures
        if episode.fired_at is None and self._is_high(state.history, figures, at):
            episode.fired_at = at
            transitions.append(_transition(episode, "firing", at, figures, state.drivers))
        return transitions

    def _elevated(self, state: SurgeState, at: float) -> SurgeFigures | None:
        """The figures where they exceed the low thresholds; the cheap refusals come first."""
        settings, history = self.settings, state.history
        if history.negative < settings.low_support:
            return None
        known = self._is_known(history, at)
        if not known and not state.active and history.negative < settings.newcomer_support:
            return None
        shape, rate = self._prior_negative, self._prior_s
        share, mentions = settings.prior_share, settings.prior_mentions
        if known:
            shape += history.baseline_negative
            rate += history.baseline_s
            mentions += history.baseline_total
            share = (
                settings.prior_share * settings.prior_mentions + history.baseline_negative
            ) / mentions
        expected = shape / rate * settings.window_s
        if shape > self._max_shape:
            rate *= self._max_shape / shape
            shape = self._max_shape
        count_p = count_tail(history.negative, shape, rate, settings.window_s)
        if count_p > settings.low_count_p:
            return None
        evidence = min(mentions, settings.share_evidence)
        share_p = share_tail(
            history.negative, history.total, share * evidence, (1.0 - share) * evidence
        )
        if share_p > settings.low_share_p:
            return None
        return SurgeFigures(
            negative=history.negative,
            total=history.total,
            expected_negative=expected,
            baseline_share=share,
            share=history.negative / history.total,
            count_p=count_p,
            share_p=share_p,
            window_s=settings.window_s,
        )

    def _is_high(self, history: History, figures: SurgeFigures, at: float) -> bool:
        settings = self.settings
        known = self._is_known(history, at)
        return (
            figures.count_p <= settings.high_count_p
            and figures.share_p <= settings.high_share_p
            and figures.negative >= (settings.high_support if known else settings.newcomer_support)
        )

    def _is_known(self, history: History, at: float) -> bool:
        """Whether the entity was seen for long enough before the window began."""
        first = self._bucket(at) if history.first is None else history.first
        known_s = at - self.settings.window_s - first * self.settings.bucket_s
        return known_s >= self.settings.min_history_s


def _transition(
    episode: Episode,
    phase: TransitionPhase,
    at: float,
    figures: SurgeFigures,
    drivers: list[Driver],
) -> Transition:
    # Sorting is stable: of equally negative ones the earliest comes first.
    ordered = tuple(sorted(drivers, key=_strength, reverse=True))
    return Transition(phase, episode.start, at, episode.fired_at, figures, ordered)


def _resolve(state: SurgeState, episode: Episode, at: float) -> Transition:
    transition = _transition(episode, "resolved", at, episode.peak, state.drivers)
    state.episode, state.drivers = None, []
    return transition


def _strength(driver: Driver) -> float:
    return driver.negative_probability


def _extremeness(figures: SurgeFigures) -> tuple[float, int]:
    return -figures.count_p, figures.negative

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import load
from shared.errors import ArtifactError, ConfigError
from shared.sentiment.labels import LABELS, Label
from shared.sentiment.surge import (
    Mention,
    SurgeDetector,
    SurgeSettings,
    SurgeState,
    Transition,
)

HOUR_S = 3_600.0
START = 1_700_000_000.0
DETECTOR = SurgeDetector(SurgeSettings())
TOUCHY = SurgeSettings(
    window_s=600,
    low_count_p=0.3,
    high_count_p=0.1,
    low_share_p=0.9,
    high_share_p=0.5,
    low_support=1,
    high_support=2,
    newcomer_support=3,
    min_history_s=1_200,
    quiet_s=300,
    max_freeze_s=3_000,
    max_drivers=3,
    prior_negative_per_hour=2,
)
"""Thresholds so low that random streams go through every phase."""


def regular(
    label: Label, every_s: float, seconds: float, start: float = START, ref: str = "calm"
) -> list[Mention]:
    """Mentions of one label at regular times."""
    times = np.arange(start, start + seconds, every_s)
    return [Mention(float(at), label, 0.8, f"{ref} {n}") for n, at in enumerate(times)]


def calm(hours: float, start: float = START) -> list[Mention]:
    """Eight mentions an hour, two of them negative."""
    negative = regular("negative", HOUR_S / 2, hours * HOUR_S, start)
    neutral = regular("neutral", HOUR_S / 6, hours * HOUR_S, start + 60)
    return sorted([*negative, *neutral], key=lambda mention: mention.time)


def follow(
    mentions: list[Mention], *, until: float | None = None, state: SurgeState | None = None
) -> list[Transition]:
    state = SurgeState() if state is None else state
    found = [step for mention in mentions for step in DETECTOR.observe(state, mention)]
    return found if until is None else found + DETECTOR.advance(state, until)


MENTIONS = st.lists(
    st.builds(
        lambda gap, label, probability, ref: (gap, label, probability, str(ref)),
        st.sampled_from([0.0, 1.5, 20.0, 60.0, 200.0, 900.0, 4_000.0]),
        st.sampled_from([*LABELS, "negative"]),
        st.sampled_from([0.5, 0.7, 0.9]),
        st.integers(0, 99),
    ),
    max_size=80,
).map(
    lambda rows: [
        Mention(START + float(at), label, probability, ref)
        for at, (_, label, probability, ref) in zip(
            np.cumsum([row[0] for row in rows]), rows, strict=True
        )
    ]
)


class TestEpisodes:
    def test_a_surge_fires_and_resolves_with_its_figures_and_drivers(self) -> None:
        start = START + 6 * HOUR_S
        surge = [
            replace(mention, negative_probability=0.9 + n / 1_000)
            for n, mention in enumerate(regular("negative", 60, 1_200, start, "recall"))
        ]
        pending, firing, resolved = follow([*calm(6), *surge], until=start + 4 * HOUR_S)
        assert [step.phase for step in (pending, firing, resolved)] == [
            "pending",
            "firing",
            "resolved",
        ]
        assert {step.episode_start for step in (pending, firing, resolved)} == {pending.at}
        assert (pending.fired_at, resolved.fired_at) == (None, firing.at)
        assert start < firing.at <= start + 600
        assert firing.figures.expected_negative == pytest.approx(1.0, rel=0.2)
        assert firing.figures.baseline_share == pytest.approx(0.25, abs=0.03)
        assert firing.figures.count_p <= DETECTOR.settings.high_count_p
        assert firing.figures.share_p <= DETECTOR.settings.high_share_p
        assert resolved.figures.negative >= 20
        assert resolved.figures.count_p < firing.figures.count_p
        assert [driver.ref for driver in resolved.drivers] == [
            f"recall {n}" for n in range(19, 9, -1)
        ]

    def test_pending_that_subsides_never_fired(self) -> None:
        start = START + 6 * HOUR_S
        few = regular("negative", 60, 420, start)
        steps = follow([*calm(6), *few], until=start + 4 * HOUR_S)
        assert [step.phase for step in steps] == ["pending", "resolved"]
        assert steps[-1].fired_at is None

    def test_a_louder_day_with_the_same_share_is_no_surge(self) -> None:
        start = START + 6 * HOUR_S
        busy = calm(6) + [
            replace(mention, time=start + (mention.time - START) / 12) for mention in calm(12)
        ]
        assert follow(busy, until=start + 4 * HOUR_S) == []

    def test_few_but_all_negative_is_no_surge(self) -> None:
        gloomy = regular("negative", HOUR_S / 2, 12 * HOUR_S, START + 6 * HOUR_S)
        assert follow([*calm(6), *gloomy], until=START + 24 * HOUR_S) == []

    def test_a_surge_does_not_become_its_own_baseline(self) -> None:
        start, state = START + 6 * HOUR_S, SurgeState()
        follow([*calm(6), *regular("negative", 30, 6 * HOUR_S, start)], state=state)
        assert state.phase == "firing"
        assert state.history.baseline_negative < 15
        assert state.episode is not None
        assert state.episode.elevated_at == state.time

    def test_what_lasts_becomes_normal(self) -> None:
        start, state = START + 6 * HOUR_S, SurgeState()
        follow([*calm(6), *regular("negative", 60, 24 * 14 * HOUR_S, start)], state=state)
        assert state.phase == "calm"

    def test_a_mention_older_than_the_newest_counts_as_of_that_time(self) -> None:
        state = SurgeState()
        follow([*calm(1), Mention(START, "negative", 0.9, "old")], state=state)
        newest = calm(1)[-1].time
        assert state.time == newest
        assert state.drivers[-1].time == newest


class TestNewcomers:
    def test_many_negatives_of_an_unknown_entity_fire(self) -> None:
        steps = follow(regular("negative", 20, 600))
        assert [step.phase for step in steps] == ["pending", "firing"]
        assert steps[0].figures.negative == DETECTOR.settings.newcomer_support

    @given(st.lists(st.sampled_from(LABELS), max_size=60), st.integers(1, 200))
    def test_none_fires_on_less(self, labels: list[Label], gap_s: int) -> None:
        wanted = DETECTOR.settings
        known_at = START + wanted.min_history_s + wanted.window_s - wanted.bucket_s
        for step in follow(
            [Mention(START + n * gap_s, label, 0.9, "") for n, label in enumerate(labels)]
        ):
            if step.phase == "pending" and step.at < known_at:
                assert step.figures.negative >= wanted.newcomer_support

    @pytest.mark.parametrize("rate", [50, 500])
    def test_a_busy_entity_starts_without_an_alarm(self, rate: int) -> None:
        for seed in range(20):
            assert follow(poisson(seed, rate, 8)) == []


class TestDeterminism:
    @given(MENTIONS, st.data())
    def test_time_may_pass_in_any_steps(self, mentions: list[Mention], data: st.DataObject) -> None:
        detector = SurgeDetector(TOUCHY)
        plain, split = SurgeState(), SurgeState()
        expected, found = [], []
        previous = START
        for mention in mentions:
            expected += detector.observe(plain, mention)
            for _ in range(data.draw(st.integers(0, 2))):
                previous = data.draw(st.floats(previous, max(previous, mention.time)))
                found += detector.advance(split, previous)
            if data.draw(st.booleans()):
                split = SurgeState.from_json(json.loads(json.dumps(split.to_json())))
            found += detector.observe(split, mention)
            previous = max(previous, mention.time)
        end = previous + 20_000
        expected += detector.advance(plain, end)
        for at in sorted(data.draw(st.lists(st.floats(previous, end), max_size=5))):
            found += detector.advance(split, at)
        found += detector.advance(split, end)
        assert found == expected
        assert split == plain
        assert split.to_json() == plain.to_json()

    @given(MENTIONS)
    def test_phases_follow_each_other_and_never_flap(self, mentions: list[Mention]) -> None:
        detector, state = SurgeDetector(TOUCHY), SurgeState()
        steps: list[Transition] = []
        calm_since = -np.inf
        for mention in mentions:
            before = state.episode.elevated_at if state.episode else -np.inf
            found = detector.observe(state, mention)
            for step in found:
                if step.phase == "resolved":
                    assert step.at - max(before, step.episode_start) >= TOUCHY.quiet_s
                    assert step.at % TOUCHY.bucket_s == 0
            steps += found
            assert len(state.history.recent) <= TOUCHY.window_s // TOUCHY.bucket_s
            assert len(state.drivers) <= TOUCHY.max_drivers
        steps += detector.advance(state, START + 1e6)
        assert not state.active
        for step, following in zip(steps, [*steps, None][1:], strict=True):
            allowed = {"pending": {"firing", "resolved"}, "firing": {"resolved"}}
            if step.phase == "resolved":
                calm_since = step.at
            else:
                assert following is not None
                assert following.phase in allowed[step.phase]
                assert following.episode_start == step.episode_start >= calm_since
        fired = [step.at for step in steps if step.phase == "firing"]
        assert all(gap >= TOUCHY.quiet_s for gap in np.diff(fired))

    def test_the_touchy_thresholds_reach_every_phase(self) -> None:
        detector, state = SurgeDetector(TOUCHY), SurgeState()
        mentions = [*regular("neutral", 300, 7_200), *regular("negative", 60, 600, START + 7_200)]
        steps = [step for mention in mentions for step in detector.observe(state, mention)]
        steps += detector.advance(state, START + 1e5)
        assert [step.phase for step in steps] == ["pending", "firing", "resolved"]


class TestState:
    def test_goes_through_json_unchanged_in_the_middle_of_an_episode(self) -> None:
        state = SurgeState()
        follow([*calm(6), *regular("negative", 47.3, 900, START + 6 * HOUR_S)], state=state)
        assert state.active
        written = json.dumps(state.to_json())
        assert SurgeState.from_json(json.loads(written)) == state
        assert len(written) < 4_000

    @pytest.mark.parametrize(
        "values",
        [
            {},
            SurgeState().to_json() | {"x": 1},
            SurgeState().to_json() | {"time": "noon"},
            SurgeState().to_json() | {"history": {"recent": [[1, 2]]}},
        ],
    )
    def test_other_values_are_refused(self, values: dict[str, object]) -> None:
        with pytest.raises(ArtifactError, match="delete its row"):
            SurgeState.from_json(json.loads(json.dumps(values)))


class TestSettings:
    @pytest.mark.parametrize(
        "values",
        [
            {"window_s": 1_801},
            {"low_count_p": 1e-9},
            {"low_share_p": 1e-9},
            {"low_support": 7},
            {"newcomer_support": 5},
            {"quiet_s": float("inf")},
        ],
    )
    def test_what_contradicts_itself_is_refused(self, values: dict[str, float]) -> None:
        with pytest.raises(ConfigError):
            load(SurgeSettings, environ={}, values=values)


def poisson(seed: int, rate: float, hours: float, share: float = 0.25) -> list[Mention]:
    """A stationary stream of an entity, from START."""
    generator = np.random.default_rng(seed)
    times = np.sort(generator.uniform(0, hours * HOUR_S, generator.poisson(rate * hours)))
    negative = generator.random(len(times)) < share
    return [
        Mention(START + float(at), "negative" if bad else "neutral", 0.9, "")
        for at, bad in zip(times, negative, strict=True)
    ]


class TestStatistics:
    """Short forms of tests/benchmarks/bench_surge.py."""

    @pytest.mark.parametrize("rate", [1.0, 5.0, 20.0, 100.0])
    def test_stationary_streams_do_not_fire(self, rate: float) -> None:
        weeks = 20 if rate < 20 else 2
        for seed in range(3):
            steps = follow(poisson(seed, rate, weeks * 168))
            assert [step for step in steps if step.phase == "firing"] == []

    @pytest.mark.parametrize(("rate", "within"), [(100.0, 64), (500.0, 312)])
    def test_five_times_the_negatives_fire(self, rate: float, within: int) -> None:
        for seed in range(5):
            state = SurgeState()
            follow(poisson(seed, rate, 24), state=state)
            later = [
                replace(mention, time=mention.time + 24 * HOUR_S)
                for mention in (
                    *poisson(seed + 100, rate * 0.75, 1, share=0.0),
                    *poisson(seed + 200, rate * 1.25, 1, share=1.0),
                )
            ]
            seen = 0
            for mention in sorted(later, key=lambda mention: mention.time):
                seen += mention.label == "negative"
                if DETECTOR.observe(state, mention) and state.phase == "firing":
                    break
            assert state.phase == "firing"
            assert seen <= within

    @pytest.mark.parametrize("share", [0.25, 1.0])
    def test_an_observation_is_cheap(self, share: float) -> None:
        state = SurgeState()
        follow(calm(6), state=state)
        later = poisson(1, 1_000.0, 10, share)
        stream = [replace(mention, time=mention.time + 6 * HOUR_S) for mention in later]
        begin = time.process_time()
        follow(stream, state=state)
        assert (time.process_time() - begin) / len(stream) < 100e-6
        assert state.active == (share == 1.0)

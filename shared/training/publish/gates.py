"""The gates between a candidate and its task's champion; each says its figures and the remedy."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.artifacts.promotion import GateResult
from shared.errors import ConfigError
from shared.models.bundle import Manifest
from shared.training.evaluation.evaluation import Evaluated
from shared.training.evaluation.judgement import difference
from shared.training.evaluation.settings import GateSettings


@dataclass(frozen=True)
class Contest:
    """A candidate, the champion that it would replace (None: there is none yet), and the rules."""

    candidate: Evaluated
    champion: Evaluated | None
    settings: GateSettings
    resamples: int = 1000

    @property
    def metric(self) -> str:
        """The figure that decides."""
        return self.settings.metric or self.candidate.judgement.metric


def judge_gates(contest: Contest) -> list[GateResult]:
    """Every gate that has a meaning for the candidate's kind, in order.

    Raises:
        ConfigError: the metric that shall decide is none of the kind's.
    """
    known = contest.candidate.judgement.statistics
    if contest.metric not in known:
        raise ConfigError(f"gates.metric {contest.metric!r}: expected one of {', '.join(known)}")
    return [
        _floor(contest),
        *_not_worse(contest),
        *_classes(contest),
        *_calibration(contest),
        *_latency(contest),
    ]


def label_gate(candidate: Manifest, champion: Manifest, *, replace: bool) -> GateResult:
    """Whether both know the same labels, in any order, and are of one kind."""
    added = sorted(set(candidate.labels).difference(champion.labels))
    gone = sorted(set(champion.labels).difference(candidate.labels))
    same = candidate.kind is champion.kind and candidate.multi_label == champion.multi_label
    parts = [f"{word} {_few(names)}" for word, names in (("adds", added), ("lacks", gone)) if names]
    if not same:
        parts.append(f"is of kind {candidate.kind}, the champion of {champion.kind}")
    return GateResult(
        gate="labels",
        holds=not parts or (replace and candidate.kind is champion.kind),
        found=f"the candidate {' and '.join(parts)}" if parts else "the champion's labels",
        limit="any labels of this kind" if replace else "the champion's labels",
        remedy="services read these labels: --replace-labels, if they are ready for the new ones",
    )


def _floor(contest: Contest) -> GateResult:
    floor = contest.settings.floor
    judgement = contest.candidate.judgement
    value = contest.candidate.figures[contest.metric].value
    if floor is not None:
        holds, limit = value >= floor, f"at least {floor:.4f}"
    elif contest.metric == judgement.metric:
        holds = value > judgement.baseline
        limit = f"more than {judgement.baseline:.4f}, which needs no model"
    else:
        holds, limit = value > 0, "more than 0"
    return GateResult(
        gate="floor",
        holds=holds,
        found=f"{contest.metric} {value:.4f}",
        limit=limit,
        remedy="train longer or on more examples",
    )


def _not_worse(contest: Contest) -> Iterator[GateResult]:
    """Non-inferiority: how sure it is that the candidate is not worse by more than the margin."""
    if contest.champion is None:
        return
    rules, metric = contest.settings, contest.metric
    apart = difference(
        contest.candidate.judgement,
        contest.champion.judgement,
        metric,
        resamples=contest.resamples,
        # The interval's low end is all that is asked about.
        confidence=2 * rules.confidence - 1,
    )
    ours, theirs = contest.candidate.figures[metric].value, contest.champion.figures[metric].value
    yield GateResult(
        gate="metric",
        holds=apart.low >= -rules.margin,
        found=f"{metric} {ours:.4f}, the champion's {theirs:.4f}: {apart.value:+.4f}, with "
        f"{rules.confidence:.0%} confidence at least {apart.low:+.4f} ({apart.n:,} "
        f"{contest.candidate.judgement.units})",
        limit=f"at least {-rules.margin:+.4f}",
        remedy="train it better; or, if the interval is merely wide, evaluate on more examples",
    )


def _classes(contest: Contest) -> Iterator[GateResult]:
    rules = contest.settings
    counted = [
        each for each in contest.candidate.judgement.classes if each.support >= rules.class_rows
    ]
    if not counted:
        return
    worst = min(counted, key=lambda each: each.f1)
    below = sorted(each.label for each in counted if each.f1 < rules.class_floor)
    yield GateResult(
        gate="classes",
        holds=not below,
        found=f"F1 {worst.f1:.4f} of {worst.label!r}, the worst of {len(counted)}"
        + (f"; below the floor: {_few(below)}" if below else ""),
        limit=f"at least {rules.class_floor:.4f} of each",
        remedy="give these classes more examples, or optimisation.class_weights=balanced",
    )


def _calibration(contest: Contest) -> Iterator[GateResult]:
    error = contest.candidate.figures.get("ece")
    if error is None:
        return
    yield GateResult(
        gate="calibration",
        holds=error.value <= contest.settings.max_ece,
        found=f"calibration error {error.value:.4f} ({error.low:.4f} to {error.high:.4f})",
        limit=f"at most {contest.settings.max_ece:.4f}",
        remedy="fit the temperature on dev data like that of the evaluation set, and more of it",
    )


def _latency(contest: Contest) -> Iterator[GateResult]:
    rules, own_ms = contest.settings, contest.candidate.cost.latency_p50_ms
    if contest.champion is not None:
        theirs_ms = contest.champion.cost.latency_p50_ms
        yield GateResult(
            gate="latency",
            holds=own_ms <= rules.max_latency_ratio * theirs_ms,
            found=f"median {own_ms:.2f} ms, the champion's {theirs_ms:.2f} ms: "
            f"{own_ms / theirs_ms:.2f} times",
            limit=f"at most {rules.max_latency_ratio:.2f} times",
            remedy="adapt fewer layers (lora.target_modules), or use a smaller backbone",
        )
    if rules.max_latency_ms is not None:
        yield GateResult(
            gate="latency limit",
            holds=own_ms <= rules.max_latency_ms,
            found=f"median {own_ms:.2f} ms",
            limit=f"at most {rules.max_latency_ms:.2f} ms",
            remedy="adapt fewer layers (lora.target_modules), or use a smaller backbone",
        )


def _few(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

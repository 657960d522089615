"""An evaluation as JSON, as one HTML page with plots, and as a card in Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.artifacts.promotion import GateResult
from shared.files import write_atomic
from shared.metrics.calibration import reliability, risk_coverage
from shared.training.evaluation.evaluation import Cost, Evaluated
from shared.training.evaluation.html_page import render
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.evaluation.plots import (
    classes_plot,
    confusion_plot,
    figures_plot,
    reliability_plot,
    risk_coverage_plot,
)

JSON_FILE, HTML_FILE, CARD_FILE = "evaluation.json", "evaluation.html", "README.md"
_TEMPLATES = Path(__file__).parent
_CURVE_POINTS = 101
_MOST_CONFUSED = 15


@dataclass(frozen=True, slots=True)
class _Plot:
    """A plot as SVG, and what it shows."""

    svg: str
    caption: str
    wide: bool = False


def write_report(folder: Path, evaluated: Evaluated, gates: Sequence[GateResult] = ()) -> None:
    """Writes the three files; each is replaced whole."""
    plain = {**as_plain(evaluated), "gates": [gate.model_dump() for gate in gates]}
    write_atomic(folder / JSON_FILE, f"{json.dumps(plain, indent=2)}\n".encode())
    values = _values(evaluated, gates)
    html = render(
        _TEMPLATES / "evaluation.html.jinja",
        figures_plot=figures_plot(
            {METRIC_NAMES[name]: each for name, each in evaluated.figures.items()}
        ),
        plots=_plots(evaluated),
        confused=_confused_rows(evaluated),
        **values,
    )
    write_atomic(folder / HTML_FILE, html.encode())
    card = render(_TEMPLATES / "evaluation.md.jinja", **values)
    write_atomic(folder / CARD_FILE, card.encode())


def as_plain(evaluated: Evaluated) -> dict[str, Any]:
    """All that was measured, as JSON takes it; curves are thinned to a hundred points."""
    judgement, manifest = evaluated.judgement, evaluated.bundle.manifest
    plain: dict[str, Any] = {
        "bundle": evaluated.bundle.id,
        "kind": manifest.kind,
        "method": manifest.method,
        "data": evaluated.data,
        "units": judgement.units,
        "n": judgement.n,
        "metric": judgement.metric,
        "baseline": judgement.baseline,
        "figures": {name: asdict(each) for name, each in evaluated.figures.items()},
        "temperature": manifest.calibration.temperature,
        "classes": [asdict(each) for each in judgement.classes],
        "cost": evaluated.cost.model_dump(),
    }
    if judgement.confusion is not None:
        counts = judgement.confusion.counts.tolist()
        plain["confusion"] = {"labels": judgement.confusion.labels, "counts": counts}
    confidence = judgement.confidence
    if confidence is not None and len(confidence.right):
        bins = reliability(confidence.served, confidence.right)
        coverage, risk = risk_coverage(confidence.served, confidence.right)
        thin = np.unique(np.linspace(0, len(coverage) - 1, _CURVE_POINTS, dtype=np.int64))
        plain["reliability"] = {
            "confidence": bins.confidence.tolist(),
            "right": bins.accuracy.tolist(),
            "counts": bins.counts.tolist(),
        }
        plain["risk_coverage"] = {
            "coverage": coverage[thin].tolist(),
            "risk": risk[thin].tolist(),
        }
    return plain


def _values(evaluated: Evaluated, gates: Sequence[GateResult]) -> dict[str, Any]:
    """What page and card say, as texts in order."""
    judgement = evaluated.judgement
    return {
        "title": f"{evaluated.bundle.manifest.task}, evaluated",
        "bundle": evaluated.bundle.id,
        "data": evaluated.data,
        "n": judgement.n,
        "units": judgement.units,
        "intervals": f"Intervals are of 95 %, by the bias-corrected bootstrap over "
        f"{judgement.units}. An answer that looks at no input reaches "
        f"{METRIC_NAMES[judgement.metric]} {judgement.baseline:.4f}.",
        "figure_heads": ("figure", "value", "95 % interval", "of"),
        "figures": _figure_rows(evaluated),
        "gate_heads": ("gate", "", "found", "asked for"),
        "gates": gates,
        "gate_rows": [
            (each.gate, "holds" if each.holds else "FAILS", each.found, each.limit)
            for each in gates
        ],
        "cost": _cost_rows(evaluated.cost),
        "class_heads": ("class", "precision", "recall", "F1", "examples"),
        "classes": _class_rows(evaluated) if judgement.classes else [],
        "facts": _facts(evaluated),
    }


def _figure_rows(evaluated: Evaluated) -> list[tuple[str, ...]]:
    return [
        (
            METRIC_NAMES[name],
            f"{each.value:.4f}",
            f"{each.low:.4f} to {each.high:.4f}",
            f"{each.n:,}",
        )
        for name, each in evaluated.figures.items()
    ]


def _cost_rows(cost: Cost) -> list[tuple[str, ...]]:
    return [
        ("inputs/s, in batches", f"{cost.texts_per_s:,.0f}"),
        ("tokens/s, in batches", f"{cost.tokens_per_s:,.0f}"),
        ("latency of one input, median", f"{cost.latency_p50_ms:.2f} ms"),
        ("latency of one input, 99th percentile", f"{cost.latency_p99_ms:.2f} ms"),
        ("peak memory of the process, with the backbone", f"{cost.peak_memory_mib:,.0f} MiB"),
        ("size of the bundle", f"{cost.bundle_bytes / 1e6:.2f} MB"),
    ]


def _class_rows(evaluated: Evaluated) -> list[tuple[str, ...]]:
    """A row for each class, then their means as scikit-learn's report has them."""
    classes = evaluated.judgement.classes
    rows = [
        (each.label, each.precision, each.recall, each.f1, each.support)
        for each in sorted(classes, key=lambda each: each.f1)
    ]
    total = sum(each.support for each in classes)
    values = np.array([[each.precision, each.recall, each.f1] for each in classes])
    weights = np.array([each.support for each in classes], np.float64)
    rows.append(("mean over classes", *values.mean(axis=0).tolist(), total))
    if total:
        weighted = (weights @ values / total).tolist()
        rows.append(("mean over examples", *weighted, total))
    return [(label, *(f"{v:.4f}" for v in (p, r, f)), f"{n:,}") for label, p, r, f, n in rows]


def _facts(evaluated: Evaluated) -> list[tuple[str, str]]:
    manifest = evaluated.bundle.manifest
    facts: Mapping[str, str | None] = {
        "bundle": evaluated.bundle.id,
        "kind and method": f"{manifest.kind}, {manifest.method}",
        "backbone": f"{manifest.backbone.name} ({manifest.backbone.sha256[:12]})",
        "temperature": f"{manifest.calibration.temperature:.4f}",
        "trained by": manifest.command,
        "made at": manifest.created_at,
        "licence": manifest.licence,
        "attribution": manifest.attribution,
    }
    return [(name, value) for name, value in facts.items() if value]


def _plots(evaluated: Evaluated) -> list[_Plot]:
    judgement, plots = evaluated.judgement, []
    if judgement.confidence is not None and len(judgement.confidence.right):
        plots += [
            _Plot(
                reliability_plot(judgement.confidence),
                "On the diagonal an answer is right as often as its confidence says. The size of a "
                "dot is its share of the answers.",
            ),
            _Plot(
                risk_coverage_plot(judgement.confidence),
                "How many answers are wrong if only the surest are given, and people get the rest.",
            ),
        ]
    if judgement.confusion is not None:
        plots.append(
            _Plot(
                confusion_plot(judgement.confusion),
                "Rows are the truth; the colour is the share of the row.",
                wide=len(judgement.confusion.labels) > 6,
            )
        )
    if judgement.classes:
        plots.append(_Plot(classes_plot(judgement.classes), "The worst class is on top."))
    return plots


def _confused_rows(evaluated: Evaluated) -> list[tuple[str, ...]]:
    """The classes that are taken for others most often; a large matrix has no room for names."""
    confusion = evaluated.judgement.confusion
    if confusion is None:
        return []
    wrong = confusion.counts * ~np.eye(len(confusion.labels), dtype=np.bool_)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]
    return [
        (confusion.labels[row], confusion.labels[column], f"{wrong[row, column]:,}")
        for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[row, column]
    ]

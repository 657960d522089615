"""An evaluation as JSON, as one HTML page with plots, and as a card in Markdown."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from shared.files import write_atomic
from shared.metrics.calibration import reliability, risk_coverage
from shared.training.evaluation.evaluation import Cost, Evaluated
from shared.training.evaluation.html_page import page, table
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.evaluation.plots import (
    classes_plot,
    confusion_plot,
    figures_plot,
    reliability_plot,
    risk_coverage_plot,
)
from shared.training.publish.gates import GateResult

JSON_FILE, HTML_FILE, CARD_FILE = "evaluation.json", "evaluation.html", "README.md"
_CURVE_POINTS = 101
_MOST_CONFUSED = 15
_KEY_CLASSES = ("class", "precision", "recall", "F1", "examples")


def write_report(folder: Path, evaluated: Evaluated, gates: Sequence[GateResult] = ()) -> None:
    """Writes the three files; each is replaced whole."""
    plain = {**as_plain(evaluated), "gates": [gate.model_dump() for gate in gates]}
    write_atomic(folder / JSON_FILE, f"{json.dumps(plain, indent=2)}\n".encode())
    write_atomic(folder / HTML_FILE, as_html(evaluated, gates).encode())
    write_atomic(folder / CARD_FILE, as_markdown(evaluated, gates).encode())


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


def as_html(evaluated: Evaluated, gates: Sequence[GateResult] = ()) -> str:
    """One page with tables and plots; it refers to no other file."""
    judgement, manifest = evaluated.judgement, evaluated.bundle.manifest
    facts = _facts(evaluated)
    parts = [
        f"<p class='quiet'>{html.escape(evaluated.bundle.id)} on {html.escape(evaluated.data)}, "
        f"{judgement.n:,} {judgement.units}</p>",
        _gates_html(gates),
        "<h2>Figures</h2>",
        figures_plot(_named(evaluated)),
        table(_FIGURE_HEADS, _figure_rows(evaluated)),
        f"<p class='quiet'>Intervals are of 95 %, by the bias-corrected bootstrap over "
        f"{judgement.units}. An answer that looks at no input reaches "
        f"{METRIC_NAMES[judgement.metric]} {judgement.baseline:.4f}.</p>",
        _plots_html(evaluated),
        _confused_html(evaluated),
        "<h2>Cost</h2>",
        table(("measure", "value"), _cost_rows(evaluated.cost)),
        _classes_html(evaluated),
        "<h2>The bundle</h2>",
        "<dl>" + "".join(f"<dt>{n}</dt><dd>{html.escape(v)}</dd>" for n, v in facts) + "</dl>",
    ]
    return page(f"{manifest.task}, evaluated", "\n".join(part for part in parts if part))


def as_markdown(evaluated: Evaluated, gates: Sequence[GateResult] = ()) -> str:
    """The card: what was measured on what, in tables."""
    judgement, manifest = evaluated.judgement, evaluated.bundle.manifest
    lines = [
        f"# {manifest.task}, evaluated",
        "",
        f"`{evaluated.bundle.id}` on {evaluated.data}, {judgement.n:,} {judgement.units}.",
        "",
        *_markdown(_FIGURE_HEADS, _figure_rows(evaluated)),
        "",
        f"Intervals are of 95 %, by the bias-corrected bootstrap over {judgement.units}. An answer "
        f"that looks at no input reaches {METRIC_NAMES[judgement.metric]} "
        f"{judgement.baseline:.4f}.",
        "",
    ]
    if gates:
        rows = [
            (each.gate, "holds" if each.holds else "FAILS", each.found, each.limit)
            for each in gates
        ]
        lines += ["## Gates", "", *_markdown(("gate", "", "found", "asked for"), rows), ""]
    lines += ["## Cost", "", *_markdown(("measure", "value"), _cost_rows(evaluated.cost)), ""]
    if judgement.classes:
        lines += ["## Classes", "", *_markdown(_KEY_CLASSES, _class_rows(evaluated)), ""]
    lines += ["## The bundle", "", *(f"- {name}: {value}" for name, value in _facts(evaluated)), ""]
    return "\n".join(lines)


_FIGURE_HEADS = ("figure", "value", "95 % interval", "of")


def _named(evaluated: Evaluated) -> dict[str, Any]:
    return {METRIC_NAMES[name]: each for name, each in evaluated.figures.items()}


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


def _gates_html(gates: Sequence[GateResult]) -> str:
    if not gates:
        return ""
    heads = "".join(f"<th class='text'>{each}</th>" for each in ("gate", "", "found", "asked for"))
    rows = "".join(
        f"<tr><td>{html.escape(each.gate)}</td>"
        f"<td class='text {'holds' if each.holds else 'fails'}'>"
        f"{'holds' if each.holds else 'fails'}</td>"
        f"<td class='text'>{html.escape(each.found)}"
        + ("" if each.holds else f"<br><small>{html.escape(each.remedy)}</small>")
        + f"</td><td class='text'>{html.escape(each.limit)}</td></tr>"
        for each in gates
    )
    return f"<h2>Gates</h2><table><tr>{heads}</tr>{rows}</table>"


def _plots_html(evaluated: Evaluated) -> str:
    judgement = evaluated.judgement
    plots = []
    if judgement.confidence is not None and len(judgement.confidence.right):
        plots += [
            _figure(
                reliability_plot(judgement.confidence),
                "On the diagonal an answer is right as often as its confidence says. The size of a "
                "dot is its share of the answers.",
            ),
            _figure(
                risk_coverage_plot(judgement.confidence),
                "How many answers are wrong if only the surest are given, and people get the rest.",
            ),
        ]
    if judgement.confusion is not None:
        plots.append(
            _figure(
                confusion_plot(judgement.confusion),
                "Rows are the truth; the colour is the share of the row.",
                wide=len(judgement.confusion.labels) > 6,
            )
        )
    if judgement.classes:
        plots.append(_figure(classes_plot(judgement.classes), "The worst class is on top."))
    return f'<div class="plots">{"".join(plots)}</div>' if plots else ""


def _confused_html(evaluated: Evaluated) -> str:
    """The classes that are taken for others most often; a large matrix has no room for names."""
    confusion = evaluated.judgement.confusion
    if confusion is None:
        return ""
    wrong = confusion.counts * ~np.eye(len(confusion.labels), dtype=np.bool_)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]
    rows = [
        (confusion.labels[row], confusion.labels[column], f"{wrong[row, column]:,}")
        for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[row, column]
    ]
    return (
        f"<h2>Taken for another</h2>{table(('true', 'predicted', 'times'), rows)}" if rows else ""
    )


def _figure(svg: str, caption: str, *, wide: bool = False) -> str:
    place = ' class="wide"' if wide else ""
    return f"<figure{place}>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _classes_html(evaluated: Evaluated) -> str:
    if not evaluated.judgement.classes:
        return ""
    return (
        "<h2>Classes</h2><details open><summary>The worst first</summary>"
        f"{table(_KEY_CLASSES, _class_rows(evaluated))}</details>"
    )


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(each.replace("|", "\\|") for each in row) + " |" for row in cells]

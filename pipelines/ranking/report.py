"""Comparisons as a table for a terminal, as JSON, and as one HTML page that loads nothing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.table import Table

from pipelines.ranking.evaluate import Comparison, K, Measured
from shared.training.evaluation.html_page import render

_COLUMNS = (f"ndcg@{K}", f"recall@{K}", f"mrr@{K}", "intra_list_distance")
_HEADS = ("ranker", *_COLUMNS, "cold users", "cold items", "coverage", "popularity lift")
_PLOT_WIDTH, _LABEL_WIDTH, _BAR_HEIGHT = 720, 150, 26


def table(comparison: Comparison) -> Table:
    """One data set's figures with their confidence intervals."""
    title, caption = f"{comparison.data}: {_protocol(comparison)}", verdict(comparison)
    shown = Table(*_HEADS, title=title, caption=caption)
    for each in comparison.measured:
        style = "" if each.is_baseline else "bold"
        cells = ("\n".join(filter(None, cell)) for cell in _cells(each))
        shown.add_row(each.name, *cells, style=style)
    return shown


def verdict(comparison: Comparison) -> str:
    """The best of ours beside the best baseline, in a sentence."""
    ratio, ours, best = comparison.ratio, comparison.ours, comparison.best_baseline
    text = (
        f"{ours.name} has {ratio.value:.3f} times the nDCG@{K} of the best baseline, {best.name} "
        f"(95 % interval {ratio.low:.3f} to {ratio.high:.3f})"
    )
    if comparison.cold_items_ratio is not None and ours.cold_items is not None:
        text += (
            f"; on items first seen after the cut {comparison.cold_items_ratio:.1f} times "
            f"popularity's ({ours.cold_items.n} queries)"
        )
    for plain, varied in pairwise(comparison.measured):
        if varied.name.startswith(plain.name):
            wider, loss = (
                varied.figures[name].value / plain.figures[name].value - 1.0
                for name in ("intra_list_distance", f"ndcg@{K}")
            )
            text += f"; {varied.name}: distance {wider:+.1%}, nDCG@{K} {loss:+.1%}"
    return text


def as_json(comparisons: Sequence[Comparison]) -> str:
    """All figures; a list with an object for each data set."""
    return json.dumps([_plain(each) for each in comparisons], indent=2) + "\n"


def as_html(comparisons: Sequence[Comparison]) -> str:
    """One page with tables and plots (inline SVG); it refers to no other file."""
    sections = [
        {
            "title": each.data,
            "protocol": _protocol(each),
            "verdict": verdict(each),
            "plots": [
                _plot(each, f"ndcg@{K}", f"nDCG@{K}"),
                _plot(each, "intra_list_distance", "distance within lists"),
            ],
            "rows": [
                {"name": of.name, "is_baseline": of.is_baseline, "cells": _cells(of)}
                for of in each.measured
            ],
        }
        for each in comparisons
    ]
    template = Path(__file__).with_name("ranking.html.jinja")
    return render(template, title="Ranking, measured", heads=_HEADS, sections=sections)


def _plot(comparison: Comparison, figure: str, title: str) -> dict[str, Any]:
    """Horizontal bars with their intervals."""
    figures = [(each, each.figures[figure]) for each in comparison.measured]
    most = max(max(interval.high, interval.value) for _, interval in figures) or 1.0
    scale = (_PLOT_WIDTH - _LABEL_WIDTH - 70) / most
    bars = [
        {
            "name": each.name,
            "is_baseline": each.is_baseline,
            "top": place * _BAR_HEIGHT,
            "left": _LABEL_WIDTH,
            "length": max(interval.value * scale, 0),
            "low": _LABEL_WIDTH + interval.low * scale,
            "high": _LABEL_WIDTH + interval.high * scale,
            "value": interval.value,
        }
        for place, (each, interval) in enumerate(figures, 1)
    ]
    height = _BAR_HEIGHT * (len(figures) + 1)
    return {"title": title, "width": _PLOT_WIDTH, "height": height, "bars": bars}


def _cells(each: Measured) -> list[tuple[str, str]]:
    """Each figure, and its interval where it has one."""
    intervals = [each.figures[name] for name in _COLUMNS] + [each.cold_users, each.cold_items]
    cells = [
        ("-", "") if of is None else (f"{of.value:.4f}", f"{of.low:.4f} to {of.high:.4f}")
        for of in intervals
    ]
    return [*cells, (f"{each.coverage:.1%}", ""), (f"{each.popularity_lift:+.2f}", "")]


def _protocol(comparison: Comparison) -> str:
    seen = "left out" if comparison.exclude_seen else "kept"
    return (
        f"{comparison.query_count:,} queries, all {comparison.item_count:,} items ranked, "
        f"items seen before {seen}"
    )


def _plain(comparison: Comparison) -> dict[str, Any]:
    plain = asdict(comparison)
    for each in plain["measured"]:
        del each["ndcg"]
    plain["best_baseline"] = comparison.best_baseline.name
    plain["ours"] = comparison.ours.name
    return plain

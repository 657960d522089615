"""Comparisons as a table for a terminal, as JSON, and as one HTML page that loads nothing."""

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from rich.table import Table

from pipelines.ranking.evaluate import Comparison, K, Measured
from shared.metrics.bootstrap import Interval
from shared.training.evaluation.html_page import page

_COLUMNS = (f"ndcg@{K}", f"recall@{K}", f"mrr@{K}", "intra_list_distance")
_PLOT_WIDTH, _LABEL_WIDTH, _BAR_HEIGHT = 720, 150, 26


def table(comparison: Comparison) -> Table:
    """One data set's figures with their confidence intervals."""
    shown = Table(
        "ranker", *_COLUMNS, "cold users", "cold items", "coverage", "popularity lift",
        title=f"{comparison.data}: {_protocol(comparison)}", caption=verdict(comparison),
    )  # fmt: skip
    for each in comparison.measured:
        style = "" if each.is_baseline else "bold"
        shown.add_row(each.name, *_cells(each, "\n"), style=style)
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
    sections = "\n".join(_section(each) for each in comparisons)
    return page(
        "Ranking, measured",
        "<p>The whole catalogue is ranked for each query, never a sample of it. Intervals are "
        "of 95 %, by the bias-corrected bootstrap over queries. <em>Cold items</em>: nDCG of "
        "queries for an item first seen after the cut, with only such items ranked; among them "
        "popularity is a random order, of which the mean is shown. Each baseline has the best of "
        "its settings on these very queries, which favours it.</p>\n"
        f"{sections}",
    )


def _section(comparison: Comparison) -> str:
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in _HEADS)
    rows = "\n".join(
        f'<tr class="{"" if each.is_baseline else "ours"}"><td>{html.escape(each.name)}</td>'
        + "".join(f"<td>{cell}</td>" for cell in _cells(each, "<br><small>", "</small>"))
        + "</tr>"
        for each in comparison.measured
    )
    figures = [(each.name, each.figures[f"ndcg@{K}"], each.is_baseline) for each in
               comparison.measured]  # fmt: skip
    spread = [(each.name, each.figures["intra_list_distance"], each.is_baseline) for each in
              comparison.measured]  # fmt: skip
    return (
        f"<h2>{html.escape(comparison.data)}</h2>\n<p>{html.escape(_protocol(comparison))}. "
        f"{html.escape(verdict(comparison))}.</p>\n"
        f"{_plot(f'nDCG@{K}', figures)}\n{_plot('distance within lists', spread)}\n"
        f"<table><tr>{heads}</tr>\n{rows}\n</table>"
    )


_HEADS = ("ranker", *_COLUMNS, "cold users", "cold items", "coverage", "popularity lift")


def _plot(title: str, figures: Sequence[tuple[str, Interval, bool]]) -> str:
    """Horizontal bars with their intervals."""
    most = max(max(interval.high, interval.value) for _, interval, _ in figures) or 1.0
    scale = (_PLOT_WIDTH - _LABEL_WIDTH - 70) / most
    height = _BAR_HEIGHT * (len(figures) + 1)
    bars = "".join(_bars(figures, scale))
    return (
        f'<svg viewBox="0 0 {_PLOT_WIDTH} {height}" role="img" aria-label="{html.escape(title)}" '
        f'font-size="13" fill="#1c2430"><text x="0" y="16" font-weight="600">'
        f"{html.escape(title)}</text>{bars}</svg>"
    )


def _bars(figures: Sequence[tuple[str, Interval, bool]], scale: float) -> Iterator[str]:
    for place, (name, interval, is_baseline) in enumerate(figures, 1):
        top, middle = place * _BAR_HEIGHT, place * _BAR_HEIGHT + 10
        low, high = (_LABEL_WIDTH + end * scale for end in (interval.low, interval.high))
        yield (
            f'<text x="0" y="{middle + 5}">{html.escape(name)}</text>'
            f'<rect x="{_LABEL_WIDTH}" y="{top}" width="{max(interval.value * scale, 0):.1f}" '
            f'height="20" fill="{"#b6c2d2" if is_baseline else "#2f7d5b"}"/>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#1c2430"/>'
            f'<text x="{high + 6:.1f}" y="{middle + 5}">{interval.value:.4f}</text>'
        )


def _cells(each: Measured, opening: str, closing: str = "") -> list[str]:
    intervals = [each.figures[name] for name in _COLUMNS] + [each.cold_users, each.cold_items]
    cells = [
        "-"
        if interval is None
        else f"{interval.value:.4f}{opening}{interval.low:.4f} to {interval.high:.4f}{closing}"
        for interval in intervals
    ]
    return [*cells, f"{each.coverage:.1%}", f"{each.popularity_lift:+.2f}"]


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

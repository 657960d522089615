"""The plots of an evaluation as inline SVG: no script, no file beside the page.

matplotlib draws them; texts stay texts, in the page's font. The same figures give the same bytes.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from shared.metrics.bootstrap import Interval
from shared.metrics.calibration import reliability, risk_coverage
from shared.training.evaluation.judgement import ClassFigures, Confidence, Confusion

_INK, _QUIET, _GREEN, _GREY = "#1c2430", "#5b6675", "#2f7d5b", "#9aa7b8"
_GREENS = LinearSegmentedColormap.from_list("greens", ["#ffffff", _GREEN, "#12402d"])
_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    # It comes with matplotlib and is wide: what fits in it fits in the page's font.
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _QUIET,
    "xtick.color": _QUIET,
    "ytick.color": _QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}
_MOST_CELLS_NUMBERED = 12
_MOST_CLASSES_NAMED = 40


def figures_plot(figures: dict[str, Interval]) -> str:
    """Every figure with its interval, a line for each."""

    def draw(axes: Axes) -> None:
        names = list(figures)[::-1]
        for place, name in enumerate(names):
            each = figures[name]
            axes.barh(place, each.value, height=0.55, color=_GREEN, alpha=0.85)
            axes.plot([each.low, each.high], [place, place], color=_INK, linewidth=1.2)
            edge = max(each.high, each.value)
            axes.text(edge + 0.015, place, f"{each.value:.3f}", va="center")
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.set_xlim(0, 1.1)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.tick_params(axis="y", length=0, labelcolor=_INK)

    return _svg("figures", (9, 0.6 + 0.34 * len(figures)), draw)


def differences_plot(name: str, differences: dict[str, Interval]) -> str:
    """Differences from something with their intervals, a line for each; 0 is no difference."""

    def draw(axes: Axes) -> None:
        names = list(differences)[::-1]
        axes.axvline(0, color=_GREY, linewidth=1)
        for place, each in enumerate(map(differences.__getitem__, names)):
            shown = _GREEN if each.low > 0 or each.high < 0 else _QUIET
            axes.plot([each.low, each.high], [place, place], color=shown, linewidth=2)
            axes.plot(each.value, place, "o", color=shown, markersize=6)
            axes.text(each.value, place + 0.18, f"{each.value:+.3f}", ha="center", fontsize=8)
        axes.set_yticks(range(len(names)), [_short(each) for each in names])
        axes.set_ylim(-0.6, len(names) - 0.3)
        axes.tick_params(axis="y", length=0, labelcolor=_INK)

    return _svg(name.replace(" ", "-"), (4.6, 0.9 + 0.4 * len(differences)), draw)


def reliability_plot(confidence: Confidence) -> str:
    """How often answers of each confidence are right; on the diagonal they are what they say."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1)
        if confidence.raw is not None:
            raw = reliability(confidence.raw, confidence.right)
            axes.plot(raw.confidence, raw.accuracy, color=_GREY, marker="o", markersize=3,
                      label="without temperature")  # fmt: skip
        served = reliability(confidence.served, confidence.right)
        axes.plot(served.confidence, served.accuracy, color=_GREEN, linewidth=1.6)
        sizes = 12 + 180 * served.counts / served.counts.sum()
        axes.scatter(served.confidence, served.accuracy, s=sizes, color=_GREEN, zorder=3,
                     clip_on=False, label="as served")  # fmt: skip
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title="Reliability",
                 xlabel="confidence", ylabel="share that is right")  # fmt: skip
        axes.legend(frameon=False, loc="upper left")

    return _svg("reliability", (4.6, 3.6), draw)


def risk_coverage_plot(confidence: Confidence) -> str:
    """The share of wrong answers when only the surest are given."""

    def draw(axes: Axes) -> None:
        coverage, risk = risk_coverage(confidence.served, confidence.right)
        axes.plot(coverage, risk, color=_GREEN, linewidth=1.6)
        axes.fill_between(coverage, risk, color=_GREEN, alpha=0.12)
        axes.set(xlim=(0, 1.02), ylim=(0, max(0.05, float(risk.max()) * 1.1)),
                 title="Risk and coverage", xlabel="share that is answered, the surest first",
                 ylabel="share of these that is wrong")  # fmt: skip

    return _svg("risk", (4.6, 3.6), draw)


def confusion_plot(confusion: Confusion) -> str:
    """The confusion matrix, each row as shares of its true class."""
    size = len(confusion.labels)

    def draw(axes: Axes) -> None:
        totals = confusion.counts.sum(axis=1, keepdims=True)
        shares = confusion.counts / np.maximum(totals, 1)
        axes.imshow(shares, cmap=_GREENS, vmin=0, vmax=1, extent=(0, size, size, 0),
                    aspect="auto", interpolation="none")  # fmt: skip
        axes.set(title="Confusion", xlabel="predicted", ylabel="true")
        if size <= _MOST_CLASSES_NAMED:
            places = np.arange(size) + 0.5
            axes.set_xticks(places, [_short(each) for each in confusion.labels], rotation=90)
            axes.set_yticks(places, [_short(each) for each in confusion.labels])
            axes.tick_params(length=0)
        if size <= _MOST_CELLS_NUMBERED:
            for (row, column), count in np.ndenumerate(confusion.counts):
                dark = shares[row, column] > 0.4
                axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center",
                          color="#ffffff" if dark else _INK)  # fmt: skip

    side = min(9.0, max(3.6, 1.6 + 0.24 * size))
    return _svg("confusion", (side, side * 0.9), draw)


def classes_plot(classes: Sequence[ClassFigures]) -> str:
    """F1 of each class, the worst first."""
    worst = sorted((each for each in classes if each.support), key=lambda each: each.f1)
    shown = worst[:_MOST_CLASSES_NAMED][::-1]
    title = "F1 by class" if len(shown) == len(worst) else f"F1 of the {len(shown)} worst classes"

    def draw(axes: Axes) -> None:
        axes.barh(range(len(shown)), [each.f1 for each in shown], height=0.6, color=_GREEN,
                  alpha=0.85)  # fmt: skip
        axes.set_yticks(range(len(shown)), [_short(each.label) for each in shown])
        for place, each in enumerate(shown):
            axes.text(each.f1 + 0.01, place, f"{each.f1:.2f}  (n {each.support:,})", va="center",
                      fontsize=8)  # fmt: skip
        axes.set(xlim=(0, 1.25), title=title, ylim=(-0.6, len(shown) - 0.4))
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.tick_params(axis="y", length=0, labelcolor=_INK)

    return _svg("classes", (4.6, 1.0 + 0.22 * len(shown)), draw)


def _svg(name: str, inches: tuple[float, float], draw: Callable[[Axes], None]) -> str:
    """One plot; `name` keeps the ids of its parts apart from those of the other plots."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=inches, layout="tight")
        draw(figure.add_subplot())
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    svg = drawn.getvalue()
    return (
        svg[svg.index("<svg") :]
        .replace('id="', f'id="{name}-')
        .replace('xlink:href="#', f'xlink:href="#{name}-')
        .replace("url(#", f"url(#{name}-")
    )


def _short(label: str) -> str:
    # A dollar sign would begin a formula.
    shown = label if len(label) <= 24 else f"{label[:23]}…"
    return shown.replace("$", r"\$")

"""What a calibration gives, for who looks at it: risk by coverage, and the error of each domain."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from pipelines.calibration.calibrating import Calibrated
from shared.retrieval.calibrations import risk_points
from shared.retrieval.confidence import Figures, RiskPoint

_COLUMNS = ("answered", "right", "wrong", "unanswerable answered", "risk")


def print_report(console: Console, made: Calibrated) -> None:
    """Prints the tables of a calibration: all is of domains that were held out."""
    calibration = made.calibration
    console.print("What each threshold gives, each domain weighing the same:", markup=False)
    console.print(_risk_table(risk_points(made.questions), calibration.threshold))
    console.print(
        "risk: wrong or unwarranted among the answered; right and wrong: of the answerable",
        style="dim",
        markup=False,
    )
    console.print()
    console.print(_domain_table(calibration.domains, calibration.pooled))
    said = f"threshold {calibration.threshold:g}: {calibration.chosen_by}"
    console.print(said, markup=False, soft_wrap=True)
    if bound := calibration.risk:
        console.print(
            f"risk at most {bound.bound:.3f} with certainty {1 - bound.delta:g}, of "
            f"{bound.answered} answered of {bound.questions} questions that fitted nothing",
            markup=False,
            soft_wrap=True,
        )


def _risk_table(points: Sequence[RiskPoint], threshold: float) -> Table:
    table = Table("threshold", *_COLUMNS, box=None, pad_edge=False)
    nearest = min(points, key=lambda point: abs(point.threshold - threshold))
    for point in points:
        style = "bold" if point is nearest else None
        table.add_row(f"{point.threshold:.2f}", *_shares(point), style=style)
    return table


def _domain_table(domains: Mapping[str, Figures], pooled: Figures | None) -> Table:
    table = Table(
        "domain",
        "questions",
        "best right",
        "calibration error",
        *_COLUMNS,
        box=None,
        pad_edge=False,
    )
    rows = [*domains.items(), *([("pooled", pooled)] if pooled else [])]
    for name, figures in rows:
        error = figures.calibration_error
        table.add_row(
            name,
            str(figures.questions),
            _share(figures.best_right),
            f"{error.value:.3f} ({error.low:.3f} to {error.high:.3f})",
            *_shares(figures.at_threshold),
        )
    return table


def _shares(point: RiskPoint) -> tuple[str, ...]:
    shares = (point.answered, point.right, point.wrong, point.unanswerable, point.risk)
    return tuple(map(_share, shares))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

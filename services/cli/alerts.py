"""`banyan sentiment alerts`: surges of negative news, as a table or a line."""

from datetime import UTC, datetime

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.client import Platform

PATH = "/sentiment/alerts"
_COLOURS = {"pending": "yellow", "firing": "bold red", "resolved": "green"}
_SHOWN = 50


class Figures(BaseModel):
    """What was compared, as far as it is shown."""

    negative: int
    total: int
    expected_negative: float
    window_s: int


class Driver(BaseModel):
    """A text that drove an alert."""

    text: str


class Alert(BaseModel):
    """An alert as the platform tells it; the entity '' stands for all news."""

    uid: str
    entity: str
    state: str
    started_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    figures: Figures
    drivers: list[Driver] = []

    @property
    def about(self) -> str:
        """Whom it is about, in words."""
        return self.entity or "all news"

    @property
    def reason(self) -> str:
        """The figures that caused it, in words."""
        figures = self.figures
        return (
            f"{figures.negative} of {figures.total} texts in {figures.window_s // 60} min are "
            f"negative, {figures.expected_negative:.1f} were to be expected"
        )


def alerts(platform: Platform) -> list[Alert]:
    """The tenant's alerts, the newest first.

    Raises:
        PlatformError: the platform does not answer, or refuses.
    """
    found = [Alert.model_validate(item) for item in platform.get(PATH)["alerts"]]
    return sorted(found, key=lambda alert: alert.started_at, reverse=True)


def show(platform: Platform) -> None:
    """Prints every alert.

    Raises:
        PlatformError: the platform does not answer, or refuses.
    """
    console = Console(highlight=False)
    found = alerts(platform)
    if not found:
        console.print("there is no alert: no negative news surged")
        return
    console.print(alert_table(found[:_SHOWN]))
    if len(found) > _SHOWN:
        console.print(f"and {len(found) - _SHOWN} older ones", style="dim")


def alert_table(found: list[Alert]) -> Table:
    """A row for each alert, with the figures and the text that drove it most."""
    table = Table("alert", "about", "since (UTC)", "until", "why", box=None, pad_edge=False)
    for alert in found:
        state = f"[{_COLOURS.get(alert.state, 'white')}]{alert.state}[/]"
        driver = f"\n[dim]{escape(alert.drivers[0].text)}[/]" if alert.drivers else ""
        table.add_row(
            state,
            escape(alert.about),
            _moment(alert.started_at),
            "" if alert.resolved_at is None else _moment(alert.resolved_at),
            f"{alert.reason}{driver}",
        )
    return table


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"

"""`banyan sentiment alerts`: surges of negative news, as a table or a line."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.options import ApiKey, Url, connected

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.news.answers import Alert

PATH = "/sentiment/alerts"
_COLOURS = {"pending": "yellow", "firing": "bold red", "resolved": "green"}
_SHOWN = 50


def alerts(url: Url = None, key: ApiKey = None) -> None:
    """List the alerts, the newest first."""
    with connected(url, key) as platform:
        found = all_alerts(platform)
    console = Console(highlight=False)
    if not found:
        console.print("there is no alert: no negative news surged")
        return
    console.print(alert_table(found[:_SHOWN]))
    if len(found) > _SHOWN:
        console.print(f"and {len(found) - _SHOWN} older ones", style="dim")


def all_alerts(platform: "Platform") -> "list[Alert]":
    """The tenant's alerts, the newest first."""
    from services.cli.news.answers import Alert

    found = [Alert.model_validate(item) for item in platform.get(PATH)["alerts"]]
    return sorted(found, key=lambda alert: alert.started_at, reverse=True)


def alert_table(found: "list[Alert]") -> Table:
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

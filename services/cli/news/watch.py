"""`banyan sentiment watch`: trends and alerts in the terminal, as they change."""

import queue
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from services.cli.news.alerts import PATH as ALERTS_PATH
from services.cli.news.alerts import alert_table, all_alerts
from services.cli.news.trends import Trend, trend_table, trends
from services.cli.options import ApiKey, Url, connected
from shared.errors import DependencyError, PlatformError

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.news.answers import Alert

_REFRESH_S = 2.0
_RECONNECT_S = 2.0
_SHOWN_ENTITIES = 12
_SHOWN_ALERTS = 8


def watch(
    once: Annotated[bool, typer.Option("--once", help="Print the present state and end.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Show the entities with most news and the alerts, as they change; Ctrl-C ends."""
    with connected(url, key) as platform:
        (show_once if once else show_live)(platform)


def show_once(platform: "Platform") -> None:
    """Prints trends and alerts as they are."""
    found = {alert.uid: alert for alert in all_alerts(platform)}
    Console(highlight=False).print(_page(trends(platform, _SHOWN_ENTITIES), found))


def show_live(platform: "Platform") -> None:
    """Shows trends, read again every two seconds, and alerts, as they are told, until Ctrl-C.

    A platform that stops answering is said in the last line, and asked again.
    """
    from rich.live import Live

    changes: queue.SimpleQueue[Alert] = queue.SimpleQueue()
    stop = threading.Event()
    rows = trends(platform, _SHOWN_ENTITIES)
    # The stream is listened to before the list is read, so that no change falls between.
    threading.Thread(target=_listen, args=(platform, changes, stop), daemon=True).start()
    found = {alert.uid: alert for alert in all_alerts(platform)}
    console = Console(highlight=False)
    fault = ""
    try:
        with Live(_page(rows, found, fault), console=console, auto_refresh=False) as live:
            while True:
                _take(changes, found)
                try:
                    rows, fault = trends(platform, _SHOWN_ENTITIES), ""
                except DependencyError as error:
                    fault = str(error)
                live.update(_page(rows, found, fault), refresh=True)
    except KeyboardInterrupt:
        return
    finally:
        stop.set()


def _listen(
    platform: "Platform", changes: "queue.SimpleQueue[Alert]", stop: threading.Event
) -> None:
    """Follows the stream of alerts, and comes back to where it broke off."""
    from services.cli.news.answers import Alert

    last_id = ""
    while not stop.is_set():
        try:
            for event in platform.events(ALERTS_PATH + "/stream", after=last_id):
                last_id = event.id
                changes.put(Alert.model_validate(event.json()))
        except (PlatformError, ValueError):
            pass
        stop.wait(_RECONNECT_S)


def _take(changes: "queue.SimpleQueue[Alert]", found: "dict[str, Alert]") -> None:
    """Waits until the next refresh is due, or until an alert changes."""
    try:
        change = changes.get(timeout=_REFRESH_S)
        while True:
            found[change.uid] = change
            change = changes.get_nowait()
    except queue.Empty:
        return


def _page(rows: list[Trend], found: "dict[str, Alert]", fault: str = "") -> RenderableType:
    newest = sorted(found.values(), key=lambda alert: alert.started_at, reverse=True)
    shown = newest[:_SHOWN_ALERTS]
    alerts = alert_table(shown) if shown else "no alert: no negative news surged"
    now = Text(f"as of {datetime.now(UTC):%H:%M:%S} UTC", style="dim")
    return Group(trend_table(rows), "", alerts, "", Text(fault, style="red") if fault else now)

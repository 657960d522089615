"""`banyan sentiment`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import ApiKey, StateDir, Url, state_dir_of, url_of

app = typer.Typer(no_args_is_help=True, help="News: trends, alerts, replays.")


@app.command("watch")
def sentiment_watch(
    once: Annotated[bool, typer.Option("--once", help="Print the present state and end.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Show the entities with most news and the alerts, as they change; Ctrl-C ends."""
    from services.cli.client import Platform
    from services.cli.watch import show_once, watch

    with Platform(url_of(url), key) as platform:
        (show_once if once else watch)(platform)


@app.command("alerts")
def sentiment_alerts(url: Url = None, key: ApiKey = None) -> None:
    """List the alerts, the newest first."""
    from services.cli.alerts import show
    from services.cli.client import Platform

    with Platform(url_of(url), key) as platform:
        show(platform)


@app.command("replay")
def sentiment_replay(
    file: Annotated[
        Path,
        typer.Argument(help="JSON Lines, CSV or Parquet: id, published_at, source, text."),
    ],
    speed: Annotated[
        str, typer.Option(help="How much faster than it was: 100x, at least 1x.")
    ] = "1x",
    topic: Annotated[str, typer.Option(help="Where the records go.")] = "news",
    now: Annotated[
        bool,
        typer.Option(
            "--now/--keep-times", help="Shift the times, so that the last record is of now."
        ),
    ] = True,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good lines of a file that has bad ones.")
    ] = False,
    state_dir: StateDir = None,
) -> None:
    """Send news to the broker with the gaps that they had; an id that is known counts once."""
    from services.cli.replay import Pace, parse_speed, replay

    pace = Pace(parse_speed(speed), shift=now)
    folder = state_dir_of(state_dir)
    raise typer.Exit(replay(file, topic, pace, skip_bad=skip_bad, state_dir=folder))

"""`banyan sentiment replay`: sends a file of news with the gaps that it had, divided by a speed."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.bars import bars
from services.cli.options import StateDir, platform_settings
from shared.clock import Clock, SystemClock
from shared.errors import DependencyError, InputError

if TYPE_CHECKING:
    from services.cli.news.news_file import NewsFile, NewsLine
    from shared.delivery.producer import Producer

_FLUSH_RECORDS = 500
_FLUSH_EVERY_S = 0.5
_FLUSH_LIMIT_S = 30.0
_MINUTE_S = 60.0
_EXIT_INTERRUPTED = 130


def replay(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines, CSV or Parquet: id, published_at, source, text.")
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
    from services.cli.news.news_file import examine_news
    from services.cli.platform.broker import known_broker
    from shared.streaming.kafka.producer import KafkaTopicProducer

    pace = Pace(parse_speed(speed), shift=now)
    folder = platform_settings(state_dir).state_dir
    console = Console(highlight=False, soft_wrap=True)
    news = examine_news(file)
    _show_faults(console, news)
    if news.refused_count and not skip_bad:
        raise InputError(
            f"{_lines(news.refused_count)} of {file} cannot be used, and nothing was sent: "
            "correct the file, or send the rest with --skip-bad"
        )
    if news.count == 0:
        raise InputError(f"{file} holds no record that can be sent")
    settings = known_broker(folder)
    console.print(_plan(news, pace), markup=False)
    with (
        closing(KafkaTopicProducer(settings)) as producer,
        _interrupted() as stop,
        bars(console) as progress,
    ):
        bar = progress.add_task(f"records to {topic}", total=news.count)
        acknowledged = send_news(
            news,
            producer,
            topic,
            pace,
            clock=SystemClock(),
            pause=stop.wait,
            on_acknowledged=lambda done: progress.update(bar, completed=done),
        )
    ended = ", stopped by Ctrl-C" if stop.is_set() else ""
    console.print(f"{acknowledged} of {news.count} records acknowledged by the broker{ended}")
    if stop.is_set():
        raise typer.Exit(_EXIT_INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a file's times become those of the replay.

    With `speed` 100 an hour of news takes 36 s. Where `shift` is set, the times in the records
    move too, all by the same number of whole minutes: the last record is published in the minute
    in which the replay ends. Surges are looked for at full minutes of event time, so a replay
    gives the same alerts whenever it is begun.
    """

    speed: float
    shift: bool

    def shift_s(self, news: "NewsFile", now_s: float) -> float:
        """By how much the times move if the replay begins at `now_s`, in Unix seconds."""
        if not self.shift:
            return 0.0
        end_s = now_s + news.span_s / self.speed
        return (end_s - news.last_s) // _MINUTE_S * _MINUTE_S


def parse_speed(text: str) -> float:
    """The number of `100x` or `100`.

    Raises:
        InputError: it is none of at least 1: below, shifted records would lie in the future.
    """
    try:
        speed = float(text.strip().lower().removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 1 <= speed < float("inf"):
        raise InputError(f"--speed {text}: expected a number of at least 1, such as 100x")
    return speed


def send_news(
    news: "NewsFile",
    producer: "Producer",
    topic: str,
    pace: Pace,
    *,
    clock: Clock,
    pause: Callable[[float], bool],
    on_acknowledged: Callable[[int], object],
) -> int:
    """Sends the good lines when each is due; returns how many the broker acknowledged.

    `pause` waits for some seconds and says whether to stop. A record that is late, because the
    broker is slower than the pace, is sent at once.

    Raises:
        DependencyError: the broker did not acknowledge a record; the message counts those it did.
    """
    begun_s = flushed_s = clock.monotonic()
    shift_s = pace.shift_s(news, clock.time())
    sent = acknowledged = 0
    latest_s = news.first_s
    try:
        for line in news.lines():
            latest_s = max(latest_s, line.published_at)
            due_s = begun_s + (latest_s - news.first_s) / pace.speed
            is_full = sent - acknowledged >= _FLUSH_RECORDS
            if sent > acknowledged and (is_full or due_s - flushed_s >= _FLUSH_EVERY_S):
                producer.flush(_FLUSH_LIMIT_S)
                acknowledged = sent
                on_acknowledged(acknowledged)
                flushed_s = clock.monotonic()
            if pause(max(0.0, due_s - clock.monotonic())):
                break
            producer.send(topic, _value(line, shift_s), key=line.id.encode())
            sent += 1
        producer.flush(_FLUSH_LIMIT_S)
    except DependencyError as error:
        raise DependencyError(
            f"{error}; {acknowledged} of {news.count} records were acknowledged before"
        ) from error
    on_acknowledged(sent)
    return sent


def _plan(news: "NewsFile", pace: Pace) -> str:
    """What is going to be sent, for how long, and with which times."""
    first, last = (datetime.fromtimestamp(at, UTC) for at in (news.first_s, news.last_s))
    lasts = timedelta(seconds=round(news.span_s / pace.speed))
    span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    plan = f"{news.count} records of {span} are sent in {lasts}"
    if pace.shift:
        plan += ", dated as if the last of them were of now (--keep-times leaves the dates)"
    return plan


def _value(line: "NewsLine", shift_s: float) -> bytes:
    """The record as it stands in the file, or with its time moved."""
    import orjson

    if shift_s == 0:
        return line.value
    moved = datetime.fromtimestamp(line.published_at + shift_s, UTC)
    text = moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({**orjson.loads(line.value), "published_at": text})


def _show_faults(console: Console, news: "NewsFile") -> None:
    for fault in news.refused:
        console.print(f"refused: {fault}", style="red", markup=False)
    if (more := news.refused_count - len(news.refused)) > 0:
        console.print(f"refused: {_lines(more)} more", style="red")


def _lines(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """Yields an event that the first Ctrl-C sets; a second one ends the command as ever."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)

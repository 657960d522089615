"""Server-sent events, read from an answer's bytes as they come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; `id` is what `Last-Event-ID` resumes after."""

    id: str
    kind: str
    data: str


def parse_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events of a stream; comments are left out, and an event that was cut off is none.

    Source: WHATWG HTML, "Server-sent events", section 9.2.6.
    """
    last_id, kind = "", "message"
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if data:
                yield ServerEvent(last_id, kind, "\n".join(data))
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id":
            last_id = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines end in a line feed alone: texts inside may hold what Unicode calls a line's end."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.removesuffix(b"\r").decode() for line in whole)

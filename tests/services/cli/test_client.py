import re
from pathlib import Path

import httpx
import pytest
from typer.main import get_command

from services.cli.client import COMMANDS, Platform, patiently
from services.cli.main import app
from shared.errors import (
    AuthenticationError,
    DependencyError,
    InputError,
    OverloadedError,
    PlatformError,
)
from tests.services.cli.served import URL, Served, connected


def failing(error: type[httpx.TransportError]) -> object:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error("why")

    return handle


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (httpx.ConnectError, f"nothing listens on {URL}: start it with `banyan up`"),
        (httpx.ReadTimeout, "does not answer in time"),
        (httpx.RemoteProtocolError, "broke the connection: why"),
    ],
)
def test_a_platform_that_does_not_answer(error: type[httpx.TransportError], message: str) -> None:
    transport = httpx.MockTransport(failing(error))  # type: ignore[arg-type]

    with Platform(URL, transport=transport) as platform:
        for request in (
            lambda: platform.get("/a"),
            lambda: platform.post("/a", {}),
            lambda: platform.upload("/a", [("a.md", b"")]),
            lambda: list(platform.events("/a", body={})),
        ):
            with pytest.raises(DependencyError, match=message):
                request()


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (422, InputError), (503, PlatformError)]
)
def test_a_refusal_has_the_platforms_reason(status: int, kind: type[PlatformError]) -> None:
    with connected(Served(status=status)) as platform:
        with pytest.raises(kind, match="a key is needed"):
            platform.get("/a")
        with pytest.raises(kind, match="a key is needed"):
            list(platform.events("/a", body={}))


def test_an_answer_of_something_else_is_named_by_its_status() -> None:
    with (
        connected(lambda request: httpx.Response(502, text="<html>")) as platform,
        pytest.raises(PlatformError, match=f"{URL}/a answered with status 502"),
    ):
        platform.get("/a")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "there is no knowledge base 'x': GET /support/knowledge-bases lists them",
            "there is no knowledge base 'x': `banyan kb list` lists them",
        ),
        (
            "it is rebuilt soon; to rebuild it now: POST /support/knowledge-bases/NAME/rebuild",
            "it is rebuilt soon; to rebuild it now: `banyan kb rebuild --kb NAME`",
        ),
        ("see GET /support/knowledge-bases/shop", "see GET /support/knowledge-bases/shop"),
    ],
)
def test_a_route_that_a_message_names_is_said_as_its_command(said: str, shown: str) -> None:
    served = lambda request: httpx.Response(404, json={"detail": said})  # noqa: E731
    with connected(served) as platform, pytest.raises(InputError) as caught:
        platform.get("/a")

    assert str(caught.value) == shown


def test_every_route_that_a_message_names_has_a_command() -> None:
    services = Path(__file__).parents[3] / "services"
    texts = [
        file.read_text("utf-8")
        for name in ("support", "sentiment", "recommendation")
        for file in (services / name).rglob("*.py")
    ]
    named = {route for text in texts for route in re.findall(r": ((?:GET|POST) /[\w/-]+)", text)}

    assert len(named) >= 4
    assert named <= COMMANDS.keys()
    for command in COMMANDS.values():
        at = get_command(app)
        for word in command.removeprefix("banyan ").partition(" --")[0].split():
            at = at.commands[word]  # type: ignore[attr-defined]


def test_the_key_is_sent() -> None:
    served = Served()

    with connected(served, "bny_secret") as platform:
        platform.get("/a")

    assert served.requests[0].headers["authorization"] == "Bearer bny_secret"


def test_an_address_that_is_none_is_refused() -> None:
    with Platform("htp:/nothing") as platform, pytest.raises(InputError, match="is not an address"):
        platform.get("/a")


class Busy:
    """Is busy for some requests, and asks for ever longer pauses."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.sent = 0

    def __call__(self) -> str:
        self.sent += 1
        if self.sent <= self.times:
            raise OverloadedError("busy", retry_after_s=self.sent)
        return "done"


def test_the_pauses_are_those_that_are_asked_for() -> None:
    pauses: list[float] = []

    assert patiently(Busy(3), pause=pauses.append) == "done"

    assert pauses == [1, 2, 3]


def test_patience_ends() -> None:
    pauses: list[float] = []

    with pytest.raises(OverloadedError):
        patiently(Busy(99), pause=pauses.append, limit_s=10)

    assert pauses == [1, 2, 3, 4]


def test_another_refusal_is_not_waited_for() -> None:
    def refuse() -> None:
        raise InputError("no")

    with pytest.raises(InputError):
        patiently(refuse, pause=lambda seconds: pytest.fail("there was a pause"))


STREAM = (
    ': hello\n\nid: 1\nevent: alert\ndata: {"a":"x\u2028y"}\n\n: still here\n\n'
    "id: 2\r\ndata: one\r\ndata:two\r\n\r\n: still here\n\ndata: cut off\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    content, asked = STREAM.encode(), []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        parts = (content[start : start + size] for start in range(0, len(content), size))
        return httpx.Response(200, content=parts, headers={"content-type": "text/event-stream"})

    with connected(handle) as platform:
        found = list(platform.events("/a", after="0"))

    assert [(each.id, each.event, each.data) for each in found] == [
        ("1", "alert", '{"a":"x\u2028y"}'),
        ("2", "message", "one\ntwo"),
    ]
    assert asked[0].headers["last-event-id"] == "0"


def test_a_stream_that_is_none_is_said() -> None:
    with (
        connected(lambda request: httpx.Response(200, text="<html>")) as platform,
        pytest.raises(DependencyError, match=r"text/event-stream"),
    ):
        list(platform.events("/a"))

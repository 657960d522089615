"""`banyan ask`: questions to the support chat, one turn after another."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from services.cli.options import ApiKey, Url, connected

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

    from services.cli.client import Platform

_PATH = "/support/v1/chat/completions"


def ask(
    questions: Annotated[
        list[str], typer.Argument(help="A question; with several each follows up on the former.")
    ],
    kb: Annotated[str | None, typer.Option(help="A knowledge base other than the default.")] = None,
    stream: Annotated[bool, typer.Option(help="Print the answer while it is written.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Ask the support chat; prints the answer, its citations or suggestions, and its confidence."""
    console = Console(highlight=False)
    messages: list[dict[str, str]] = []
    with connected(url, key) as platform:
        for number, question in enumerate(questions):
            if len(questions) > 1:
                console.print(("\n" if number else "") + f"> {question}", markup=False)
            messages.append({"role": "user", "content": question})
            model = f"support:{kb}" if kb else "support"
            said, findings = _say(
                console, platform, {"model": model, "messages": messages}, stream=stream
            )
            messages.append({"role": "assistant", "content": said})
            if findings is not None:
                _print_findings(console, findings)


def _say(
    console: Console, platform: "Platform", request: dict[str, object], *, stream: bool
) -> tuple[str, Any]:
    """Prints what is said to a turn; the text, and the object `banyan`."""
    if stream:
        return _print_stream(console, platform.events(_PATH, body={**request, "stream": True}))
    message = platform.post(_PATH, request)["choices"][0]["message"]
    console.print(message["content"], markup=False)
    return message["content"], message["banyan"]


def _print_stream(console: Console, events: "Iterator[ServerSentEvent]") -> tuple[str, Any]:
    said, findings = "", None
    for event in events:
        if event.data == "[DONE]":
            continue
        for choice in event.json()["choices"]:
            piece = choice["delta"].get("content", "")
            said += piece
            console.print(piece, end="", markup=False)
            findings = choice["delta"].get("banyan", findings)
    console.print()
    return said, findings


def _print_findings(console: Console, findings: dict[str, Any]) -> None:
    """Prints the object `banyan` that an answer carries."""
    console.print()
    for found, mark in ((findings["citations"], "[{}]"), (findings["suggestions"], "{}.")):
        for number, each in enumerate(found, start=1):
            source = f"({each['document_id']}, score {each['score']:.2f})"
            console.print(f"{mark.format(number)} {each['title']}  {source}", markup=False)
    if findings["kind"] == "small_talk":
        return
    parts = [f"confidence {findings['confidence']:.2f}"]
    if intent := findings["intent"]:
        parts.append(f"intent {intent}")
    if findings["kind"] == "suggestions":
        parts.append("not answered: pages that may help")
    if findings["kind"] == "clarify":
        parts.append("not answered: asks which page is meant")
    if handoff := findings["handoff"]:
        parts.append(f"handed off: {handoff['reason']}")
    console.print(", ".join(parts), style="dim", markup=False)

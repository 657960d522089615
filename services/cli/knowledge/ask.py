"""`banyan ask`: one question to the support chat."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from services.cli.options import ApiKey, Url, connected

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

_PATH = "/support/v1/chat/completions"


def ask(
    question: str,
    kb: Annotated[str | None, typer.Option(help="A knowledge base other than the default.")] = None,
    stream: Annotated[bool, typer.Option(help="Print the answer while it is written.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Ask the support chat; prints the answer, its citations and its confidence."""
    console = Console(highlight=False)
    request = {
        "model": f"support:{kb}" if kb else "support",
        "messages": [{"role": "user", "content": question}],
    }
    with connected(url, key) as platform:
        if stream:
            events = platform.events(_PATH, body={**request, "stream": True})
            findings = _print_stream(console, events)
        else:
            message = platform.post(_PATH, request)["choices"][0]["message"]
            console.print(message["content"], markup=False)
            findings = message["banyan"]
    if findings is not None:
        _print_findings(console, findings)


def _print_stream(console: Console, events: "Iterator[ServerSentEvent]") -> Any:
    findings = None
    for event in events:
        if event.data == "[DONE]":
            continue
        for choice in event.json()["choices"]:
            console.print(choice["delta"].get("content", ""), end="", markup=False)
            findings = choice["delta"].get("banyan", findings)
    console.print()
    return findings


def _print_findings(console: Console, findings: dict[str, Any]) -> None:
    """Prints the object `banyan` that an answer carries."""
    console.print()
    for number, cited in enumerate(findings["citations"], start=1):
        source = f"({cited['document_id']}, score {cited['score']:.2f})"
        console.print(f"[{number}] {cited['title']}  {source}", markup=False)
    if findings["kind"] == "small_talk":
        return
    parts = [f"confidence {findings['confidence']:.2f}"]
    if intent := findings["intent"]:
        parts.append(f"intent {intent}")
    if handoff := findings["handoff"]:
        parts.append(f"handed off: {handoff['reason']}")
    console.print(", ".join(parts), style="dim", markup=False)

"""`banyan ask`: one question to the support chat."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from rich.console import Console

from services.cli.client import Platform

_PATH = "/support/v1/chat/completions"


class Citation(BaseModel):
    """What an answer quotes."""

    document_id: str
    title: str
    score: float


class Handoff(BaseModel):
    """Why a person should take over."""

    reason: str


class Findings(BaseModel):
    """The object `banyan` of an answer, as far as it is shown."""

    answered: bool
    kind: str = "answer"
    confidence: float
    intent: str | None = None
    citations: list[Citation] = []
    handoff: Handoff | None = None


def ask(platform: Platform, question: str, kb: str | None, *, stream: bool) -> None:
    """Prints the answer, then its citations, confidence and intent.

    Raises:
        PlatformError: the platform does not answer, or refuses.
    """
    console = Console(highlight=False)
    request = {
        "model": f"support:{kb}" if kb else "support",
        "messages": [{"role": "user", "content": question}],
    }
    if stream:
        findings = _print_stream(console, platform.lines(_PATH, {**request, "stream": True}))
    else:
        message = platform.post(_PATH, request)["choices"][0]["message"]
        console.print(message["content"], markup=False)
        findings = message["banyan"]
    if findings is not None:
        _print_findings(console, Findings.model_validate(findings))


def _print_stream(console: Console, lines: Iterator[str]) -> Any:
    findings = None
    for line in lines:
        data = line.removeprefix("data: ")
        if data == line or data == "[DONE]":
            continue
        for choice in json.loads(data)["choices"]:
            console.print(choice["delta"].get("content", ""), end="", markup=False)
            findings = choice["delta"].get("banyan", findings)
    console.print()
    return findings


def _print_findings(console: Console, findings: Findings) -> None:
    console.print()
    for number, citation in enumerate(findings.citations, start=1):
        place = f"[{number}] {citation.title}"
        console.print(
            f"{place}  ({citation.document_id}, score {citation.score:.2f})", markup=False
        )
    if findings.kind == "small_talk":
        return
    parts = [f"confidence {findings.confidence:.2f}"]
    if findings.intent:
        parts.append(f"intent {findings.intent}")
    if findings.handoff:
        parts.append(f"handed off: {findings.handoff.reason}")
    console.print(", ".join(parts), style="dim", markup=False)

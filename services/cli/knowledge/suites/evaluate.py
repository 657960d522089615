"""`banyan support evaluate`: asks a suite, prints the figures, and fails where a gate does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.bars import bars
from services.cli.options import ApiKey, Url, connected
from shared.errors import InputError

if TYPE_CHECKING:
    from services.cli.knowledge.suites.measures import Asked, Measured

_EXIT_GATE = 1


def evaluate(
    suite: Annotated[
        Path | None,
        typer.Option(
            help="Rows of `question` and `document` (empty where none answers, or `answerable` "
            "false), or a folder of questions.jsonl and articles/. Else, ours."
        ),
    ] = None,
    kb: Annotated[str | None, typer.Option("--kb", help="The knowledge base to ask.")] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(help="FIGURE=LIMIT, such as right=0.4 or wrong=0.1; may be repeated."),
    ] = None,
    show: Annotated[bool, typer.Option(help="Print each question that was not helped.")] = False,
    out: Annotated[Path | None, typer.Option(help="A file for the figures, as JSON.")] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Ask a suite of questions through the chat; ends with code 1 where a stated gate fails."""
    from services.cli.knowledge.sample import SAMPLE_SUITE
    from services.cli.knowledge.suites.asking import ask_suite, knowledge_base_for
    from services.cli.knowledge.suites.measures import check_gates, measure
    from shared.retrieval.suite import read_suite

    read = read_suite(suite or SAMPLE_SUITE)
    gates = {**read.gates, **_stated(gate or [])}
    check_gates(gates)
    console = Console(highlight=False, soft_wrap=True)
    with (
        connected(url, key) as platform,
        knowledge_base_for(platform, read, kb) as name,
        bars(console) as progress,
    ):
        bar = progress.add_task(f"questions to {name}", total=len(read.questions))
        asked = ask_suite(platform, read, name, lambda: progress.advance(bar))
    measured = measure(asked, gates)
    if show:
        _print_unhelped(console, asked)
    console.print(_table(measured))
    if out is not None:
        _write(out, measured)
    failed = [each for each in measured if not each.holds]
    for each in failed:
        side = "at least" if each.measure.more_is_better else "at most"
        said = f"{each.measure.name} is {each.figure.value:.3f}: {side} {each.limit:g} is asked for"
        console.print(f"the gate does not hold: {said}", style="red", markup=False)
    if failed:
        raise typer.Exit(_EXIT_GATE)


def _stated(gates: Sequence[str]) -> dict[str, float]:
    found = {}
    for gate in gates:
        name, _, limit = gate.partition("=")
        try:
            found[name.strip()] = float(limit)
        except ValueError:
            raise InputError(f"the gate {gate[:60]!r}: expected FIGURE=LIMIT") from None
    return found


def _table(measured: "Sequence[Measured]") -> Table:
    table = Table("figure", "", "value", "95 % interval", "questions", "gate", box=None)
    table.columns[0].no_wrap = True
    for each in measured:
        figure, limit = each.figure, "-"
        if each.limit is not None:
            sign = ">=" if each.measure.more_is_better else "<="
            limit = f"{sign} {each.limit:g}: {'holds' if each.holds else 'does not hold'}"
        table.add_row(
            each.measure.name,
            each.measure.words,
            f"{figure.value:.3f}",
            f"{figure.low:.3f} to {figure.high:.3f}",
            str(figure.n),
            limit,
            style=None if each.holds else "red",
        )
    return table


def _print_unhelped(console: Console, asked: "Sequence[Asked]") -> None:
    for each in asked:
        if said := _fault(each):
            question, reply = each.question, each.reply
            wanted = f", wanted {', '.join(question.articles)}" if question.articles else ""
            got = f", cites {reply.cited}" if reply.cited else ""
            head = f"{question.id}: {question.turns[-1]!r} {said} ({reply.confidence:.2f})"
            console.print(f"{head}{wanted}{got}", markup=False)


def _fault(asked: "Asked") -> str | None:
    """What is not as it should be with a reply; None where nothing is."""
    match asked.question.answerable:
        case None:
            return "is misrouted" if asked.misrouted else None
        case False:
            return "is answered, and cannot be" if asked.reply.answered else None
    if asked.helped:
        return None
    if asked.wrong:
        return "is answered from another document"
    return "is answered in other words" if asked.reply.answered else "is not answered"


def _write(path: Path, measured: "Sequence[Measured]") -> None:
    from shared.files import write_atomic

    figures: Mapping[str, object] = {
        each.measure.name: {
            "value": each.figure.value,
            "low": each.figure.low,
            "high": each.figure.high,
            "questions": each.figure.n,
            "limit": each.limit,
            "holds": each.holds,
        }
        for each in measured
    }
    write_atomic(path, f"{json.dumps(figures, indent=2)}\n".encode())

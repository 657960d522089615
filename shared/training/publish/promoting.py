"""From the settings of `pipelines.promote` to a new champion, or to the gates that refuse it."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from shared.artifacts.promotion import GateResult, change_champion, promoting
from shared.errors import ArtifactError
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.training.evaluation.answering import open_runners
from shared.training.evaluation.bundles import find_candidate, find_champion
from shared.training.evaluation.evaluation import Evaluated, evaluate_bundles
from shared.training.evaluation.report import HTML_FILE, as_plain, write_report
from shared.training.evaluation.sets import (
    EvaluationSet,
    data_files,
    data_name,
    read_examples,
)
from shared.training.evaluation.settings import PromoteSettings
from shared.training.publish.frozen import Frozen, freeze, read_frozen
from shared.training.publish.gates import Contest, judge_gates, label_gate
from shared.training.tasks.kinds import kind_of


def promote(settings: PromoteSettings, *, command: str, console: Console) -> bool:
    """Judges and, where every gate holds, promotes; says which does not, and returns False.

    Raises:
        PlatformError: there is no candidate or no evaluation set, or something is corrupt.
    """
    registry = open_registry(settings.registry_root)
    candidate = find_candidate(registry, settings.bundle)
    task = candidate.manifest.task
    with promoting(registry.root):
        champion = find_champion(registry, task)
        entry, data = _frozen(settings, candidate)
        gates = _early_gates(settings, candidate, champion, data)
        if not all(gate.holds for gate in gates):
            _say(gates, console)
            return _refuse(candidate, champion, console)
        runners = open_runners(settings)
        gates += (loaded := _load(runners, candidate, champion))
        if not loaded[0].holds:
            _say(gates, console)
            return _refuse(candidate, champion, console)
        rivals = [candidate] + ([champion] if champion and loaded[-1].gate != "champion" else [])
        evaluated = evaluate_bundles(runners, rivals, data, settings)
        against = evaluated[1] if len(evaluated) > 1 else None
        gates += judge_gates(Contest(evaluated[0], against, settings.gates, settings.resamples))
        folder = settings.folder(candidate.id)
        write_report(folder, evaluated[0], gates)
        _say(gates, console)
        console.print(f"the report: {folder / HTML_FILE}", markup=False)
        if not all(gate.holds for gate in gates):
            return _refuse(candidate, champion, console)
        evidence = _evidence(settings, entry, gates, evaluated, command)
        before = None if champion is None else champion.id
        change_champion(
            registry, task, candidate.id, before=before, evidence=evidence, at_s=time.time()
        )
    console.print(f"{candidate.id} is the champion of {task} now", style="green")
    if before is not None:
        console.print(f"`banyan rollback {task}` returns to {before}")
    if data.kind.stored:
        console.print(
            "what a running platform embedded with this task (knowledge bases, items) is embedded "
            "again by itself, while the old vectors serve: `banyan kb list` shows which bundle does"
        )
    return True


def _frozen(settings: PromoteSettings, candidate: Bundle) -> tuple[Frozen, EvaluationSet]:
    """The task's evaluation set, stored just now where files for it are given."""
    task, root = candidate.manifest.task, settings.registry_root
    if settings.freeze:
        kind = kind_of(candidate.manifest.kind, candidate.manifest.multi_label)
        files = data_files(settings.freeze, settings)
        examples = read_examples(kind, files, settings)
        name = data_name(files)
        freeze(root, task, kind, examples, name=name, at_s=time.time())
    entry, examples = read_frozen(root, task)
    return entry, EvaluationSet.of(entry, examples)


def _early_gates(
    settings: PromoteSettings, candidate: Bundle, champion: Bundle | None, data: EvaluationSet
) -> list[GateResult]:
    """What can be said before any model is loaded."""
    manifest = candidate.manifest
    gates = []
    if champion is not None:
        replace = settings.replace_labels
        gates.append(label_gate(manifest, champion.manifest, replace=replace))
    unknown = data.unknown_labels(manifest)
    gates.append(
        GateResult(
            gate="evaluation set",
            holds=not unknown,
            found=f"{len(unknown)} of its labels are unknown to the candidate: {unknown[:5]}"
            if unknown
            else "the candidate knows its labels",
            limit="none unknown",
            remedy="freeze a new set for the new labels: --freeze FILE, of rows held out",
        )
    )
    return gates


def _load(runners: Runners, candidate: Bundle, champion: Bundle | None) -> list[GateResult]:
    """Loads both. A champion that the backbone cannot run does not serve either: floors decide."""
    try:
        runners.load(candidate)
    except ArtifactError as error:
        return [_backbone_gate(False, str(error))]
    gates = [_backbone_gate(True, "the candidate runs on this backbone")]
    if champion is not None:
        try:
            runners.load(champion)
        except ArtifactError as error:
            gates.append(
                GateResult(
                    gate="champion",
                    holds=True,
                    found=f"the champion does not run here, so floors alone decide: {error}",
                    limit="none",
                    remedy="none is needed",
                )
            )
    return gates


def _backbone_gate(holds: bool, found: str) -> GateResult:
    return GateResult(
        gate="backbone",
        holds=holds,
        found=found,
        limit="made for the backbone that serves",
        remedy="train it on this backbone, or set backbone.source to the one that serves",
    )


def _evidence(
    settings: PromoteSettings,
    entry: Frozen,
    gates: Sequence[GateResult],
    evaluated: Sequence[Evaluated],
    command: str,
) -> dict[str, object]:
    return {
        "action": "promote",
        "command": command,
        "evaluation_set": entry.model_dump(mode="json", exclude_none=True),
        "rules": settings.gates.model_dump(mode="json"),
        "gates": [gate.model_dump() for gate in gates],
        "evaluated": [as_plain(each) for each in evaluated],
    }


def _say(gates: Sequence[GateResult], console: Console) -> None:
    table = Table("gate", "", "found", "asked for")
    for each in gates:
        verdict = "[green]holds[/green]" if each.holds else "[red]fails[/red]"
        table.add_row(each.gate, verdict, each.found, each.limit)
    console.print(table)
    for each in gates:
        if not each.holds:
            console.print(f"{each.gate}: {each.found}; asked for: {each.limit}", markup=False)
            console.print(f"  what helps: {each.remedy}", markup=False)


def _refuse(candidate: Bundle, champion: Bundle | None, console: Console) -> bool:
    stays = "there is no champion" if champion is None else f"{champion.id} stays the champion"
    console.print(f"{candidate.id} is not promoted: {stays}", style="red")
    return False

"""Evaluation and promotion with the real backbone and a bundle that ships."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from pipelines.evaluate import main as evaluate
from pipelines.rollback import main as rollback
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.bundle import HEAD_FILE, MODEL, Bundle, Manifest
from shared.models.registry import Registry, open_registry
from shared.models.runners import Runners
from shared.models.tasks import ClassifyOutput
from shared.training.evaluation.answering import answer
from shared.training.evaluation.settings import PromoteSettings
from shared.training.publish.promoting import promote

TASK = "finance-sentiment"
TEXTS = [
    f"{name} {what}"
    for name in ("Acme", "Globex", "Initech", "Umbrella", "Hooli", "Stark")
    for what in (
        "profit rises sharply",
        "shares tumble on weak demand",
        "to publish its results on Monday",
        "wins a large order",
        "posts a record loss",
        "names a new auditor",
    )
]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Texts with what the champion that ships says of them: it is never wrong on these."""
    registry = open_registry(Path("nowhere"))
    bundle = registry.bundle(registry.resolve(TASK))
    runners = Runners(Backbone.load(BackboneConfig()))
    runners.load(bundle)
    output = answer(runners, bundle, TEXTS).output
    assert isinstance(output, ClassifyOutput)
    said = [output.labels[i] for i in output.probabilities.argmax(axis=1)]
    assert len(set(said)) == 3
    return [{"text": text, "label": label} for text, label in zip(TEXTS, said, strict=True)]


@pytest.fixture
def file(tmp_path: Path, rows: list[dict[str, str]]) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def candidate(registry: Registry, change: Callable[[Manifest, Path], Manifest]) -> Bundle:
    """A changed copy of the bundle that ships, named candidate."""
    old = registry.bundle(registry.resolve(TASK))
    aside = registry.root / "aside"
    shutil.copytree(old.folder, aside)
    (aside / "manifest.json").unlink()
    manifest = change(old.manifest, aside)

    def write_files(folder: Path) -> None:
        shutil.copytree(aside, folder, dirs_exist_ok=True)

    bundle = MODEL.write(registry.root, manifest, write_files)
    shutil.rmtree(aside)
    registry.set_alias(TASK, "candidate", bundle.id)
    return bundle


def described(manifest: Manifest, folder: Path) -> Manifest:
    return manifest.model_copy(update={"attribution": "a copy"})


def confused(manifest: Manifest, folder: Path) -> Manifest:
    """Its head takes each class for another."""
    tensors = load_file(folder / HEAD_FILE)
    save_file(
        {name: torch.roll(each, 1, 0).contiguous() for name, each in tensors.items()},
        folder / HEAD_FILE,
    )
    return manifest


def run(tmp_path: Path, **settings: object) -> tuple[bool, str]:
    said = io.StringIO()
    chosen = {"bundle": TASK, "state_dir": tmp_path, "resamples": 200, **settings}
    promoted = promote(
        PromoteSettings.model_validate(chosen),
        command="promote",
        console=Console(file=said, width=300),
    )
    return promoted, said.getvalue()


def test_a_candidate_as_good_is_promoted_and_can_be_rolled_back(tmp_path: Path, file: Path) -> None:
    registry = open_registry(tmp_path / "models")
    before = registry.resolve(TASK)
    bundle = candidate(registry, described)

    # The copies differ in nothing, but one input at a time takes what the machine lets it.
    promoted, said = run(tmp_path, freeze=str(file), gates={"max_latency_ratio": 100})

    assert promoted, said
    assert registry.resolve(TASK) == bundle.id
    assert "+0.0000" in said
    (evidence,) = (registry.root / TASK / "promotions").iterdir()
    found = json.loads(evidence.read_text())
    assert (found["from"], found["to"]) == (before, bundle.id)
    assert found["evaluation_set"]["examples"] == len(TEXTS)
    assert [each["bundle"] for each in found["evaluated"]] == [bundle.id, before]
    assert all(gate["holds"] for gate in found["gates"])
    assert (tmp_path / "evaluations" / bundle.id / "evaluation.html").is_file()

    assert rollback(["--set", f"task={TASK}", "--set", f"state_dir={tmp_path}"]) == 0
    assert registry.resolve(TASK) == before


def test_a_worse_one_is_refused_with_its_gates_and_nothing_changes(
    tmp_path: Path, file: Path
) -> None:
    registry = open_registry(tmp_path / "models")
    before = registry.resolve(TASK)
    bundle = candidate(registry, confused)

    promoted, said = run(tmp_path, freeze=str(file))

    assert not promoted
    for part in ("floor: accuracy 0.0000", "metric: accuracy 0.0000, the champion's 1.0000",
                 "classes: F1 0.0000", "-1.0000", f"{before} stays the champion"):  # fmt: skip
        assert part in said
    assert registry.resolve(TASK) == before
    assert not (registry.root / TASK / "promotions").exists()
    page = tmp_path / "evaluations" / bundle.id / "evaluation.html"
    assert "fails" in page.read_text()


def test_other_labels_or_another_backbone_are_refused_before_anything_runs(
    tmp_path: Path, file: Path
) -> None:
    registry = open_registry(tmp_path / "models")

    def renamed(manifest: Manifest, folder: Path) -> Manifest:
        return manifest.model_copy(update={"labels": ("up", *manifest.labels[1:])})

    candidate(registry, renamed)
    promoted, said = run(tmp_path, freeze=str(file))
    assert not promoted
    assert "adds 'up' and lacks" in said

    def elsewhere(manifest: Manifest, folder: Path) -> Manifest:
        other = manifest.backbone.model_copy(update={"sha256": "1" * 64})
        return manifest.model_copy(update={"backbone": other})

    candidate(registry, elsewhere)
    promoted, said = run(tmp_path, freeze=str(file))
    assert not promoted
    assert "was made for" in said
    assert "rebuild it" in said


def test_any_file_can_be_evaluated_on(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--set", f"bundle={TASK}", f"state_dir={tmp_path}", "resamples=200"]
    assert evaluate([*common, f"data={file}", f"output={tmp_path / 'out'}"]) == 0
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())["figures"]
    assert figures["accuracy"]["value"] == 1.0
    assert (tmp_path / "out" / "README.md").read_text().startswith(f"# {TASK}, evaluated")

    for arguments, part in (
        ([f"data={file}", "format=none"], "format 'none'"),
        ([f"data={file}", "label=topic"], "has no column 'topic'"),
        ([f"data={file}", "label=text"], "labels are unknown to"),
        (["bundle=other", f"data={file}"], "the task 'other' has no champion"),
        (["gates.margin=1"], "gates"),
    ):
        assert evaluate([*common, *arguments]) == 1
        assert part in capsys.readouterr().err

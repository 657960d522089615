"""Bundles with their own backbone, beside the first one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from shared.errors import ArtifactError, NotFoundError
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle
from shared.models.runner import Runner
from shared.models.runners import Runners
from shared.models.source import BackboneFiles
from shared.models.tasks import EmbedOutput, TaskCall, TaskKind, TaskOutput
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import (
    full_bundle,
    load_backbone,
    load_from,
    lora_bundle,
    made_bundle,
)

TEXTS = ["Shares of the bank fall sharply after its results", "Profit rises", "Gold"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two encoders: of another architecture and other weights."""
    root = tmp_path_factory.mktemp("encoders")
    return write_encoder(root, "bert"), write_encoder(root, "mpnet", seed=4)


@pytest.fixture
def first(folders: tuple[Path, Path]) -> Backbone:
    return load_from(folders[0])


@pytest.fixture
def other(folders: tuple[Path, Path]) -> Backbone:
    return load_from(folders[1])


@pytest.fixture
def runners(first: Backbone) -> Runners:
    return Runners(first)


def answer(runners: Runners, bundle: Bundle) -> TaskOutput:
    tokenized = runners.tokenize(bundle.id, TaskCall(bundle.id, TEXTS))
    return runners.assemble(tokenized, runners.run(tokenized.rows))


def vectors(output: TaskOutput) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    assert isinstance(output, EmbedOutput)
    return output.vectors


def test_each_bundle_is_computed_by_its_own_backbone(
    tmp_path: Path, folders: tuple[Path, Path], runners: Runners, first: Backbone, other: Backbone
) -> None:
    own = made_bundle(tmp_path, "embed", TaskKind.EMBED, max_length=64, on=first)
    full = full_bundle(tmp_path, "embed", other, TaskKind.EMBED, began_with=first)
    for bundle, folder in ((own, folders[0]), (full, folders[1])):
        runners.load(bundle)
        expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
        np.testing.assert_allclose(vectors(answer(runners, bundle)), expected, atol=1e-5)
        assert runners.info(bundle.id) == (TaskKind.EMBED, ())
    assert runners.run([]) == []


def test_people_are_let_in_whatever_their_backbone(
    tmp_path: Path, runners: Runners, first: Backbone, other: Backbone
) -> None:
    own = made_bundle(tmp_path, "embed", TaskKind.EMBED, max_length=64, on=first)
    full = full_bundle(tmp_path, "embed", other, TaskKind.EMBED)
    rows = {}
    for bundle in (own, full):
        runners.load(bundle)
        rows[bundle.id] = runners.tokenize(bundle.id, TaskCall("embed", TEXTS)).rows
    expected = {name: np.stack(runners.run(each)) for name, each in rows.items()}
    assert rows[own.id][0].group != rows[full.id][0].group
    found = []
    results = runners.run(rows[own.id], lambda: found.append(runners.run(rows[full.id])))
    np.testing.assert_array_equal(np.stack(results), expected[own.id])
    assert found
    for each in found:
        np.testing.assert_array_equal(np.stack(each), expected[full.id])
    with pytest.raises(NotFoundError, match="is not loaded"):
        runners.run([*rows[own.id], *rows[full.id]])


def test_bundles_with_the_same_weights_share_a_backbone_that_goes_with_the_last(
    tmp_path: Path, runners: Runners, other: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Backbone] = []

    class Noted(Backbone):
        def __init__(
            self, files: BackboneFiles, device: torch.device, precision: torch.dtype
        ) -> None:
            super().__init__(files, device, precision)
            read.append(self)

    monkeypatch.setattr("shared.models.runners.Backbone", Noted)
    embed = full_bundle(tmp_path, "embed", other, TaskKind.EMBED)
    intent = full_bundle(tmp_path, "intent", other, labels=("a", "b"))
    for bundle in (embed, intent, intent):
        runners.load(bundle)
    assert len(read) == 1
    runners.unload(embed.id)
    answer(runners, intent)
    with pytest.raises(NotFoundError):
        answer(runners, embed)
    for _ in range(2):
        runners.unload(intent.id)
    assert all(parameter.is_meta for parameter in read[0].encoder.parameters())
    runners.load(embed)
    answer(runners, embed)
    assert len(read) == 2


def test_an_own_backbone_is_refused_where_it_cannot_be_what_was_verified(
    tmp_path: Path, runners: Runners, first: Backbone, other: Backbone
) -> None:
    bundle = full_bundle(tmp_path, "embed", other, TaskKind.EMBED)
    with pytest.raises(ArtifactError, match="is its own backbone"):
        Runner(first).load(bundle)
    weights = next((bundle.folder / "backbone").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match="has changed since it was verified"):
        runners.load(bundle)
    with pytest.raises(NotFoundError):
        runners.info(bundle.id)


def test_a_merged_adapter_gives_the_same_and_leaves_the_others_alone(tmp_path: Path) -> None:
    def run(runners: Runners, bundle: Bundle) -> "np.ndarray[tuple[int, ...], np.dtype[Any]]":
        return np.stack(runners.run(runners.tokenize(bundle.id, TaskCall("a", TEXTS)).rows))

    judge, intent = lora_bundle(tmp_path, "judge", seed=1), lora_bundle(tmp_path, "intent", seed=2)
    apart, merged = Runners(load_backbone()), Runners(load_backbone(), ["judge"])
    for runners in (apart, merged):
        runners.load(judge)
        runners.load(intent)
    np.testing.assert_allclose(run(merged, judge), run(apart, judge), atol=1e-4)
    np.testing.assert_array_equal(run(merged, intent), run(apart, intent))
    groups = [
        merged.tokenize(each.id, TaskCall("a", TEXTS)).rows[0].group for each in (judge, intent)
    ]
    assert groups[0] != groups[1]
    merged.unload(judge.id)
    np.testing.assert_array_equal(run(merged, intent), run(apart, intent))
    with pytest.raises(NotFoundError):
        merged.info(judge.id)
    merged.load(judge)
    np.testing.assert_allclose(run(merged, judge), run(apart, judge), atol=1e-4)


def test_a_merged_adapter_for_another_backbone_is_refused_with_the_remedy(
    tmp_path: Path, first: Backbone
) -> None:
    judge = lora_bundle(tmp_path, "judge", seed=1)
    with pytest.raises(ArtifactError, match=r"was made for .*; rebuild it: "):
        Runners(first, ["judge"]).load(judge)

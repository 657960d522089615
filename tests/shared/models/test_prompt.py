"""Prompts: what the engine computes with one is what PEFT computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor

from shared.errors import ArtifactError
from shared.models.bundle import ADAPTER_WEIGHTS_FILE, Method
from shared.models.engine import PaddedBatch, TorchEngine
from shared.models.heads import Head
from shared.models.lora import NO_ADAPTER
from shared.models.prompt import read_prompt
from shared.models.runner import Runner
from shared.models.tag import bio_labels
from shared.models.tasks import EmbedOutput, TaskCall, TaskKind
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import (
    load_backbone,
    load_from,
    lora_bundle,
    made_bundle,
    prompt_model,
    reference,
    shared_runner,
)

VIRTUAL_TOKENS = 7
TEXTS = ["Shares of the bank fall sharply after its results", "Profit rises", "Gold"]


def states_of(model: PeftModel, padded: PaddedBatch) -> Tensor:
    """What PEFT gives for the batch's own tokens."""
    with torch.inference_mode():
        output = model(
            input_ids=torch.from_numpy(padded.input_ids),
            attention_mask=torch.from_numpy(padded.attention_mask),
        )
    states: Tensor = output.last_hidden_state[:, VIRTUAL_TOKENS:]
    return states


def padded(lengths: tuple[int, ...]) -> PaddedBatch:
    shape = len(lengths), max(lengths)
    ids = np.random.default_rng(0).integers(999, 20_000, shape)
    mask = (np.arange(shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    return PaddedBatch(ids * mask, mask, np.ones(shape, np.int64))


@pytest.mark.parametrize("architecture", [None, "bert", "roberta", "mpnet", "modernbert"])
@pytest.mark.parametrize("lengths", [(9, 9), (12, 5, 1, 30)])
def test_states_are_those_of_peft(
    tmp_path: Path, architecture: str | None, lengths: tuple[int, ...]
) -> None:
    folder = architecture and write_encoder(tmp_path, architecture)
    backbones = [load_from(folder) if folder else load_backbone() for _ in range(2)]
    model = prompt_model(backbones[0].encoder, 3, VIRTUAL_TOKENS)
    bundle = made_bundle(tmp_path, "task", TaskKind.EMBED, peft=model)
    engine = TorchEngine(backbones[1].encoder, torch.device("cpu"), torch.float32)
    prompt = engine.place(read_prompt(bundle.folder, engine.embedding_width))
    batch, rows = padded(lengths), np.full(len(lengths), NO_ADAPTER)
    states = engine.hidden_states(batch, [], rows, prompt=prompt)
    mask = torch.from_numpy(batch.attention_mask).bool()
    expected = states_of(model, batch)
    assert bundle.manifest.method is Method.PROMPT
    torch.testing.assert_close(states[mask], expected[mask], atol=1e-5, rtol=1e-5)
    plain = engine.hidden_states(batch, [], rows)
    assert (states[mask] - plain[mask]).abs().max() > 1e-3


def test_pooling_and_token_counts_leave_the_virtual_tokens_out(tmp_path: Path) -> None:
    backbone = load_backbone()
    model = prompt_model(load_backbone().encoder, 4, VIRTUAL_TOKENS)
    bundle = made_bundle(tmp_path, "embed", TaskKind.EMBED, peft=model)
    runner = shared_runner("float32")
    runner.load(bundle)
    tokenized = runner.tokenize(bundle.id, TaskCall("embed", TEXTS))
    output = runner.assemble(tokenized, runner.run(tokenized.rows))
    assert isinstance(output, EmbedOutput)
    encodings = [backbone.tokenizer.encode(text) for text in TEXTS]
    assert output.tokens == sum(len(each.ids) for each in encodings)
    assert [row.columns - row.tokens for row in tokenized.rows] == [VIRTUAL_TOKENS] * len(TEXTS)
    for vector, each in zip(output.vectors, encodings, strict=True):
        ids = np.array([each.ids], np.int64)
        states = states_of(model, PaddedBatch(ids, np.ones_like(ids), None))
        expected = backbone.embed(backbone.pool(states, torch.ones(ids.shape)))
        np.testing.assert_allclose(vector, expected[0].numpy(), atol=1e-5)


def test_a_head_of_tokens_reads_the_texts_own(tmp_path: Path) -> None:
    model = prompt_model(load_backbone().encoder, 5, VIRTUAL_TOKENS)
    head = Head(TaskKind.TAG, 384, ("LOC",)).requires_grad_(False)
    bundle = made_bundle(tmp_path, "places", TaskKind.TAG, ("LOC",), peft=model, head=head)
    runner = shared_runner("float32")
    runner.load(bundle)
    rows = runner.tokenize(bundle.id, TaskCall("places", TEXTS)).rows
    for row, logits in zip(rows, runner.run(rows), strict=True):
        batch = PaddedBatch(row.input_ids[None], np.ones((1, row.tokens), np.int64), None)
        expected = head(states_of(model, batch))[0].numpy()
        assert logits.shape == (row.tokens, len(bio_labels(("LOC",))))
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_people_of_another_task_are_let_in_between_the_layers(tmp_path: Path) -> None:
    runner = shared_runner("float32")
    model = prompt_model(load_backbone().encoder, 6, VIRTUAL_TOKENS)
    prompted = made_bundle(tmp_path, "prompted", labels=("a", "b"), peft=model)
    adapted = lora_bundle(tmp_path, "adapted", 1)
    rows = {}
    for bundle in (prompted, adapted):
        runner.load(bundle)
        rows[bundle.id] = runner.tokenize(bundle.id, TaskCall("t", TEXTS)).rows
    few = {name: each[:2] for name, each in rows.items()}
    expected = {name: np.stack(runner.run(each)) for name, each in rows.items()}
    expected_few = {name: np.stack(runner.run(each)) for name, each in few.items()}
    for outer, inner in ((prompted, adapted), (adapted, prompted)):
        found: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []

        def let_in(
            found: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = found,
            inner: str = inner.id,
        ) -> None:
            found.append(np.stack(runner.run(few[inner])))

        results = np.stack(runner.run(rows[outer.id], let_in))
        np.testing.assert_array_equal(results, expected[outer.id])
        assert found
        for each in found:
            np.testing.assert_array_equal(each, expected_few[inner.id])


def test_rows_of_a_prompt_share_no_batch_with_others(tmp_path: Path) -> None:
    runner = shared_runner("float32")
    bundles = [
        made_bundle(
            tmp_path,
            f"prompted-{seed}",
            labels=("a", "b"),
            peft=prompt_model(load_backbone().encoder, seed, VIRTUAL_TOKENS),
        )
        for seed in range(2)
    ] + [made_bundle(tmp_path, "plain", labels=("a", "b"))]
    rows = []
    for bundle in bundles:
        runner.load(bundle)
        rows += runner.tokenize(bundle.id, TaskCall("t", TEXTS[:1])).rows
    assert len({row.group for row in rows}) == 3
    for pair in (rows[:2], rows[1:]):
        with pytest.raises(ValueError, match="need their own batches"):
            runner.run(pair)


def test_text_and_virtual_tokens_fit_the_positions_together(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path, "bert")
    for virtual_tokens in (16, 17):
        own = load_from(folder)
        bundle = made_bundle(
            tmp_path,
            "embed",
            TaskKind.EMBED,
            peft=prompt_model(own.encoder, 1, virtual_tokens),
            max_length=64,
            on=own,
        )
        runner = Runner(load_from(folder))
        if virtual_tokens == 17:
            with pytest.raises(ArtifactError, match="max_length of at most 63"):
                runner.load(bundle)
            continue
        runner.load(bundle)
        call = TaskCall("embed", ["word " * 100], truncate=True)
        (row,) = runner.tokenize(bundle.id, call).rows
        assert row.columns == 80
        assert np.isfinite(runner.run([row])[0]).all()


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"prompt_embeddings": torch.zeros(VIRTUAL_TOKENS, 16)}, "made for another backbone"),
        ({"prompt_embeddings": torch.zeros(3, 384)}, "expected \\[7, 384\\]"),
        ({"prompt_embeddings": torch.full((VIRTUAL_TOKENS, 384), torch.nan)}, "not finite"),
        ({"other": torch.zeros(VIRTUAL_TOKENS, 384)}, "a prompt is prompt_embeddings alone"),
    ],
)
def test_a_malformed_prompt_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor], reason: str
) -> None:
    model = prompt_model(load_backbone().encoder, 1, VIRTUAL_TOKENS)
    folder = made_bundle(tmp_path, "task", TaskKind.EMBED, peft=model).folder
    save_file(tensors, folder / ADAPTER_WEIGHTS_FILE)
    with pytest.raises(ArtifactError, match=reason):
        read_prompt(folder, reference().width)

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from shared.training.data.arrays import TokenArrays
from shared.training.loop.workers import ALONE
from shared.training.tasks.embed.contrastive import Contrastive

SCALE = 20.0


def _arrays(texts: list[int], rows_per_example: int) -> TokenArrays:
    return TokenArrays.of([[1]] * len(texts), texts, rows_per_example=rows_per_example)


def _vectors(rows: int) -> torch.Tensor:
    return torch.randn(rows, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("rows_per_example", [2, 3, 4])
def test_different_texts_cost_what_sentence_transformers_says(rows_per_example: int) -> None:
    examples = 5
    rows = np.arange(examples * rows_per_example)
    vectors = _vectors(len(rows))
    # The numbers of texts say nothing of their order.
    arrays = _arrays(np.random.default_rng(0).permutation(rows).tolist(), rows_per_example)
    contrastive = Contrastive(SCALE, ALONE)
    found = contrastive.total(vectors, arrays, rows) / contrastive.weight(arrays, rows)
    theirs = MultipleNegativesRankingLoss(torch.nn.Identity(), scale=SCALE)  # type: ignore[arg-type]
    columns = [vectors[column::rows_per_example] for column in range(rows_per_example)]
    expected = theirs.compute_loss_from_embeddings(columns, torch.zeros(examples))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_document_of_two_queries_is_wrong_for_neither() -> None:
    vectors = _vectors(6)
    vectors[3] = vectors[1]
    twice = _arrays([0, 7, 1, 7, 2, 8], 2)
    found = Contrastive(SCALE, ALONE).total(vectors, twice, np.arange(6))
    normal = torch.nn.functional.normalize(vectors, dim=1)
    logits = SCALE * normal[[0, 2, 4]] @ normal[[1, 5]].T
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 0, 1]), reduction="sum")
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_query_is_no_wrong_answer_to_itself() -> None:
    # The second query's document is the first query.
    arrays = _arrays([0, 1, 2, 0], 2)
    vectors = _vectors(4)
    vectors[3] = vectors[0]
    found = Contrastive(SCALE, ALONE).total(vectors, arrays, np.arange(4))
    normal = torch.nn.functional.normalize(vectors, dim=1)
    logits = SCALE * normal[2:3] @ normal[[1, 3]].T
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([1]), reduction="sum")
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_no_rows_cost_nothing() -> None:
    vectors = _vectors(4)[:0].requires_grad_()
    total = Contrastive(SCALE, ALONE).total(vectors, _arrays([0, 1], 2), np.arange(0))
    assert total.item() == 0.0
    torch.autograd.backward(total)

import numpy as np
import pytest

from shared.errors import InputError
from shared.models.backbones.prefixes import Prefixes
from shared.models.tokenization import TextTokenizer
from shared.training.data.candidates import Candidates
from shared.training.tasks.embed.learning import EmbedLearning
from tests.shared.training.data.test_tokenisation import pieces
from tests.shared.training.made import checked

LEARNING = EmbedLearning()
EXAMPLES = (
    Candidates("sun", ("gold",), ("suns",)),
    Candidates("suns", ("gold gold",), ("gold",)),
    Candidates("gold , gold", ("gold",), ("sun gold",)),
)
# Rows: query, positive, negative of each.
VECTORS = np.array(
    [[1, 0, 0], [1, 0.1, 0], [0.9, 0.2, 0],
     [0, 1, 0], [0, 0.5, 0.5], [1, 0.1, 0],
     [0, 0, 1], [1, 0.1, 0], [0, 1, 1]],
    np.float32,
)  # fmt: skip


def test_each_query_among_all_documents() -> None:
    tokenizer = TextTokenizer(pieces(), 9, token_types=False)
    arrays = LEARNING.arrays(EXAMPLES, tokenizer, ())
    # The documents: gold, suns, gold gold, sun gold. The first query finds its own at once, the
    # second shares its place with "sun gold" ("suns" is itself), the third finds its own last.
    expected = np.mean([1, 1 / 2, 1 / 4])
    assert LEARNING.judge(VECTORS, arrays, ())["mrr_at_10"] == pytest.approx(expected)
    evaluation = LEARNING.measure(EXAMPLES, VECTORS, tokenizer, ())
    assert evaluation.metrics["mrr_at_10"].value == pytest.approx(expected)
    assert evaluation.metrics["recall_at_10"].value == 1.0
    assert evaluation.temperature == 1.0


def test_queries_and_documents_are_read_after_the_backbones_prefixes() -> None:
    prefixes = Prefixes(query="sun ", passage="gold ")
    tokenizer = TextTokenizer(pieces(), 9, token_types=False, prefixes=prefixes)
    arrays = LEARNING.arrays(EXAMPLES[:1], tokenizer, ())
    texts = ["sun sun", "gold gold", "gold suns"]
    expected = [row.input_ids.tolist() for row in tokenizer.encode(texts, truncate=True)]
    padded, _ = arrays.padded(np.arange(3), 0)
    lengths = arrays.row_lengths.tolist()
    assert [row[:n].tolist() for row, n in zip(padded, lengths, strict=True)] == expected
    # What a text is known by has no prefix: a query that is another's document is seen to be.
    assert arrays.targets.tolist() == [0, 1, 2]


def test_equal_vectors_find_nothing_first() -> None:
    tokenizer = TextTokenizer(pieces(), 9, token_types=False)
    arrays = LEARNING.arrays(EXAMPLES, tokenizer, ())
    assert LEARNING.judge(np.ones((9, 3), np.float32), arrays, ())["mrr_at_10"] < 0.4


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        checked(LEARNING, EXAMPLES[:1], [EXAMPLES[0], Candidates("sun", ("gold",))])
    assert "dev: example 2 has 0 negatives and the first 1" in str(caught.value)
    assert "train: 1 example" in str(caught.value)
    data = checked(LEARNING, EXAMPLES, EXAMPLES[:1], {"more": EXAMPLES})
    assert (data.labels, len(data.measured["more"])) == ((), 3)

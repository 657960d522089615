import numpy as np
import pytest
from sklearn.metrics import f1_score

from shared.errors import InputError
from shared.models.backbone import Backbone
from shared.models.source import BackboneConfig
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.formats import PLAIN, Columns
from shared.training.data.reading import RowError
from shared.training.tasks.classify.examples import MultiLabelled
from shared.training.tasks.classify.multi_label import MultiLabelLearning
from shared.training.tasks.classify.rows import multi_labelled_formats
from tests.shared.training.made import checked

LEARNING = MultiLabelLearning()
SOME = [
    MultiLabelled("late and rude", ("delivery", "manner")),
    MultiLabelled("late", ("delivery",)),
    MultiLabelled("rude", ("manner",)),
    MultiLabelled("fine", ()),
]


def test_rows_have_lists_of_classes() -> None:
    read = multi_labelled_formats(Columns(labels="topics"))[PLAIN].read
    assert read({"text": "a", "topics": ["y", "x", "y"]}) == [MultiLabelled("a", ("x", "y"))]
    assert read({"text": "a", "topics": "y; x;"}) == [MultiLabelled("a", ("x", "y"))]
    assert read({"text": "a", "topics": []}) == [MultiLabelled("a", ())]
    for row in ({"text": "a"}, {"text": "a", "topics": 3}, {"text": "a", "topics": [3]}):
        with pytest.raises(RowError, match="topics"):
            read(row)


def test_a_set_that_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        checked(
            LEARNING,
            [MultiLabelled("a", ("once",))],
            [MultiLabelled("b", ("new",))],
            {"more": SOME},
        )
    for part in ("label 'once' has 1 example", "dev: label 'new'", "more: label 'delivery'"):
        assert part in str(caught.value)
    with pytest.raises(InputError, match="no text has a class"):
        checked(LEARNING, [MultiLabelled("a", ())], [])


def test_figures_equal_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, (40, 3))
    logits = generator.normal(size=(40, 3)).astype(np.float32) + truth - 0.5
    figures = LEARNING.judge(logits, TokenArrays.of([[1]] * 40, truth.tolist()), ())
    for average in ("micro", "macro"):
        expected = f1_score(truth, logits > 0, average=average)
        assert figures[f"{average}_f1"] == pytest.approx(expected)
    assert figures["exact_match"] == ((logits > 0) == truth).all(axis=1).mean()


def test_targets_stand_in_the_order_of_the_labels() -> None:
    backbone = Backbone.load(BackboneConfig(device="cpu"))
    tokenizer = TextTokenizer(backbone.tokenizer, 64, token_types=False)
    data = checked(LEARNING, SOME, SOME[:2])
    assert data.labels == ("delivery", "manner")
    arrays = data.arrays(data.train, tokenizer)
    assert arrays.padded_targets(np.arange(4)).tolist() == [[1, 1], [1, 0], [0, 1], [0, 0]]
    logits = np.array([[3, 3], [3, -3], [-3, 3], [-3, 3]], np.float32)
    found = data.measure(data.train, logits, tokenizer)
    assert found.metrics["exact_match"].value == 0.75
    assert found.metrics["micro_f1"].value == pytest.approx(8 / 9)

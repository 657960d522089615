import numpy as np
import pytest

from shared.errors import InputError
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import IGNORED
from shared.training.tasks.tag.examples import Entity, TaggedExample
from shared.training.tasks.tag.learning import TagLearning
from tests.shared.training.data.test_tokenisation import pieces
from tests.shared.training.made import checked

LABELS = ("x",)
LEARNING = TagLearning()
TRAIN = [
    TaggedExample("sun gold", (Entity(0, 3, "x"),)),
    TaggedExample("gold suns", (Entity(5, 9, "x"),)),
    TaggedExample("gold, gold", ()),
]


def _set() -> tuple[
    list[TaggedExample], TextTokenizer, np.ndarray[tuple[int, int], np.dtype[np.float32]]
]:
    """A set with a long text among its examples, and logits that say the truth."""
    long = TaggedExample("gold " * 7 + "sun gold", (Entity(35, 38, "x"),))
    tagged, tokenizer = [*TRAIN, long], TextTokenizer(pieces(), 8, token_types=False)
    targets = LEARNING.arrays(tagged, tokenizer, LABELS).targets
    logits = np.full((len(targets), 3), -2.0, np.float32)
    logits[np.arange(len(targets)), np.where(targets == IGNORED, 0, targets)] = 2.0
    return tagged, tokenizer, logits


def test_the_truth_is_all_right() -> None:
    tagged, tokenizer, logits = _set()
    metrics = LEARNING.measure(tagged, logits, tokenizer, LABELS).metrics
    assert {name: metric.value for name, metric in metrics.items()} == {
        "span_f1": 1.0,
        "span_precision": 1.0,
        "span_recall": 1.0,
    }
    assert metrics["span_f1"].n == 4
    assert LEARNING.judge(logits, LEARNING.arrays(tagged, tokenizer, LABELS), LABELS) == {
        "span_f1": 1.0
    }


def test_a_missed_and_a_wrong_entity() -> None:
    tagged, tokenizer, logits = _set()
    # "sun" of the first text is missed; the first "gold" of the third is taken for an entity.
    logits[1], logits[1 + 4 + 5] = (5, -5, -5), (-5, 5, -5)
    metrics = LEARNING.measure(tagged, logits, tokenizer, LABELS).metrics
    assert metrics["span_precision"].value == pytest.approx(2 / 3)
    assert metrics["span_recall"].value == pytest.approx(2 / 3)
    judged = LEARNING.judge(logits, LEARNING.arrays(tagged, tokenizer, LABELS), LABELS)
    assert judged["span_f1"] == pytest.approx(2 / 3)


def test_an_entity_that_cuts_a_word_cannot_be_right() -> None:
    _, tokenizer, _ = _set()
    tagged = [TaggedExample("gold suns", (Entity(5, 8, "x"),))]
    targets = LEARNING.arrays(tagged, tokenizer, LABELS).targets
    logits = np.zeros((len(targets), 3), np.float32)
    logits[np.arange(len(targets)), np.maximum(targets, 0)] = 2.0
    assert LEARNING.measure(tagged, logits, tokenizer, LABELS).metrics["span_f1"].value == 0.0
    assert LEARNING.judge(logits, LEARNING.arrays(tagged, tokenizer, LABELS), LABELS) == {
        "span_f1": 1.0
    }


def test_types_are_sorted_and_the_fingerprint_tells_entities_apart() -> None:
    data = checked(LEARNING, TRAIN, TRAIN[:1], {"more": TRAIN[1:]})
    assert data.labels == ("x",)
    assert len(data.measured["more"]) == 2
    other = [TaggedExample(TRAIN[0].text, ()), *TRAIN[1:], TRAIN[0]]
    assert data.fingerprint() != checked(LEARNING, other, TRAIN[:1]).fingerprint()
    assert data.fingerprint() == checked(LEARNING, list(TRAIN), TRAIN[:1]).fingerprint()


def test_every_fault_is_named_at_once() -> None:
    rare = TaggedExample("sun", (Entity(0, 3, "rare"),))
    new = TaggedExample("sun", (Entity(0, 3, "new"),))
    with pytest.raises(InputError) as caught:
        checked(LEARNING, [*TRAIN, rare], [new])
    assert "type 'rare' has 1 example" in str(caught.value)
    assert "dev: type 'new'" in str(caught.value)
    with pytest.raises(InputError, match="no entity"):
        checked(LEARNING, [TRAIN[2]], [])

import pytest

from shared.training.data.candidates import Candidates, listed
from shared.training.data.reading import RowError
from shared.training.tasks.embed.rows import bitext_pairs, class_names
from shared.training.tasks.score.rows import judged


def test_pairs_triplets_and_lists() -> None:
    assert listed({"query": "q", "positive": "p"}) == [Candidates("q", ("p",))]
    triplet = {"query": "q", "positive": "p", "negative": "n"}
    assert listed(triplet) == [Candidates("q", ("p",), ("n",))]
    several = {"query": "q", "positive": "p", "negatives": ["n", "m"]}
    assert listed(several)[0].documents == ("p", "n", "m")
    assert bitext_pairs({"question": "q", "answer": "p"}) == [Candidates("q", ("p",))]


def test_the_name_of_a_class_is_a_document() -> None:
    row = {"text": "Where is my card?", "label": "Card_arrival?"}
    assert class_names(row) == [Candidates("Where is my card?", ("card arrival",))]
    for label, name in (("C++", "c++"), ("don't-know", "don't know"), ("कार्ड_खो", "कार्ड खो")):
        assert class_names({"text": "a", "label": label})[0].positives == (name,)
    with pytest.raises(RowError, match="it has no words"):
        class_names({"text": "a", "label": "_"})


@pytest.mark.parametrize("label", [1, "1"])
def test_judged_pairs(label: object) -> None:
    row = {"query": "q", "document": "d", "label": label}
    assert judged(row) == [Candidates("q", ("d",))]
    assert judged({**row, "label": 0}) == [Candidates("q", (), ("d",))]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"query": "q"}, "no column 'positive'"),
        ({"query": "q", "positive": "p", "negatives": "n"}, "'negatives' is not a list"),
        ({"query": "q", "positive": "p", "negatives": ["n", ""]}, "'negatives' is empty"),
        ({"query": "q", "positive": "p", "negative": "p"}, "both 'positive' and"),
    ],
)
def test_bad_rows(row: dict[str, object], reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        listed(row)


@pytest.mark.parametrize("label", [2, True, None, "yes"])
def test_a_label_is_one_or_zero(label: object) -> None:
    with pytest.raises(RowError, match=r"expected 1 \(relevant\) or 0"):
        judged({"query": "q", "document": "d", "label": label})

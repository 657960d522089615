"""Tests: augmenting."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InputError
from shared.training.data.candidates import Candidates
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.augmenting import AugmentedRows, augmented
from shared.training.remedies.augment.edits import Edit, Passage, one_by_one
from shared.training.remedies.augment.misspellings import Misspellings
from shared.training.remedies.augment.random_edits import RandomEdits
from shared.training.remedies.augment.synonyms import Synonyms
from shared.training.remedies.augment.typing_errors import TypingErrors
from shared.training.remedies.remedy import Changed, OnRows
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.examples import Entity, TaggedExample

TEXT = "i cannot purchase the beautiful automobile because Infosys took 50 weeks to deliver it"
ENTITY = (TEXT.index("Infosys"), TEXT.index("Infosys") + len("Infosys"))
EXAMPLES: dict[str, AnyExample] = {
    "classify": Example(TEXT, "a"),
    "pair": Example((TEXT, "the quick automobile"), "a"),
    "multi-label": MultiLabelled(TEXT, ("a", "b")),
    "tag": TaggedExample(TEXT, (Entity(*ENTITY, "ORG"),)),
    "span": Question("who could deliver the automobile", TEXT, ("Infosys",), ENTITY[0]),
    "no answer": Question("who could deliver the automobile", TEXT),
    "score": Candidates("how to purchase an automobile", ("one",), ("two",)),
}
LABELLED = st.sampled_from(["Infosys", "beautiful automobile", "weeks to deliver it", "i cannot"])


def _misspelling(tmp_path: Path) -> Misspellings:
    path = tmp_path / "wrong.csv"
    path.write_text('wrong,right\nautomobil,automobile\npurchas,"purchase, purchases"\n', "utf-8")
    return Misspellings(remedy="misspellings", path=path, words=0.5)


MADE: dict[str, Callable[[Path], OnRows]] = {
    "synonyms": lambda _: Synonyms(remedy="synonyms", words=0.5),
    "typing_errors": lambda _: TypingErrors(remedy="typing_errors", words=0.5),
    "misspellings": _misspelling,
    "swap": lambda _: RandomEdits(remedy="random_edits", swap=0.5, delete=0, insert=0),
    "delete": lambda _: RandomEdits(remedy="random_edits", swap=0, delete=0.5, insert=0),
    "insert": lambda _: RandomEdits(remedy="random_edits", swap=0, delete=0, insert=0.5),
}


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("name", MADE)
def test_a_changed_copy_stands_beside_each_row_with_its_label(
    name: str, kind: str, tmp_path: Path
) -> None:
    example = EXAMPLES[kind]
    first, copy = MADE[name](tmp_path).change([example], seed=3).examples
    assert first == example != copy
    assert type(copy) is type(example)
    assert copy.targets() == example.targets()
    if isinstance(copy, Candidates) and isinstance(example, Candidates):
        assert copy.documents == example.documents
        assert copy.query != example.query
    else:
        text = " ".join(" ".join(texts) for texts in copy.fields().values())
        assert all(word in text for word in ("cannot", "Infosys", "50"))


@settings(max_examples=25, deadline=None)
@given(LABELLED, st.integers(0, 1 << 20), st.sampled_from(["tag", "span"]))
@pytest.mark.parametrize("name", MADE)
def test_what_a_label_covered_is_still_covered(
    name: str, tmp_path_factory: pytest.TempPathFactory, covered: str, seed: int, kind: str
) -> None:
    start = TEXT.index(covered)
    remedy = MADE[name](tmp_path_factory.getbasetemp())
    if kind == "tag":
        tagged = TaggedExample(TEXT, (Entity(start, start + len(covered), "X"),))
        copies = _copies(remedy, [tagged], seed)
        for copy in copies:
            assert isinstance(copy, TaggedExample)
            assert copy.text != TEXT
            (entity,) = copy.entities
            assert (copy.text[entity.start : entity.end], entity.type) == (covered, "X")
    else:
        copies = _copies(
            remedy, [Question("who purchases automobiles", TEXT, (covered,), start)], seed
        )
        for copy in copies:
            assert isinstance(copy, Question)
            assert copy.context.startswith(covered, copy.start)


def _copies(remedy: OnRows, examples: Sequence[AnyExample], seed: int) -> Sequence[AnyExample]:
    return remedy.change(examples, seed).examples[len(examples) :]


def _rows(count: int) -> list[AnyExample]:
    return [Example(f"{TEXT} and so on {number}", "ab"[number % 2]) for number in range(count)]


def test_as_many_rows_are_copied_as_often_as_is_said_and_the_seed_draws_them() -> None:
    examples = _rows(20)
    rows = AugmentedRows(share=0.25, copies=3)
    remedy = TypingErrors(remedy="typing_errors", words=0.5, rows=rows)
    changed = remedy.change(examples, seed=1)
    assert list(changed.examples[:20]) == examples
    assert len(changed.examples) == 20 + 5 * 3
    assert changed.note.startswith("15 rows beside 20 (0 dropped")
    assert changed == remedy.change(examples, seed=1)
    assert changed != remedy.change(examples, seed=2)


def _changed(replace: dict[str, str], *texts: str) -> Changed:
    """What an editor makes that replaces whole texts."""

    def edit(passage: Passage, _: object) -> list[Edit]:
        return [Edit(0, len(passage.text), replace[passage.text])]

    examples = [Example(text, "a") for text in texts]
    return augmented(
        examples, one_by_one(edit), AugmentedRows(), 0, remedy="made", hint="write other texts"
    )


def test_copies_that_lost_something_and_ones_that_are_alike_are_counted() -> None:
    replace = {"one": "uno", "not so": "so", "up 5%": "up 50%", "same": "same", "ein": "uno"}
    changed = _changed(replace, *replace)
    assert [each.fields()["text"] for each in changed.examples[5:]] == [("uno",)]
    assert changed.note == (
        "1 rows beside 5 (2 dropped in which a name, number or negation did not survive, "
        "2 unchanged or alike)"
    )


def test_an_editor_that_cuts_a_label_gives_no_row() -> None:
    def edit(passage: Passage, _: object) -> list[Edit]:
        return [Edit(0, len(passage.text), f"{passage.text} said Infosys")]

    with pytest.raises(InputError, match="1 dropped"):
        augmented([EXAMPLES["tag"]], one_by_one(edit), AugmentedRows(), 0, remedy="made", hint="no")


def test_an_augmentation_that_changes_nothing_is_an_error_with_the_remedy() -> None:
    with pytest.raises(InputError) as error:
        _changed({"one": "one", "not two": "two"}, "one", "not two")
    assert str(error.value) == (
        "remedies (made): not one of 2 rows was changed (1 dropped in which a name, number or "
        "negation did not survive, 1 unchanged or alike): write other texts"
    )


@pytest.mark.parametrize("name", ["synonyms", "typing_errors", "misspellings", "swap", "insert"])
def test_texts_of_a_script_without_spaces_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not one of 1 rows was changed"):
        MADE[name](tmp_path).change([Example("我的银行卡丢了怎么办", "a")], seed=0)


def test_listed_names_stay(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("beautiful automobile\n", "utf-8")
    rows = AugmentedRows(copies=10, protect=path)
    remedy = TypingErrors(remedy="typing_errors", words=1, rows=rows)
    made = _copies(remedy, [Example(TEXT, "a")], seed=0)
    assert len(made) == 10
    assert all("beautiful automobile" in each.fields()["text"][0] for each in made)


def test_lists_that_a_teacher_scored_are_refused() -> None:
    scored = Candidates("how to purchase it", ("one",), ("two",), (1.0, 0.0), "bundle")
    with pytest.raises(InputError, match="a teacher has scored"):
        Synonyms(remedy="synonyms").change([scored], seed=0)

from shared.training.data.candidates import Candidates
from shared.training.data.examples import canonical
from shared.training.tasks.tag.examples import Entity, TaggedExample


class _Uncopied(str):
    def __deepcopy__(self, memo: object) -> "_Uncopied":
        raise AssertionError("a text is copied to be recognised")


def test_an_example_is_recognised_by_its_values_without_a_copy_of_them() -> None:
    example = TaggedExample(
        _Uncopied("Shell and \u00c9lan"), (Entity(0, 5, "firm"), Entity(10, 14, "firm"))
    )
    assert list(canonical([example, TaggedExample("none", ())])) == [
        '["Shell and \\u00c9lan", [[0, 5, "firm"], [10, 14, "firm"]]]',
        '["none", []]',
    ]


def test_what_a_teacher_says_is_recognised_where_it_is_there() -> None:
    untaught = Candidates("q", ("p",), ("n",))
    taught = Candidates("q", ("p",), ("n",), (1.5, -2.0), "judge@abc")
    assert list(canonical([untaught, taught])) == [
        '["q", ["p"], ["n"]]',
        '["q", ["p"], ["n"], [1.5, -2.0], "judge@abc"]',
    ]
    assert untaught == taught

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InputError
from shared.training.fairness.lines import Direction, Invariance, MinimumFunctionality
from shared.training.fairness.reading import (
    read_behaviour,
    read_exchanges,
    read_names_and_templates,
    read_sentences,
)

SHIPPED = Path(__file__).parents[4] / "pipelines" / "fairness"

WOMEN = {
    "kind": "names",
    "groups": {"gender": "women"},
    "names": ["Ann", "Mia"],
    "pronouns": "she",
    "source": "written here",
}
MEN = {**WOMEN, "groups": {"gender": "men"}, "names": ["Bob"], "pronouns": "he"}
LOSS = {
    "kind": "template",
    "template": "loss",
    "text": "{His} shares fell, said {name}, and {he} sold them.",
    "label": "negative",
}
WRITTEN = {"kind": "sentence", "template": "w", "text": "She won.", "groups": {"gender": "women"}}
CASE = {
    "kind": "minimum_functionality",
    "capability": "negation",
    "test": "denied",
    "text": "Profit did not fall.",
    "expected": ["neutral", "positive"],
}
VARIED = {
    "kind": "invariance",
    "capability": "swap",
    "test": "names",
    "text": "Ann won.",
    "variants": ["Bob won."],
}


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_templates_are_filled_with_each_name(tmp_path: Path) -> None:
    sentences = read_sentences(written(tmp_path, WOMEN, MEN, LOSS))
    assert sentences.texts == (
        "Her shares fell, said Ann, and she sold them.",
        "Her shares fell, said Mia, and she sold them.",
        "His shares fell, said Bob, and he sold them.",
    )
    assert sentences.templates == ("loss",)
    assert sentences.labels == ("negative",)
    (gender,) = sentences.attributes
    assert (gender.groups, gender.codes.tolist()) == (("men", "women"), [1, 1, 0])


def test_attributes_are_joined_where_every_template_has_all_their_groups(tmp_path: Path) -> None:
    def line(gender: str, origin: str, template: str = "w") -> dict[str, Any]:
        groups = {"gender": gender, "origin": origin}
        return {**WRITTEN, "template": template, "groups": groups, "text": f"{gender} {origin}"}

    full = [line(gender, origin) for gender in ("men", "women") for origin in ("here", "there")]
    sentences = read_sentences(written(tmp_path, *full))
    assert [each.name for each in sentences.attributes] == ["gender", "origin", "gender, origin"]
    assert sentences.attributes[2].groups == (
        "men, here",
        "men, there",
        "women, here",
        "women, there",
    )
    half = [line("men", "here", "x"), line("women", "there", "x")]
    fewer = read_sentences(written(tmp_path, *full, *half))
    assert [each.name for each in fewer.attributes] == ["gender", "origin"]


def test_what_ships_is_read() -> None:
    sentences = read_sentences(SHIPPED / "measure.jsonl")
    assert len(sentences.texts) == 12 * 20 * 60
    assert len(set(sentences.texts)) == len(sentences.texts)
    assert not [text for text in sentences.texts if "{" in text]
    assert [len(each.groups) for each in sentences.attributes] == [2, 6, 12]
    assert len(read_names_and_templates(SHIPPED / "train.jsonl").templates) == 60
    assert len(read_exchanges(SHIPPED / "terms.jsonl")) > 50
    tests = read_behaviour(SHIPPED / "behaviour.jsonl")
    assert {type(test) for test in tests} == {MinimumFunctionality, Invariance, Direction}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{**WOMEN, "kind": "name"}], "own.jsonl:1: kind: expected "),
        ([WOMEN, MEN, {**LOSS, "colour": "red"}], "own.jsonl:3: colour: "),
        ([WOMEN, MEN, {**LOSS, "text": "{nam} lost."}], ":3: text: {nam} is not a slot: write one"),
        ([WOMEN, MEN, {**LOSS, "text": "{name} lost}."}], ":3: text: a brace that stands alone"),
        ([WOMEN, MEN, {**LOSS, "text": "We lost."}], ":3: text: has no slot for a name"),
        ([WOMEN, {**MEN, "names": []}, LOSS], ":2: names: "),
        ([WOMEN, {**MEN, "names": ["Bob", "Bob"]}, LOSS], ":2: names: 'Bob' stands twice"),
        ([WOMEN, {**MEN, "names": ["Mia"]}, LOSS], ":2: names: 'Mia' stands in line 1 too"),
        ([WOMEN, {**MEN, "pronouns": None}, LOSS], ":2: pronouns: missing, but the template"),
        ([WOMEN, {**MEN, "groups": {"origin": "here"}}, LOSS], ":2: groups: ['origin'], but in"),
        ([WOMEN, {**WOMEN, "names": ["Eve"]}, LOSS], ":2: groups: {'gender': 'women'} stands in"),
        ([WOMEN, MEN], "has no templates to put them into"),
        ([LOSS], "has no names to put into its templates"),
        ([WOMEN, MEN, LOSS, LOSS], ":4: template: 'loss' stands in line 3 too"),
        ([WOMEN, LOSS], "a single group for each attribute"),
        ([CASE], "has no line of the kind wanted here: add a template"),
        ([], "has no line of the kind wanted here"),
        (
            [WRITTEN, {**WRITTEN, "groups": {"gender": "men"}, "label": "positive"}],
            ":2: label: 'positive', but None in line 1",
        ),
        (
            [WRITTEN, {**WRITTEN, "groups": {"gender": "men"}}, {**WRITTEN, "template": "x"}],
            "the template 'x' has no sentence of 'men' (gender)",
        ),
        ([{**WRITTEN, "groups": {}}], ":1: groups: "),
        (["no object"], ":1: expected an object {...}, found a text"),
    ],
)
def test_sentences_with_faults_are_refused(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        read_sentences(written(tmp_path, *lines))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**CASE, "expected": []}, ":2: expected: "),
        ({**CASE, "text": "  "}, ":2: text: "),
        ({**VARIED, "variants": ["Ann won."]}, ":2: variants: one of them is the text itself"),
        ({**VARIED, "variants": []}, ":2: variants: "),
        (
            {**VARIED, "kind": "direction", "label": "x", "change": "grows"},
            ":2: change: expected 'falls' or 'rises'",
        ),
        (
            {**VARIED, "kind": "direction", "label": "x", "change": "falls", "by": 2},
            ":2: by: expected less than 1.0",
        ),
        ({**VARIED, "kind": "direction", "label": "x", "change": "falls", "by": "1"}, ":2: by: "),
        ({key: CASE[key] for key in CASE if key != "kind"}, ":2: kind: "),
    ],
)
def test_behavioural_tests_with_faults_are_refused(
    tmp_path: Path, line: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_behaviour(written(tmp_path, CASE, line))
    assert said in str(refused.value)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, {**CASE, "text": ""}, CASE, {**CASE, "expected": "positive"})
    with pytest.raises(InputError, match="2 faults") as refused:
        read_behaviour(path)
    assert ":1: text" in str(refused.value)
    assert ":3: expected" in str(refused.value)


def test_files_of_other_formats_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("kind,text\nnames,x\n")
    with pytest.raises(InputError, match=r"is CSV, expected JSON Lines: end its name in \.jsonl"):
        read_behaviour(table)
    with pytest.raises(InputError, match=r"away\.jsonl"):
        read_behaviour(tmp_path / "away.jsonl")


def test_a_pair_that_stands_twice_is_refused(tmp_path: Path) -> None:
    pair = {"kind": "exchange", "groups": ["m", "w"], "terms": ["he", "she"], "source": "here"}
    path = written(tmp_path, pair, {**pair, "terms": ["she", "he"]})
    with pytest.raises(InputError, match=r"terms: \['she', 'he'\] stand twice"):
        read_exchanges(path)


def test_too_many_sentences_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.training.fairness.reading.MAX_SENTENCES", 2)
    with pytest.raises(InputError, match="make 3 sentences, more than 2"):
        read_sentences(written(tmp_path, WOMEN, MEN, LOSS))


def test_reading_holds_no_model_library() -> None:
    code = "import sys, shared.training.fairness.reading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

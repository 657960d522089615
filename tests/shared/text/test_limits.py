"""What users send is bounded before a parser makes anything of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import yaml

from shared.errors import InputError
from shared.text.blocks import Block
from shared.text.html import html_blocks
from shared.text.limits import (
    MAX_DOCUMENT_CHARACTERS,
    MAX_HTML_ELEMENTS,
    MAX_MARKDOWN_DEPTH,
    MAX_YAML_CHARACTERS,
    MAX_YAML_DEPTH,
    MAX_YAML_NODES,
    check_characters,
)
from shared.text.markdown import markdown_blocks
from shared.text.yaml_text import load_user_yaml

LAUGHS = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
)

STACKED = "".join(f"<tr><th>{letter * 900}<th>b" for letter in "ABCDEFGHIJ")


@contextmanager
def counted_calls() -> Iterator[Callable[[], int]]:
    """Counts the calls of Python functions: work that no busy machine changes."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "line 1: the anchor or alias 'a'"),
        (LAUGHS, "line 1: the anchor or alias 'a'"),
        ("ok: 1\na: *missing", "line 2: the anchor or alias 'missing'"),
        ("a: !!python/object/apply:os.system [x]", "the tag"),
        ("a: !!int ''", "the tag"),
        ("a: !!timestamp x", "the tag"),
        (f"a: {'9' * 5000}", "a number of 5000 characters, at most 100"),
        (f"a: {'1:' * 3000}1", "a number of 6001 characters"),
        (f"a: 0x{'f' * 5000}", "a number of 5002 characters"),
        ("[" * 1000, f"deeper than {MAX_YAML_DEPTH} levels"),
        ("- " * 5000, f"deeper than {MAX_YAML_DEPTH} levels"),
        ("{a: " * 5000, f"deeper than {MAX_YAML_DEPTH} levels"),
        (f"a: [{'1, ' * MAX_YAML_NODES}]", f"more than {MAX_YAML_NODES} values"),
        ("a" * (MAX_YAML_CHARACTERS + 1), f"{MAX_YAML_CHARACTERS + 1} characters, at most"),
        ("a: [1", "line 1: not YAML"),
        ("a: 2024-13-45", "not YAML: month"),
        ("a: \x07", "not YAML"),
    ],
)
def test_yaml_of_users_is_plain_and_small(text: str, message: str) -> None:
    with counted_calls() as calls, pytest.raises(InputError) as caught:
        load_user_yaml(text, name="front matter")

    assert message in str(caught.value)
    assert str(caught.value).startswith("front matter")
    assert calls() < 500_000


def test_nothing_is_constructed_of_yaml_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def construct(_: str) -> object:
        raise AssertionError("constructed")

    monkeypatch.setattr(yaml, "safe_load", construct)

    with pytest.raises(InputError):
        load_user_yaml(LAUGHS, name="x")


def test_yaml_within_the_limits_is_read() -> None:
    text = "title: A\nintents: [a, b]\nnested:\n  key: {deep: [1, 2.5, true, ~]}\nwhen: 2024-01-02"

    value = load_user_yaml(text, name="x")

    assert isinstance(value, dict)
    assert value["nested"] == {"key": {"deep": [1, 2.5, True, None]}}
    assert load_user_yaml("", name="x") is None
    assert load_user_yaml(f"a: '{'9' * 500}'", name="x") == {"a": "9" * 500}


def test_markdown_nests_to_a_depth_and_loses_nothing_above_it() -> None:
    most = MAX_MARKDOWN_DEPTH - 3
    blocks = markdown_blocks(f"{'>' * most} the bottom")

    assert blocks[0].sentences[0].text == "the bottom"
    with pytest.raises(InputError, match=f"deeper than {MAX_MARKDOWN_DEPTH} levels"):
        markdown_blocks(f"{'>' * 5000} lost")
    with pytest.raises(InputError, match=f"deeper than {MAX_MARKDOWN_DEPTH} levels"):
        markdown_blocks("\n".join(f"{'  ' * depth}- x" for depth in range(MAX_MARKDOWN_DEPTH)))


def test_html_has_a_number_of_elements_and_any_depth() -> None:
    deep = MAX_HTML_ELEMENTS // 4

    blocks = html_blocks("<div>" * deep + "<table><tr><td>" * 100 + "the bottom")

    assert blocks[0].sentences[0].text == "the bottom"
    with pytest.raises(InputError, match=f"more than {MAX_HTML_ELEMENTS} elements"):
        html_blocks("<p>" * (MAX_HTML_ELEMENTS + 1))


@pytest.mark.parametrize(
    "piece",
    ["<table><tr><td>x", "<td rowspan=99>x", "<tr><td colspan=99 rowspan=99>x", "<a href=x>x</a> "],
)
def test_the_work_for_html_grows_with_its_size(piece: str) -> None:
    def work(count: int) -> int:
        with counted_calls() as calls:
            html_blocks(f"<table><tr>{piece * count}")
        return calls()

    assert work(400) < 5 * work(100)


@pytest.mark.parametrize(
    ("text", "blocks_of"),
    [
        ("<table><tr><th>" + "A" * 5000 + "<th>b" + "<tr><td>x<td>y" * 300, html_blocks),
        ("<table>" + STACKED + "<tr><td>x<td>y" * 300, html_blocks),
        (f"<table><tr><th colspan=64>{'A' * 900}" + f"<tr>{'<td>x' * 64}" * 50, html_blocks),
        ("|" + "A" * 5000 + "|b|\n|---|---|\n" + "|x|y|\n" * 300, markdown_blocks),
    ],
    ids=["long", "stacked", "spanning", "markdown"],
)
def test_headings_that_stand_in_every_row_are_short(
    text: str, blocks_of: Callable[[str], list[Block]]
) -> None:
    sentences = [sentence.text for block in blocks_of(text) for sentence in block.sentences]

    assert sum("x" in sentence for sentence in sentences) >= 50
    assert sum(map(len, sentences)) < 400_000


def test_a_text_has_a_number_of_characters() -> None:
    check_characters("a" * MAX_DOCUMENT_CHARACTERS, name="x")
    with pytest.raises(
        InputError, match=f"x: 500001 characters, at most {MAX_DOCUMENT_CHARACTERS}"
    ):
        check_characters("a" * (MAX_DOCUMENT_CHARACTERS + 1), name="x")

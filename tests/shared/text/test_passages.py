"""Passages of every format: exact offsets, bounded size, structure kept."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.text.html import html_title
from shared.text.markdown import markdown_title, plain_markdown
from shared.text.passages import (
    Passage,
    TextFormat,
    estimate_tokens,
    join_sentences,
    split_passages,
)

PIECES = st.sampled_from(
    [
        *["# Head", "Some words. More words!", "- item one\n- item two", "1. first\n2. second"],
        *[
            "```\ncode  here\n```",
            "> quoted text",
            "| a | b |\n|---|---|\n| 1 | 2 |",
            "***",
            "&amp;",
        ],
        *["<p>para", "</p>", "<b>bold</b>", "<br/>", "<pre>a\n b</pre>", "<script>x</script>"],
        *["\r\n", "\r", "\n\n", "\t", "é", "日本語。", "<!-- c -->", "&nbsp;", "<h2>Two</h2>", "<"],
        *["long " * 60, "[link](http://x)", "![image](y)", "\\*", "a" * 300],
    ]
)
DOCUMENTS = st.lists(PIECES | st.text(max_size=20), max_size=30).map("\n".join)


@given(DOCUMENTS, st.sampled_from(TextFormat), st.sampled_from([5, 50, 200]))
def test_passages_are_stretches_of_the_document(
    source: str, text_format: TextFormat, max_tokens: int
) -> None:
    passages = split_passages(source, text_format, max_tokens=max_tokens)

    end = 0
    for passage in passages:
        assert source[passage.start : passage.end] == passage.source
        assert end <= passage.start < passage.end
        assert estimate_tokens(passage.text) <= max_tokens
        assert passage.text.strip()
        for sentence in passage.sentences:
            assert passage.start <= sentence.start < sentence.end <= passage.end
            assert passage.quote(sentence, sentence) == source[sentence.start : sentence.end]
        end = passage.end


@given(st.text())
def test_plain_text_loses_no_word(source: str) -> None:
    passages = split_passages(source, TextFormat.PLAIN)

    assert "".join("".join(p.text for p in passages).split()) == "".join(source.split())


def texts(source: str, text_format: TextFormat, **limits: int) -> list[str]:
    return [passage.text for passage in split_passages(source, text_format, **limits)]


def test_a_heading_opens_a_passage_and_stays_with_its_text() -> None:
    source = "# Cards\n\nIntro.\n\n## Lost\n\nCall us.\n\n## Stolen\n\n### At once\n\nFreeze it.\n"

    assert texts(source, TextFormat.MARKDOWN) == [
        "Cards\nIntro.",
        "Lost\nCall us.",
        "Stolen\nAt once\nFreeze it.",
    ]


def test_markdown_is_read_without_its_marks() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |\n"
    source = f"Tap **Cards** > [PIN](http://x) and `ok`.\n\n1. One\n2. Two\n\n{table}"

    assert texts(source, TextFormat.MARKDOWN) == [
        "Tap Cards > PIN and ok.\n1. One\n2. Two\na: 1; b: 2"
    ]
    assert plain_markdown("snake_case and 2 \\* 3") == "snake_case and 2 * 3"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("One<br>Two<br/>three", "One Two three"),
        ("<td>a</td><td>b</td>", "a b"),
        ("a <b>bold</b> wo<i>r</i>d", "a bold word"),
        ("R&amp;D &lt;3 &#233; &nosuch;", "R&D <3 é &nosuch;"),
        ("Run `kb load <folder>` now", "Run kb load <folder> now"),
        ("Write to <help@example.com> or <https://example.com/a>", None),
        ("[one](x.md) and [two][ref] and [three](y 'z')", "one and two and [three](y 'z')"),
    ],
)
def test_markup_in_markdown_glues_nothing_and_loses_nothing(
    source: str, expected: str | None
) -> None:
    expected = expected or "Write to help@example.com or https://example.com/a"

    assert plain_markdown(source) == expected


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("```\n# a comment\n```\n\n## Real\n", "Real"),
        ("~~~sh\n# a comment\n~~~\n", ""),
        ("    # indented code\n\nText\n", ""),
        ("A *title*\n=======\n\n# Later\n", "A title"),
        ("Second\nlevel of it\n---\n", "Second level of it"),
        ("<!-- # no -->\n\n#   Spaced   ##\n", "Spaced"),
        ("#NoSpace\n\nText", ""),
    ],
)
def test_the_title_is_the_first_heading_that_is_one(source: str, title: str) -> None:
    assert markdown_title(source) == title


def test_sentences_that_name_or_link_are_told_from_those_that_say() -> None:
    markdown = (
        "# A\n\n**Fees**\n\n- [Pay](pay.md)\n- [Call](tel:1)\n- See [this](x).\n\n**Fees** apply."
    )
    html = (
        "<h1>A</h1><dl><dt>Fees<dd>None.</dl><a href=/pay>Pay</a>.<p><a href=tel:1>Call</a>"
        "<p>See <a href=x>this</a>."
    )

    def kinds(source: str, text_format: TextFormat) -> list[str]:
        passages = split_passages(source, text_format)
        return [sentence.kind.value for passage in passages for sentence in passage.sentences]

    assert kinds(markdown, TextFormat.MARKDOWN) == [
        *("heading", "heading", "link", "text", "text", "text")
    ]
    assert kinds(html, TextFormat.HTML) == ["heading", "heading", "text", "link", "text", "text"]


@pytest.mark.parametrize(
    ("source", "text_format"),
    [
        ("# A\n\n**One**\n\nText.\n\n__Two:__\n\nMore **words**.\n", TextFormat.MARKDOWN),
        ("<h1>A</h1><dl><dt>One<dd>Text.<dt>Two:<dd>More words.</dl>", TextFormat.HTML),
        (
            "<h1>A</h1><details><summary>One</summary>Text.</details>"
            "<details><summary>Two:</summary>More words.</details>",
            TextFormat.HTML,
        ),
    ],
)
def test_a_line_or_term_that_names_what_follows_opens_a_passage(
    source: str, text_format: TextFormat
) -> None:
    assert texts(source, text_format) == ["A\nOne\nText.", "Two:\nMore words."]


def test_a_comment_of_several_lines_moves_no_offset() -> None:
    source = "<p>a</p><!-- one\ntwo\nthree -->\n<p>The end.</p>"

    last = split_passages(source, TextFormat.HTML)[0].sentences[-1]

    assert source[last.start : last.end] == last.text == "The end."


def test_an_overlong_sentence_is_cut_without_its_markup() -> None:
    words = '<b class="x y z">word</b>, ' * 100

    found = split_passages(f"<p>{words}", TextFormat.HTML, max_tokens=50)

    assert len(found) > 2
    assert not any(mark in passage.text for passage in found for mark in "<>=")


def test_code_stays_whole_and_a_long_paragraph_is_cut_at_sentences() -> None:
    code = "```\nfirst  line\n  second\n```\n"
    long = " ".join(f"Sentence number {n} is here." for n in range(30))

    found = split_passages(f"{long}\n\n{code}", TextFormat.MARKDOWN, max_tokens=60)

    assert found[-1].text.endswith(code.strip())
    assert all(p.text.endswith(".") for p in found[:-1])


def test_html_shows_what_a_browser_shows() -> None:
    source = (
        "<html><head><title>A &amp; B</title><style>p{}</style></head><body><nav>Menu</nav>"
        "<h1>Caf&eacute;</h1><p>One <b>bold</b>\nword. Two.</p><ul><li>x<li>y</ul>"
        "<script>if (a < b) {}</script></body></html>"
    )

    assert texts(source, TextFormat.HTML) == ["Café\nOne bold word. Two.\nx\ny"]
    assert html_title(source) == "A & B"
    assert html_title("<p>x<h2>A <i>b</i></h2>") == "A b"
    passage = split_passages(source, TextFormat.HTML)[0]
    assert passage.source.startswith("Caf&eacute;")
    sentence = passage.sentences[1]
    assert source[sentence.start : sentence.end] == "One <b>bold</b>\nword."


@pytest.mark.parametrize("text_format", TextFormat)
@pytest.mark.parametrize(
    "source",
    [
        *("[" * 20_000, "[a](" * 20_000, "![" * 20_000, ">" * 20_000, "* " * 20_000, "." * 80_000),
        *("<p>" * 20_000, "<nav>" * 20_000 + "</p>" * 20_000, "<!--" * 20_000, "<a " * 20_000),
        *("word " * 20_000, "a" * 80_000, "a" + " " * 80_000 + "b", "<!--" + "\n" * 80_000),
        *("`" * 20_000, "*a " * 20_000, "&#" * 20_000, "| a " * 20_000, "a\n" * 30_000),
    ],
    ids=lambda value: str(value)[:6].strip(),
)
def test_hostile_texts_take_no_longer_than_others(source: str, text_format: TextFormat) -> None:
    begun_s = time.process_time()

    with suppress(InputError):
        split_passages(source, text_format)

    assert time.process_time() - begun_s < 3


def test_sentences_join_as_they_stand() -> None:
    passage: Passage = split_passages("One. Two.\n\n- a\n- b\n", TextFormat.MARKDOWN)[0]

    assert join_sentences(passage.sentences) == "One. Two.\n- a\n- b"

"""What tells a Markdown text from a plain one."""

import time

import pytest

from shared.text.markdown import looks_like_markdown


@pytest.mark.parametrize(
    "text",
    [
        "# Owls\n\nThey hoot.",
        "## Owls\nThey hoot.",
        "They hoot.\n\n### Food\n\nMice.",
        "They hoot.\n  \n## Food\n\nMice.",
        "| Bird | Food |\n|---|---|\n| Owl | mice |",
        "Bird | Food\n:--- | ---:\nOwl | mice",
    ],
)
def test_headings_and_tables_are_markdown(text: str) -> None:
    assert looks_like_markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "They hoot.",
        "Install it:\n\n# as root\napt install owls",
        "Call #12 or write to ##owls.",
        "#owls are nice",
        "Owls\n----\n\nThey hoot.",
        "- mice\n- worms",
        "a | b | c",
        "-----------\n| a box |\n-----------",
    ],
)
def test_plain_text_is_plain(text: str) -> None:
    assert not looks_like_markdown(text)


@pytest.mark.parametrize("piece", ["\n \n", "- ", "|---", "#", " :-", "-"])
def test_a_long_text_is_looked_at_quickly(piece: str) -> None:
    begun_s = time.process_time()

    looks_like_markdown(piece * 100_000 + "x")

    assert time.process_time() - begun_s < 2.0

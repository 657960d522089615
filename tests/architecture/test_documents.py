"""Documents name folders, modules and files that exist; README stays a newcomer's five minutes."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from services.cli.main import app

ROOT = Path(__file__).parents[2]
MAX_README_LINES = 220
DOCUMENTS = sorted(
    file.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "infra/**/*.md", "pipelines/**/*.md", "tests/**/*.md")
    for file in ROOT.glob(pattern)
)
TREES = ("README.md", "CONTRIBUTING.md")
WHOLE = ("shared", "services", "pipelines", "tests", "infra")
"""Folders of which a tree names every folder."""

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_MODULE = re.compile(r"python -m ((?:tests|pipelines|services|shared)(?:\.\w+)+)")
_PATH = re.compile(r"`((?:shared|services|pipelines|tests|infra)/[\w./-]*)`")
_PLACEHOLDER = re.compile(r"[A-Z]{2}")
_BANYAN = re.compile(r"(?:^|`|\$ |\bthen )banyan ([^`\n#;]+)", re.MULTILINE)


def commands_of(text: str) -> Iterator[list[str]]:
    """The words of each `banyan` command in code, of which `a|b` stands for two."""
    for match in _BANYAN.finditer(text):
        words = shlex.split(match[1].split("  ")[0])
        for variant in words[1].split("|") if len(words) > 1 and "|" in words[1] else [None]:
            yield [words[0], variant, *words[2:]] if variant else words


def fault_of(words: list[str]) -> str | None:
    """What of a command does not exist; None where all of it does."""
    command: Any = get_command(app)
    given = [word for word in words if not word.startswith(("[", "...", "-f"))]
    while given and hasattr(command, "commands"):
        if given[0] not in command.commands:
            return f"banyan {' '.join(words)}: no command {given[0]}"
        command = command.commands[given.pop(0)]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    unknown = [word for word in given if word.startswith("--") and word not in options]
    return f"banyan {' '.join(words)}: no option {unknown[0]}" if unknown else None


def tree_of(document: str) -> dict[str, list[str]]:
    """The tree that a document draws: each folder at the top, and the folders named below it."""
    text = (ROOT / document).read_text("utf-8")
    blocks = re.split(r"^```\w*\n", text, flags=re.MULTILINE)[1::2]
    (block,) = [block for block in blocks if block.startswith("shared/ ")]
    tree: dict[str, list[str]] = {}
    for line in block.splitlines():
        names = [name.rstrip("/") for name in re.split(r"\s{2,}", line.strip())[0].split()]
        if line.startswith(" "):
            tree[next(reversed(tree))] += names
        else:
            tree[names[0]] = []
    return tree


def test_the_documents_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "infra/README.md", "pipelines/README.md"} <= set(
        DOCUMENTS
    )


@pytest.mark.parametrize("document", TREES)
def test_the_trees_name_the_folders_that_exist(document: str) -> None:
    tree = tree_of(document)
    assert sorted(tree) == sorted(WHOLE)
    for top, named in tree.items():
        found = {
            folder.name
            for folder in (ROOT / top).iterdir()
            if folder.is_dir() and any(file.suffix != ".pyc" for file in folder.rglob("*.*"))
        }
        mirrored = set(tree) | {"shared", "services", "pipelines"} if top == "tests" else set()
        assert set(named) == found - mirrored, top


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    links = _LINK.findall((ROOT / document).read_text("utf-8"))
    assert not [link for link in links if not (ROOT / document).parent.joinpath(link).exists()]


def test_modules_that_documents_run_exist() -> None:
    texts = [(ROOT / document).read_text("utf-8") for document in DOCUMENTS]
    named = {module for text in texts for module in _MODULE.findall(" ".join(text.split()))}
    assert len(named) > 20
    assert not [module for module in sorted(named) if find_spec(module) is None]


def test_paths_that_documents_name_exist() -> None:
    told = [name for name in DOCUMENTS if name not in ("CHANGELOG.md", "tests/README.md")]
    texts = [(ROOT / name).read_text("utf-8") for name in told]
    named = {path for text in texts for path in _PATH.findall(text)}
    here = [path for path in sorted(named) if _PLACEHOLDER.search(path) is None]
    assert len(here) > 10
    assert not [path for path in here if not (ROOT / path).exists()]


def test_commands_of_banyan_that_documents_show_exist() -> None:
    texts = [(ROOT / document).read_text("utf-8") for document in DOCUMENTS]
    named = [words for text in texts for words in commands_of(text)]
    assert len(named) > 40
    assert not [fault for fault in map(fault_of, named) if fault]


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= MAX_README_LINES

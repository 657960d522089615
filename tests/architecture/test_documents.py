"""Documents name folders, modules and files that exist; README stays a newcomer's five minutes."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

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


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= MAX_README_LINES

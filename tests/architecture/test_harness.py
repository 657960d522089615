"""Which folder of tests imports which: all of them the harness, none another, no source a test."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
HARNESS = "harness"


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, at its top or in a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_tests(file: Path) -> set[str]:
    """The folders of `tests` that a file imports from."""
    parts = (name.split(".") for name in imported(file))
    return {path[1] for path in parts if path[0] == "tests" and len(path) > 1}


def test_a_folder_of_tests_imports_the_harness_and_no_other_folder() -> None:
    files = [file for file in TESTS.rglob("*.py") if file.parent != TESTS]
    assert len(files) > 300
    for file in files:
        own = file.relative_to(TESTS).parts[0]
        assert imported_tests(file) <= {own, HARNESS}, file


def test_the_sources_import_no_test() -> None:
    files = [
        f
        for top in ("shared", "services", "pipelines", "infra")
        for f in (ROOT / top).rglob("*.py")
    ]
    assert len(files) > 300
    assert not [file for file in files if imported_tests(file)]

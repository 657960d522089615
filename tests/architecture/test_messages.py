"""What the code may not do, because a user would read it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "services", "pipelines")


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """Every call in the sources."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    yield path.relative_to(ROOT), node


def test_a_regular_expression_comes_with_words() -> None:
    """A bare `pattern=` would be shown to who sends another text; `TextForm` has words for it."""
    found = list(calls())
    bare = [
        f"{path}:{call.lineno}"
        for path, call in found
        if any(keyword.arg == "pattern" for keyword in call.keywords)
        and ast.unparse(call.func) != "core_schema.str_schema"
    ]
    assert len(found) > 1_000
    assert bare == []

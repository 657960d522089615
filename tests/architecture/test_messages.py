"""What the code may not do, because a user would read it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "services", "pipelines")


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every source file."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """Every call in the sources."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield path, node


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


def test_no_message_names_a_class() -> None:
    """`found` names a value's kind in words, `reason_of` what an error says.

    A `TypeError` is a fault of the code, which no user can make.
    """
    named: list[str] = []
    for path, tree in trees():
        spared = {
            id(text) for node in ast.walk(tree) if is_type_error(node) for text in texts(node)
        }
        named += [
            f"{path}:{text.lineno}"
            for text in texts(tree)
            if id(text) not in spared and any(map(shows_a_class, text.values))
        ]
    assert named == []


def is_type_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and ast.unparse(node).startswith("raise TypeError(")


def texts(tree: ast.AST) -> Iterator[ast.JoinedStr]:
    """The f-strings below a node."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))


def shows_a_class(part: ast.expr) -> bool:
    """Whether a part of an f-string is `type(x).__name__`, or the `repr` of an error."""
    if not isinstance(part, ast.FormattedValue):
        return False
    code = ast.unparse(part.value)
    is_name = code.startswith("type(") and code.endswith(").__name__")
    return is_name or (part.conversion == ord("r") and code == "error")

"""Rooms stay small enough to be looked over: a folder with more files hides a level with a name."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILES = 22
MAX_LINES = 460
DATA = ("sample", "shipped")


def sources() -> list[Path]:
    found = [
        file
        for top in ("shared", "services", "pipelines", "tests")
        for file in (ROOT / top).rglob("*.py")
        if not set(file.parts) & set(DATA)
    ]
    assert len(found) > 500
    return found


def test_no_folder_is_crowded() -> None:
    counts = Counter(file.parent.relative_to(ROOT).as_posix() for file in sources())
    assert not {folder: count for folder, count in counts.items() if count > MAX_FILES}


def test_no_source_is_long() -> None:
    tops = ("shared", "services", "pipelines")
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text("utf-8").splitlines())
        for file in sources()
        if file.relative_to(ROOT).parts[0] in tops
    }
    assert not {file: lines for file, lines in lengths.items() if lines > MAX_LINES}

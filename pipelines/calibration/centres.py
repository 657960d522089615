"""The written help centres that calibrate: no task learns from them, none is chosen by them."""

from collections.abc import Iterable
from pathlib import Path

from shared.config import read_yaml

PIPELINES = Path(__file__).parents[1]
HELP_CENTRES = PIPELINES / "help_centres"
CANDIDATES_CONFIG = PIPELINES / "configs" / "support_candidates.yaml"
CHINESE_CONFIG = PIPELINES / "configs" / "support_candidates_zh.yaml"


def calibration_names() -> list[str]:
    """The names of all that `support-judge` is kept from to calibrate, in order."""
    names: list[str] = read_yaml(CANDIDATES_CONFIG)["calibration"]
    return sorted(names)


def calibration_centres() -> list[Path]:
    """The folders of those that ship, each with `articles` and `questions.jsonl`."""
    return _folders(calibration_names())


def chinese_centres() -> list[Path]:
    """The folders of those that `support-judge-zh` has not learned from and is not judged by."""
    parts = read_yaml(CHINESE_CONFIG)
    return _folders(sorted([*parts["calibration"], *parts["choice"]]))


def _folders(names: Iterable[str]) -> list[Path]:
    """Where the help centres of these names are, in order, without those that are not here."""
    places = (HELP_CENTRES, PIPELINES / "near_misses")
    folders = (place / name for name in names for place in places)
    return [folder for folder in folders if folder.is_dir()]

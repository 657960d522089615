"""The written help centres that calibrate: no task learns from them, none is chosen by them."""

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


def chinese_centres() -> list[Path]:
    """The folders of those that `support-judge-zh` has not learned from and is not judged by."""
    parts = read_yaml(CHINESE_CONFIG)
    names = [*parts["calibration"], *parts["choice"]]
    folders = (
        PIPELINES / kind / name for kind in ("help_centres", "near_misses") for name in names
    )
    return sorted(folder for folder in folders if folder.is_dir())


def calibration_centres() -> list[Path]:
    """The folders of those that ship, each with `articles` and `questions.jsonl`."""
    folders = (HELP_CENTRES / name for name in calibration_names())
    return [folder for folder in folders if folder.is_dir()]

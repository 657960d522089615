"""The written help centres that calibrate: no task learns from them, none is chosen by them."""

from pathlib import Path

HELP_CENTRES = Path(__file__).parents[1] / "help_centres"

CALIBRATION_CENTRES = (
    "citizensoffice",
    "drone",
    "homeinsure",
    "marathon",
    "payroll",
    "sewing",
    "tutoring",
    "vegbox",
    "webhost",
)


def calibration_centres() -> list[Path]:
    """Their folders, each with `articles` and `questions.jsonl`."""
    return [HELP_CENTRES / name for name in CALIBRATION_CENTRES]

"""The constants of confidence that ship with the application, see `shared.retrieval.confidence`."""

from pathlib import Path

from shared.retrieval.confidence import Calibration

CALIBRATION = Path(__file__).with_name("confidence.json")


def load_calibration(path: Path = CALIBRATION) -> Calibration:
    """Reads the constants that ship with the application."""
    return Calibration.model_validate_json(path.read_bytes())

"""What is installed from a wheel runs from any folder, without a checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.settings import DEPLOYMENT_FILE

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "services", "pipelines", "infra")
ASIDE = shutil.ignore_patterns("__pycache__", "*.egg-info", ".mypy_cache", "build", "var")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as `pip install` lays it into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, sources / name, ignore=ASIDE)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy2(ROOT / name, sources)
    offline = ("--no-deps", "--no-index", "--no-build-isolation")
    _run([*PIP, "wheel", *offline, "--wheel-dir", str(folder), str(sources)], folder)
    (wheel,) = folder.glob("banyan-*.whl")
    target = folder / "site-packages"
    _run([*PIP, "install", *offline, "--no-compile", "--target", str(target), str(wheel)], folder)
    return target


def test_every_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    ours = {
        path.relative_to(ROOT)
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(ours) > 500
    assert DEPLOYMENT_FILE.relative_to(ROOT) in ours

    assert sorted(path for path in ours if not (installed / path).is_file()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "services.cli.main", "config"], "http_host"),
        (["-m", "services.cli.main", "doctor"], "packages"),
        (["-m", "pipelines.finetune", "--help"], "finetune"),
        (["-c", "import services.cli.settings as c; print(c.DEPLOYMENT_FILE)"], "site-packages"),
    ],
    ids=["config", "doctor", "pipeline", "deployment file"],
)
def test_it_runs_from_another_folder(
    installed: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in _run([sys.executable, *arguments], tmp_path, PYTHONPATH=str(installed))


def _run(command: list[str], folder: Path, **variables: str) -> str:
    """What a command prints. `doctor` ends with 1 where this machine has a fault."""
    environment = {**os.environ, **variables, "BANYAN_STATE_DIR": str(folder / "state")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in ((0, 1) if "doctor" in command else (0,)), done.stdout + done.stderr
    return done.stdout

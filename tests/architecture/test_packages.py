"""The shape of the tree: what may be imported where, and what an import may do."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "services", "pipelines")
MODEL_LIBRARIES = ("torch", "transformers", "sentence_transformers", "peft")

LIGHT_PROCESSES = (
    "services.recommendation.app",
    "services.recommendation.routes",
    "services.recommendation.stream_host",
    "services.sentiment.app",
    "services.sentiment.routes",
    "services.sentiment.stream",
    "services.sentiment.stream_host",
    "services.support.app",
    "services.support.routes",
    "services.cli.main",
    "shared.models.registry",
    "shared.models.tasks",
    "shared.ranking.recommender",
    "shared.retrieval.index",
    "shared.serving.serve_trunk",
)
"""Modules of processes that must not hold 400 MB of libraries which they never use."""


def python_files() -> list[Path]:
    files = [file for top in (*SOURCES, "tests") for file in (ROOT / top).rglob("*.py")]
    assert len(files) > 50
    return files


def test_every_folder_with_modules_is_a_package() -> None:
    assert not [f for f in python_files() if not (f.parent / "__init__.py").exists()]


def test_a_package_file_holds_a_docstring_and_nothing_else() -> None:
    for file in (f for f in python_files() if f.name == "__init__.py"):
        tree = ast.parse(file.read_text())
        assert ast.get_docstring(tree), file
        assert len(tree.body) == 1, file


RAYLESS = (
    "services.recommendation.routes",
    "services.sentiment.stream",
    "services.sentiment.routes",
    "services.support.routes",
)
"""Modules that a test runs without a cluster, in processes of their own."""


@pytest.mark.parametrize("module", RAYLESS)
def test_the_logic_of_applications_holds_no_ray(module: str) -> None:
    code = f"import sys, {module}; print('ray' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("module", LIGHT_PROCESSES)
def test_light_processes_hold_no_model_library(module: str) -> None:
    code = f"import sys, {module}; print(*(m for m in {MODEL_LIBRARIES} if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""


def test_no_pickle_and_no_remote_code() -> None:
    forbidden = ("torch.load", "pickle.load", "trust_remote_code=True", "import pickle")
    for top in SOURCES:
        for file in (ROOT / top).rglob("*.py"):
            text = file.read_text()
            assert not [word for word in forbidden if word in text], file

"""The shape of the tree: what may be imported where, and what an import may do."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "services", "pipelines")
MODEL_LIBRARIES = ("torch", "transformers", "sentence_transformers", "peft")

LIGHT_PROCESSES = (
    "services.recommendation.app",
    "services.recommendation.routes",
    "services.recommendation.stream",
    "services.sentiment.app",
    "services.sentiment.routes",
    "services.sentiment.stream",
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
    "services.recommendation.stream",
    "services.recommendation.routes",
    "services.sentiment.stream",
    "services.sentiment.routes",
    "services.support.routes",
)
"""Modules that a test runs without a cluster, each in another process."""


def first_to_load(modules: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """Which of the modules, imported one after another, loads which of the libraries first."""
    code = (
        "import importlib, sys\n"
        "found = set()\n"
        f"for module in {modules}:\n"
        "    importlib.import_module(module)\n"
        f"    loaded = {{each for each in {libraries} if each in sys.modules}}\n"
        "    print(*(f'{module}: {each}' for each in loaded - found), end='')\n"
        "    found |= loaded\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_logic_of_applications_holds_no_ray() -> None:
    assert first_to_load(RAYLESS, ("ray",)) == ""


def test_light_processes_hold_no_model_library() -> None:
    assert first_to_load(LIGHT_PROCESSES, MODEL_LIBRARIES) == ""
    assert first_to_load(("shared.models.backbone",), MODEL_LIBRARIES) != ""


def test_no_pickle_and_no_remote_code() -> None:
    forbidden = ("torch.load", "pickle.load", "trust_remote_code=True", "import pickle")
    for top in SOURCES:
        for file in (ROOT / top).rglob("*.py"):
            text = file.read_text()
            assert not [word for word in forbidden if word in text], file

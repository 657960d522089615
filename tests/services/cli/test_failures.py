"""Every command, run with what is wrong: it ends with a sentence, never with names of the code."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from pipelines import (
    calibrate,
    candidates,
    data,
    distil,
    evaluate,
    fewshot,
    finetune,
    freeze,
    mine,
    pairs,
    pretrain,
    promote,
    rebase,
    rollback,
    study,
    table,
    tune,
    zeroshot,
)
from pipelines.ranking import benchmark, simulate
from services.cli.main import app
from shared.failures import TRACEBACK_VARIABLE
from tests.harness.plain import FORBIDDEN

NOWHERE = "http://127.0.0.1:9"
QUIET = {"version", "models", "config", "doctor", "down", "purge", "status", "keys list"}
"""Commands without an argument that could be wrong: a wrong setting is theirs."""

COMMANDS: dict[str, list[list[str]]] = {
    "analyze": [["x", "--url", NOWHERE], ["x", "--url", "no address"], []],
    "ask": [["x", "--url", NOWHERE], ["x", "--kb", "NO", "--url", NOWHERE]],
    "backbone fetch": [["nothing"], [], ["multilingual-e5-small", "--to", "{file}"],
                       ["multilingual-e5-small", "--from", "nowhere"]],
    "backup": [["{file}"], ["{missing}/deep"]],
    "evaluate": [["nothing"], ["NO SUCH@x"], ["intent@0123456789ab"], ["embed", "{missing}"],
                 ["embed", "--set", "x"], ["embed", "--set", "x=1", "max_rows=many"],
                 ["embed", "--config", "{missing}"], ["embed", "--config", "{binary}"],
                 ["finance-sentiment", "{csv}"], ["finance-sentiment", "{binary}"]],
    "kb delete": [["x", "--yes", "--url", NOWHERE]],
    "kb list": [["--url", NOWHERE]],
    "kb load": [["{missing}", "--kb", "x", "--url", NOWHERE],
                ["{csv}", "--kb", "x", "--language", "fr", "--url", NOWHERE],
                ["{csv}", "--kb", "x", "--url", NOWHERE]],
    "kb rebuild": [["--kb", "x", "--url", NOWHERE]],
    "keys create": [["x", "--tenant", "NO SUCH"], ["x", "--role", "king"]],
    "keys revoke": [["none"]],
    "pretrain": [["{missing}"], ["{csv}"], ["{empty}"]],
    "promote": [["nothing"], ["NO SUCH"], ["embed"], ["finance-sentiment", "--freeze", "{missing}"],
                ["finance-sentiment", "--set", "gates.floor=x"]],
    "rank": [["ann", "--url", NOWHERE], ["ann", "--count", "0"]],
    "rebase": [["--backbone", "{missing}"], ["--backbone", "a/b"], ["--backbone", "{folder}"]],
    "recommend evaluate": [["--set", "none"], ["--data-dir", "{missing}"]],
    "recommend load": [["--url", NOWHERE], ["--items", "{missing}", "--url", NOWHERE],
                       ["--items", "{binary}", "--url", NOWHERE]],
    "recommend promote": [["none@0123456789ab"], ["NO SUCH"]],
    "recommend rollback": [[], ["NO SUCH"]],
    "recommend train": [["--file", "{missing}"], []],
    "restore": [["{missing}"], ["{folder}"], ["{file}"]],
    "rollback": [["nothing"], ["NO SUCH"], ["embed"]],
    "support calibrate": [["--suite", "{missing}", "--url", NOWHERE], ["--url", NOWHERE],
                          ["--risk", "2", "--url", NOWHERE]],
    "support evaluate": [["--suite", "{missing}", "--url", NOWHERE], ["--url", NOWHERE],
                         ["--gate", "none=1", "--url", NOWHERE]],
    "support rollback": [[]],
    "support unanswered": [["--url", NOWHERE]],
    "sentiment alerts": [["--url", NOWHERE]],
    "sentiment replay": [["{missing}"], ["{binary}"], ["{csv}", "--speed", "fast"]],
    "sentiment watch": [["--once", "--url", NOWHERE]],
    "train": [["{missing}"], ["{missing}", "--task", "x"], ["{csv}", "--task", "NO SUCH"],
              ["{binary}", "--task", "x"], ["{empty}"], ["{missing}.yaml"],
              ["{folder}", "--task", "x"],
              ["{csv}", "--task", "x", "--set", "epochs=none"]],
    "study": [[], ["--config", "{missing}"], ["--base", "{csv}"], ["--base", "{missing}"]],
    "tune": [["{missing}"], ["{empty}"], ["--base", "{missing}", "--set", "space.seed.choice=[1]"]],
    "up": [["--port", "0"], ["--file", "{missing}"], ["--host", "nowhere"], ["--file", "{binary}"],
           ["--proxy", "odd"]],
}  # fmt: skip

PIPELINES: dict[str, tuple[Callable[[list[str]], int], list[list[str]]]] = {
    "calibrate": (calibrate.main, [[], ["--config", "{missing}"], ["--config", "{csv}"]]),
    "data": (data.main, [["--config", "{missing}"], ["--set", "x"], []]),
    "evaluate": (evaluate.main, [[], ["--set", "bundle=none"], ["--config", "{empty}"]]),
    "fewshot": (fewshot.main, [[], ["--config", "{missing}"], ["--set", "shots=x"]]),
    "candidates": (candidates.main, [[], ["--set", "folders=[{missing}]", "output=x.jsonl"]]),
    "distil": (distil.main, [[], ["--config", "{csv}"]]),
    "finetune": (finetune.main, [[], ["--config", "{csv}"], ["--set", "task=NO SUCH"]]),
    "freeze": (freeze.main, [[], ["--set", "sets=5"]]),
    "mine": (mine.main, [[], ["--config", "{missing}"]]),
    "pairs": (pairs.main, [[], ["--config", "{missing}"]]),
    "pretrain": (pretrain.main, [[], ["--set", "texts={missing}"]]),
    "promote": (promote.main, [[], ["--set", "bundle=none"]]),
    "ranking.benchmark": (benchmark.main, [["--sets", "movies", "--data-dir", "{missing}"]]),
    "ranking.simulate": (simulate.main, [["--items", "{missing}"], ["--items", "{csv}"],
                                         ["--items", "{binary}"]]),
    "rebase": (rebase.main, [[], ["--set", "backbone.source={missing}"]]),
    "rollback": (rollback.main, [[], ["--set", "task=none"]]),
    "table": (table.main, [[], ["--set", "table={missing}", "task=x"]]),
    "study": (study.main, [[], ["--set", "base={missing}"], ["--set", "base={csv}", "seeds=x"]]),
    "tune": (tune.main, [[], ["--config", "{empty}"]]),
    "zeroshot": (zeroshot.main, [[], ["--config", "{missing}"]]),
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a wrong argument names."""
    monkeypatch.setenv("BANYAN_STATE_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.delenv(TRACEBACK_VARIABLE, raising=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "empty.yaml").write_text("")
    names = {"folder": "folder", "file": "file", "csv": "rows.csv", "binary": "binary.csv",
             "empty": "empty.yaml", "missing": "missing"}  # fmt: skip
    return {key: str(tmp_path / name) for key, name in names.items()}


def leaves() -> Iterator[str]:
    """The names of all commands that do something."""

    def below(command: object, path: tuple[str, ...]) -> Iterator[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(path)
        else:
            for name, each in inner.items():
                yield from below(each, (*path, name))

    yield from below(typer.main.get_command(app), ())


def test_no_command_is_forgotten() -> None:
    assert set(leaves()) == COMMANDS.keys() | QUIET
    mains = [path for path in Path(data.__file__).parent.rglob("*.py")
             if '__name__ == "__main__"' in path.read_text("utf-8")]  # fmt: skip
    modules = {".".join(path.relative_to(Path(data.__file__).parent).with_suffix("").parts)
               for path in mains}  # fmt: skip
    assert modules == PIPELINES.keys()


def check(said: str, files: dict[str, str]) -> None:
    """Fails on a name of the code; the user's own files are named, and Banyan's that they edit."""
    for path in sorted(files.values(), key=len, reverse=True):
        said = said.replace(path, "FILE").replace(str(Path(path).parent), "FOLDER")
    # Typer has its own words for a number out of its range.
    said = said.replace("Input should be", "")
    found = FORBIDDEN.search(said)
    assert found is None, f"{found[0]!r} in: {said}"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_ends_with_a_sentence(command: str, files: dict[str, str]) -> None:
    for arguments in COMMANDS[command]:
        given = [*command.split(), *(argument.format(**files) for argument in arguments)]
        done = CliRunner().invoke(app, given)
        assert done.exit_code in (1, 2), (given, done.output)
        assert done.output.strip(), given
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        check(done.output, files)
        assert "a fault of Banyan's own" not in done.output, (given, done.output)


@pytest.mark.parametrize("command", sorted(QUIET - {"version", "doctor"}))
def test_a_wrong_setting_ends_with_a_sentence(
    command: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANYAN_HTTP_PORT", "many")
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 1
    assert "http_port: expected a whole number, found 'many'" in done.output
    check(done.output, files)


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_a_pipeline_ends_with_a_sentence(
    pipeline: str, files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    main, wrong = PIPELINES[pipeline]
    for arguments in wrong:
        try:
            status = main([argument.format(**files) for argument in arguments])
        except SystemExit as exit_:
            status = int(str(exit_.code))
        output = capsys.readouterr()
        said = output.out + output.err
        assert status in (1, 2), (arguments, said)
        assert said.strip()
        check(said, files)
        assert "a fault of Banyan's own" not in said, (arguments, said)

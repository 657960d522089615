"""The commands as a user types them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app

Banyan = Callable[..., Result]


@pytest.fixture
def banyan(tmp_path: Path) -> Banyan:
    environ = {"BANYAN_STATE_DIR": str(tmp_path / "var"), "COLUMNS": "200"}

    def run(*arguments: str, **more: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env={**environ, **more})

    return run


@pytest.mark.parametrize(
    "command",
    ["up", "down", "status", "doctor", "config", "backup", "restore", "version", "ask", "models",
     "train", "evaluate", "promote", "rollback", "tune", "pretrain", "rebase", "keys", "kb",
    "support", "backbone",
     "analyze", "sentiment", "recommend", "rank"],
)  # fmt: skip
def test_every_command_has_a_help(banyan: Banyan, command: str) -> None:
    listed = banyan("--help")
    own = banyan(command, "--help")

    assert command in listed.stdout
    assert own.exit_code == 0


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from services.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('ray', 'torch', 'fastapi', 'numpy', 'sqlalchemy', 'httpx')"
        " if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_a_backbone_that_cannot_be_fetched_is_told_in_one_sentence(banyan: Banyan) -> None:
    done = banyan("backbone", "fetch", "bert")

    assert done.exit_code == 1
    assert done.stderr.startswith("banyan: 'bert' cannot be fetched: multilingual-e5-small can")
    assert len(done.stderr.splitlines()) == 1


def test_the_version_is_told(banyan: Banyan) -> None:
    assert banyan("version").stdout.startswith("banyan 0.")


def test_keys_are_made_listed_and_revoked(banyan: Banyan) -> None:
    made = banyan("keys", "create", "web shop", "--tenant", "red", "--role", "admin")
    assert made.stdout.startswith("bny_")
    assert len(made.stdout.split()) == 1

    listed = banyan("keys", "list").stdout
    assert "web shop" in listed
    assert made.stdout.strip() not in listed
    (key_id,) = [line.split()[0] for line in listed.splitlines() if "web shop" in line]

    assert banyan("keys", "revoke", key_id).exit_code == 0
    assert "web shop" not in banyan("keys", "list").stdout


def test_a_knowledge_base_to_load_is_named(banyan: Banyan, tmp_path: Path) -> None:
    refused = banyan("kb", "load", str(tmp_path))

    assert refused.exit_code == 1
    assert "Name your own with --kb NAME" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "create", "x", "--role", "god"], "use user or admin"),
        (["keys", "create", "x", "--tenant", "A B"], "tenant 'A B'"),
        (["keys", "revoke", "none"], "`banyan keys list`"),
        (["ask", "hello", "--url", "http://127.0.0.1:9"], "start it with `banyan up`"),
        (["kb", "list", "--url", "http://127.0.0.1:9"], "start it with `banyan up`"),
        (["kb", "load", "/no/such/place", "--kb", "a"], "there is no file or folder"),
        (["analyze", "hello", "--url", "http://127.0.0.1:9"], "start it with `banyan up`"),
        (["sentiment", "alerts", "--url", "http://127.0.0.1:9"], "start it with `banyan up`"),
        (["sentiment", "watch", "--url", "http://127.0.0.1:9"], "start it with `banyan up`"),
        (["sentiment", "replay", "/no/such/file"], "cannot be read"),
        (["sentiment", "replay", "/no/such/file", "--speed", "0x"], "at least 1"),
        (["rank", "u1", "--url", "http://127.0.0.1:9"], "start it with `banyan up`"),
        (["recommend", "load"], "give --items FILE, --events FILE or both"),
        (["recommend", "load", "--items", "/no/such.csv"], "cannot be read"),
        (["recommend", "load", "--items", "/no/such.xlsx"], "ends in none of .csv"),
        (["recommend", "train"], "recommendation.db is not there"),
        (["recommend", "train", "--model", "A B"], "use a-z, 0-9"),
        (["up", "--file", "/no/such/file"], "cannot be read"),
        (["up", "--port", "70000"], "http_port"),
        (["up", "--host", "0.0.0.0", "--port", "28961"], "banyan keys create"),
        (["backup", "/tmp/never"], "nothing to back up"),
        (["restore", "/no/such/backup"], "is not a backup"),
    ],
)
def test_a_fault_is_one_line(banyan: Banyan, arguments: list[str], said: str) -> None:
    done = banyan(*arguments)

    assert done.exit_code == 1
    assert said in done.stderr
    assert done.stderr.startswith("banyan: ")
    assert "Traceback" not in done.output


def test_an_evaluation_without_its_data_says_so(banyan: Banyan, tmp_path: Path) -> None:
    done = banyan("recommend", "evaluate", "--data-dir", str(tmp_path), "--no-factorised")

    assert done.exit_code == 1
    assert str(tmp_path) in done.output
    assert "Traceback" not in done.output


def test_a_replay_names_bad_lines_and_needs_a_broker(banyan: Banyan, tmp_path: Path) -> None:
    file = tmp_path / "news.jsonl"
    good = '{"id": "1", "published_at": 1700000000, "source": "wire", "text": "Acme gains"}'
    file.write_text(f"{good}\n{{\n")

    refused = banyan("sentiment", "replay", str(file))
    sent = banyan("sentiment", "replay", str(file), "--skip-bad")

    for done in (refused, sent):
        assert done.exit_code == 1
        assert f"refused: {file}:2: not JSON" in done.stdout
    assert "1 line of" in refused.stderr
    assert "nothing was sent" in refused.stderr
    assert "no broker is known" in sent.stderr


def test_nothing_to_stop_is_no_fault(banyan: Banyan) -> None:
    done = banyan("down")

    assert done.exit_code == 0
    assert "nothing runs" in done.stdout


def test_the_status_says_that_nothing_runs(banyan: Banyan) -> None:
    done = banyan("status")

    assert done.exit_code == 1
    assert "`banyan up` starts it" in done.stdout


def test_models_show_what_ships(banyan: Banyan) -> None:
    done = banyan("models")

    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    (bundle,) = [row for row in rows if row[:2] == ["support-intent", "champion"]]
    assert bundle[3:6] == ["classify", "lora", "accuracy"]
    (judge,) = [row for row in rows if row[:2] == ["support-intent", "Banking77,"]]
    assert judge[-2] == "500"
    assert len(judge[-1]) == 12


def test_the_configuration_is_shown_with_its_sources_and_without_secrets(banyan: Banyan) -> None:
    url = "postgresql://user:secret@host/db"

    done = banyan("config", BANYAN_DATABASE_URL=url, BANYAN_SUPPORT__MAX_ROWS="5")

    assert done.exit_code == 0, done.output
    assert "secret" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["max_rows", "5", "BANYAN_SUPPORT__MAX_ROWS"] in rows
    assert ["database_url", "********", "BANYAN_DATABASE_URL"] in rows
    assert ["backbone.source", "embedded", "default"] in rows

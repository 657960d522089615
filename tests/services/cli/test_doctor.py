from pathlib import Path

import pytest

from services.cli import doctor
from services.cli.config import DEPLOYMENT_FILE, PlatformSettings, read_deployment
from services.cli.doctor import Level, examine, show_findings
from services.cli.processes import free_ports


@pytest.fixture
def settings(tmp_path: Path) -> PlatformSettings:
    return PlatformSettings(state_dir=tmp_path / "var", http_port=free_ports(1)[0])


def levels(settings: PlatformSettings) -> dict[str, Level]:
    return {f.subject: f.level for f in examine(settings, read_deployment(DEPLOYMENT_FILE))}


def test_every_subject_is_looked_at(settings: PlatformSettings) -> None:
    found = levels(settings)

    assert set(found) == {
        "python", "packages", "processor", "space", "state", "port", "proxy", "keys", "database",
        "backbone",
    }  # fmt: skip
    assert Level.FAULT not in found.values()


def test_a_fault_fails_the_command(
    settings: PlatformSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    open_settings = settings.model_copy(update={"http_host": "0.0.0.0"})

    assert show_findings(open_settings, read_deployment(DEPLOYMENT_FILE)) == 1
    assert "fault    keys" in capsys.readouterr().out


def test_nothing_is_made_by_looking(settings: PlatformSettings) -> None:
    levels(settings)

    assert list(settings.state_dir.iterdir()) == []


def test_another_version_is_a_warning(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("# comment\nray==1.0 ; python_version > '3'\nnot-installed==1\n")
    monkeypatch.setattr(doctor, "_CONSTRAINTS", constraints)

    assert levels(settings)["packages"] is Level.WARNING

from pathlib import Path

import pytest

from services.cli.platform import doctor
from services.cli.platform.broker import APPLICATIONS, readers
from services.cli.platform.doctor import Finding, Level, examine, show_findings
from services.cli.platform.processes import free_ports
from services.cli.settings import DEPLOYMENT_FILE, Deployment, PlatformSettings, read_deployment
from shared.errors import ArtifactError, DependencyError
from shared.streaming import embedded
from shared.streaming.kafka import unpacking as kafka_unpacking
from shared.streaming.kafka.admin import TopicAdmin, TopicView


@pytest.fixture
def settings(tmp_path: Path) -> PlatformSettings:
    return PlatformSettings(state_dir=tmp_path / "var", http_port=free_ports(1)[0])


SENTIMENT = {
    "name": "sentiment",
    "route_prefix": "/sentiment",
    "import_path": "services.sentiment.app:build",
}


@pytest.fixture
def with_sentiment() -> Deployment:
    entries = [e.model_dump() for e in read_deployment(DEPLOYMENT_FILE).applications]
    others = [entry for entry in entries if entry["name"] not in APPLICATIONS]
    return Deployment.model_validate({"applications": [*others, SENTIMENT]})


def broker(settings: PlatformSettings, deployment: Deployment) -> Finding:
    (found,) = (f for f in examine(settings, deployment) if f.subject == "broker")
    return found


def levels(settings: PlatformSettings) -> dict[str, Level]:
    return {f.subject: f.level for f in examine(settings, read_deployment(DEPLOYMENT_FILE))}


def test_every_subject_is_looked_at(settings: PlatformSettings) -> None:
    found = levels(settings)

    assert set(found) == {
        "python", "packages", "processor", "space", "state", "port", "proxy", "keys", "database",
        "backbone", *(["broker"] if readers(read_deployment(DEPLOYMENT_FILE)) else []),
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


def test_the_embedded_broker_is_looked_for(
    settings: PlatformSettings, with_sentiment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = broker(settings, with_sentiment)
    assert (found.level, found.text.split(",")[0]) == (Level.OK, "embedded")

    def no_binary() -> Path:
        raise ArtifactError("there is no binary: set BANYAN_KAFKA_BOOTSTRAP")

    monkeypatch.setattr(embedded, "broker_binary", no_binary)
    missing = broker(settings, with_sentiment)
    assert missing.level is Level.FAULT
    assert "BANYAN_KAFKA_BOOTSTRAP" in missing.text


@pytest.mark.parametrize("partitions", [6, None])
def test_a_broker_that_is_named_is_asked_for_the_topic(
    settings: PlatformSettings,
    with_sentiment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    partitions: int | None,
) -> None:
    view = None if partitions is None else TopicView("id", tuple(range(partitions)), {}, {}, 0.0)
    monkeypatch.setenv("BANYAN_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("BANYAN_SENTIMENT__TOPIC", "wire")
    monkeypatch.setattr(TopicAdmin, "describe", lambda self, topic: view)

    found = broker(settings, with_sentiment)

    assert found.level is Level.OK
    state = "has 6 partitions" if partitions else "is made by `banyan up`"
    assert found.text == f"kafka:9092 answers, the topic wire {state}"


def test_a_codec_that_is_missing_is_a_fault(
    settings: PlatformSettings, with_sentiment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANYAN_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setattr(TopicAdmin, "describe", lambda self, topic: None)
    assert kafka_unpacking.missing_codecs() == []
    monkeypatch.setitem(kafka_unpacking._CODECS, "zstd", lambda: False)

    found = [f for f in examine(settings, with_sentiment) if f.subject == "broker"]

    assert [f.level for f in found] == [Level.FAULT, Level.OK]
    assert found[0].text.startswith("records packed by zstd cannot be read: pip install")


def test_every_reader_of_the_broker_has_its_topic(
    settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANYAN_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setattr(TopicAdmin, "describe", lambda self, topic: None)
    deployment = read_deployment(DEPLOYMENT_FILE)

    found = [f.text for f in examine(settings, deployment) if f.subject == "broker"]

    assert len(found) == len(readers(deployment)) == 2
    assert {text.split("the topic ")[1].split()[0] for text in found} == {"news", "behaviour"}


def test_a_broker_that_does_not_answer_is_a_fault(
    settings: PlatformSettings, with_sentiment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: TopicAdmin, topic: str) -> TopicView | None:
        raise DependencyError("the broker at kafka:9092 does not answer")

    monkeypatch.setenv("BANYAN_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setattr(TopicAdmin, "describe", away)

    found = broker(settings, with_sentiment)

    assert (found.level, found.text) == (Level.FAULT, "the broker at kafka:9092 does not answer")

import dataclasses
from pathlib import Path

import pytest

from services.cli.platform.broker import known_broker, needs_embedded
from services.cli.platform.run_file import StateFolder, new_run
from services.cli.settings import Deployment
from shared.errors import ConfigError, DependencyError


def deployment(*names: str) -> Deployment:
    entries = [
        {"name": n, "route_prefix": f"/{n}", "import_path": f"services.{n}.app:build"}
        for n in names
    ]
    return Deployment.model_validate({"applications": entries})


WITH = deployment("backbone", "sentiment")
WITHOUT = deployment("backbone", "support")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "var")


def test_a_broker_is_started_where_one_is_needed_and_none_is_named() -> None:
    assert needs_embedded(WITH, {})
    assert needs_embedded(deployment("recommendation"), {})
    assert not needs_embedded(WITHOUT, {})
    assert not needs_embedded(WITH, {"BANYAN_KAFKA_BOOTSTRAP": "kafka:9092"})


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"BANYAN_KAFKA_BOOTSTRAP": "kafka"}, "BANYAN_KAFKA_BOOTSTRAP"),
        ({"BANYAN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "sasl_mechanism"),
        ({"BANYAN_KAFKA_SECURITY_PROTOCOL": "SSL"}, "does not speak"),
    ],
)
def test_what_cannot_be_meant_is_refused(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        needs_embedded(WITH, environ)


def test_a_broker_that_is_named_is_taken_with_its_secrets(state: StateFolder) -> None:
    environ = {
        "BANYAN_KAFKA_BOOTSTRAP": "kafka:9092",
        "BANYAN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "BANYAN_KAFKA_SASL_MECHANISM": "PLAIN",
        "BANYAN_KAFKA_SASL_USERNAME": "me",
        "BANYAN_KAFKA_SASL_PASSWORD": "hidden",
    }

    settings = known_broker(state.path, environ)

    assert settings.bootstrap == "kafka:9092"
    assert settings.sasl_password is not None
    assert "hidden" not in repr(settings)


def test_else_the_running_platforms_own_is_taken(state: StateFolder) -> None:
    with state.locked():
        state.write_run(new_run("http://x", ports={"broker": 4711}, applications={}))

        assert known_broker(state.path, {}).bootstrap == "127.0.0.1:4711"


@pytest.mark.parametrize("ports", [None, {}, {"broker": 4711}])
def test_without_either_it_is_said_how_to_have_one(
    state: StateFolder, ports: dict[str, int] | None
) -> None:
    if ports is not None:
        run = new_run("http://x", ports=ports, applications={})
        # That of a platform which was killed is of no use.
        age_s = 60 if ports else 0
        state.path.mkdir(parents=True)
        state.write_run(dataclasses.replace(run, started_at=run.started_at - age_s))

    with pytest.raises(DependencyError, match=r"`banyan up`.*BANYAN_KAFKA_BOOTSTRAP"):
        known_broker(state.path, {})

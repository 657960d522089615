import re
from pathlib import Path

import pytest
import yaml
from ray import serve
from ray._common.utils import import_attr
from ray.serve._private.api import call_user_app_builder_with_args_if_necessary
from ray.serve.schema import ServeDeploySchema

from services.cli.settings import (
    DEPLOYMENT_FILE,
    Deployment,
    HttpProxy,
    application_environment,
    read_deployment,
    resolve_platform,
    settings_model,
)
from shared.errors import ConfigError

CLUSTER_FILE = DEPLOYMENT_FILE.with_name("cluster.yaml")

FILE = """
http_options: {host: 127.0.0.1, port: 8123}
applications:
  - {name: backbone, route_prefix: /v1, import_path: "services.backbone.app:build"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "local.yaml"
    path.write_text(FILE)
    return path


def test_the_file_that_ships_puts_the_trunk_first() -> None:
    deployment = read_deployment(DEPLOYMENT_FILE)

    names = [entry.name for entry in deployment.applications]
    assert names[0] == "backbone"
    assert "support" in names
    assert deployment.http_options.host == "127.0.0.1"


def test_serve_reads_the_file_that_ships() -> None:
    ServeDeploySchema.model_validate(yaml.safe_load(DEPLOYMENT_FILE.read_text()))


def test_options_win_over_variables_over_the_file(file: Path) -> None:
    deployment = read_deployment(file)
    environ = {"BANYAN_HTTP_PORT": "8200"}

    assert resolve_platform(deployment, {}, {}).settings.http_port == 8123
    assert resolve_platform(deployment, environ, {}).settings.http_port == 8200
    chosen = resolve_platform(deployment, environ, {"http_port": 8300, "http_host": None})
    assert chosen.settings.http_port == 8300
    assert chosen.sources["http_port"] == "command line"


def test_the_proxy_is_chosen_by_a_variable(file: Path) -> None:
    settings = resolve_platform(read_deployment(file), {"BANYAN_HTTP_PROXY": "serve"}, {}).settings

    assert settings.http_proxy is HttpProxy.SERVE


@pytest.mark.parametrize(
    ("host", "is_local", "url"),
    [
        ("localhost", True, "http://127.0.0.1:8123"),
        ("::1", True, "http://[::1]:8123"),
        ("0.0.0.0", False, "http://127.0.0.1:8123"),
        ("10.1.2.3", False, "http://10.1.2.3:8123"),
    ],
)
def test_where_the_platform_is_reached(file: Path, host: str, is_local: bool, url: str) -> None:
    settings = resolve_platform(read_deployment(file), {}, {"http_host": host}).settings

    assert settings.is_local is is_local
    assert settings.url == url


def test_the_state_folder_is_absolute(file: Path) -> None:
    settings = resolve_platform(read_deployment(file), {"BANYAN_STATE_DIR": "here"}, {}).settings

    assert settings.state_dir == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("BANYAN_HTTP_PORT", "70000", "http_port"),
        ("BANYAN_HTTP_HOST", "example.org", "IP address"),
        ("BANYAN_HTTP_PROXY", "nginx", "http_proxy"),
        ("BANYAN_LOG_LEVEL", "LOUD", "log_level"),
    ],
)
def test_a_wrong_variable_is_named(file: Path, variable: str, value: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        resolve_platform(read_deployment(file), {variable: value}, {})

    assert variable in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("/v1", "v1", "route_prefix"),
        ("services.backbone.app:build", "services.backbone.app", "import_path"),
        ("name: backbone", "nme: backbone", "nme"),
        ("applications:", "apps:", "applications"),
    ],
)
def test_a_wrong_file_is_named(file: Path, old: str, new: str, named: str) -> None:
    file.write_text(FILE.replace(old, new))

    with pytest.raises(ConfigError, match=named) as caught:
        read_deployment(file)

    assert str(file) in str(caught.value)


def test_a_prefix_stands_once(file: Path) -> None:
    more = '  - {name: other, route_prefix: /v1, import_path: "a.b:build"}\n'
    file.write_text(FILE + more)

    with pytest.raises(ConfigError, match="'/v1' stands twice"):
        read_deployment(file)


def test_applications_learn_of_the_state_and_of_keys(file: Path) -> None:
    overrides = {"http_host": "0.0.0.0", "state_dir": "/state", "database_url": "sqlite:///a"}
    settings = resolve_platform(read_deployment(file), {}, overrides).settings

    environment = application_environment(settings)

    assert environment["BANYAN_STATE_DIR"] == "/state"
    assert environment["BANYAN_REQUIRE_KEYS"] == "true"
    assert environment["BANYAN_HTTP_HOSTS"] == environment["BANYAN_HTTP_ORIGINS"] == ""
    assert environment["BANYAN_DATABASE_URL"] == "sqlite:///a"
    assert "sqlite" not in repr(settings)


def test_names_and_pages_are_listed_with_commas(file: Path) -> None:
    environ = {
        "BANYAN_HTTP_HOSTS": "banyan.example.org, ::1",
        "BANYAN_HTTP_ORIGINS": "http://localhost:3000,https://console.example.org",
    }
    settings = resolve_platform(read_deployment(file), environ, {}).settings

    assert settings.http_hosts == ("banyan.example.org", "::1")
    told = application_environment(settings)
    assert told["BANYAN_HTTP_HOSTS"] == "banyan.example.org,::1"
    assert told["BANYAN_HTTP_ORIGINS"] == environ["BANYAN_HTTP_ORIGINS"]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("BANYAN_HTTP_HOSTS", "a,http://b", "'http://b': expected a name without port"),
        ("BANYAN_HTTP_HOSTS", "b:8000", "'b:8000': expected a name without port"),
        ("BANYAN_HTTP_HOSTS", "*", "expected a name without port"),
        ("BANYAN_HTTP_ORIGINS", "*", "expected an origin"),
        ("BANYAN_HTTP_ORIGINS", "https://a.example/path", "expected an origin"),
    ],
)
def test_what_is_no_name_or_page_is_refused(
    file: Path, variable: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        resolve_platform(read_deployment(file), {variable: value}, {})


def test_applications_learn_of_the_embedded_broker_alone(file: Path) -> None:
    named = {"BANYAN_KAFKA_BOOTSTRAP": "kafka:9092", "BANYAN_KAFKA_SASL_PASSWORD": "hidden"}
    settings = resolve_platform(read_deployment(file), named, {}).settings

    assert not any("KAFKA" in variable for variable in application_environment(settings))
    told = application_environment(settings, bootstrap="127.0.0.1:4711")
    assert told["BANYAN_KAFKA_BOOTSTRAP"] == "127.0.0.1:4711"


def test_serve_itself_takes_the_builders_that_the_example_for_a_cluster_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BANYAN_DATABASE_URL", "postgresql+psycopg://banyan@postgres/banyan")
    service, _ = yaml.safe_load_all(CLUSTER_FILE.read_text())
    entries = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]

    assert entries
    for entry in entries:
        builder = import_attr(entry["import_path"])
        application = call_user_app_builder_with_args_if_necessary(builder, entry.get("args", {}))
        assert isinstance(application, serve.Application), entry["import_path"]


def test_the_example_for_a_cluster_has_the_same_shape() -> None:
    service, policy = yaml.safe_load_all(CLUSTER_FILE.read_text())

    assert policy["kind"] == "NetworkPolicy"
    serve_config = yaml.safe_load(service["spec"]["serveConfigV2"])
    cluster = Deployment.model_validate(serve_config)
    local = read_deployment(DEPLOYMENT_FILE)
    assert [entry.import_path for entry in cluster.applications] == [
        entry.import_path for entry in local.applications
    ]
    for entry in cluster.applications:
        settings_model(entry).model_validate(entry.args)

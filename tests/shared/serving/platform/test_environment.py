from pathlib import Path

import pytest

from shared.serving.platform import ingress_guard
from shared.serving.platform.environment import (
    ClusterPlan,
    cluster_environment,
    refused_variables,
)


def plan(script: Path | None, host: str = "127.0.0.1") -> ClusterPlan:
    return ClusterPlan(
        run_id="abc",
        run_dir=Path("/tmp/banyan-12345678"),
        token_file=Path("/state/ray-token"),
        host=host,
        port=8000,
        max_body_bytes=77,
        haproxy_script=script,
        internal_ports=(1, 2, 3),
    )


def test_ray_listens_on_loopback_with_a_token() -> None:
    environment = cluster_environment(plan(None))

    assert environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == "/state/ray-token"
    assert environment["BANYAN_RUN_ID"] == "abc"


def test_serve_is_told_where_the_guard_is() -> None:
    environment = cluster_environment(plan(None))

    assert environment["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] == ingress_guard.CALLBACK
    assert environment[ingress_guard.MAX_BODY_BYTES_VARIABLE] == "77"


def test_haproxy_has_its_files_in_the_run_folder() -> None:
    environment = cluster_environment(plan(Path("/run/haproxy")))

    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert environment["RAY_SERVE_HAPROXY_BINARY_PATH"] == "/run/haproxy"
    # Serve puts 56 letters and a slash into the path, HAProxy allows 97 letters.
    assert len(environment["RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"]) + 57 <= 97


def test_without_haproxy_the_replicas_open_no_ports() -> None:
    environment = cluster_environment(plan(None))

    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert environment["RAY_SERVE_ENABLE_DIRECT_INGRESS"] == "0"


@pytest.mark.parametrize(("script", "host"), [(Path("/h"), "127.0.0.1"), (None, "0.0.0.0")])
def test_with_haproxy_serve_itself_stays_on_loopback(script: Path | None, host: str) -> None:
    assert plan(script, host="0.0.0.0").serve_host == host


@pytest.mark.parametrize("mode", ["disabled", "DISABLED", "none"])
def test_rays_token_cannot_be_turned_off(mode: str) -> None:
    (reason,) = refused_variables({"RAY_AUTH_MODE": mode})
    assert "RAY_AUTH_MODE" in reason


def test_another_cluster_is_refused() -> None:
    (reason,) = refused_variables({"RAY_ADDRESS": "10.0.0.1:6379"})
    assert "RAY_ADDRESS" in reason


def test_a_usual_environment_is_taken() -> None:
    assert refused_variables({"PATH": "/bin", "RAY_AUTH_MODE": "token"}) == []

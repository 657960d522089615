"""The environment variables that Ray, Serve and the applications of one run are started with.

Ray reads most of these at import, so they are set before it is imported.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RUN_ID_VARIABLE = "BANYAN_RUN_ID"
"""Marks every process of a run; children inherit it."""

SETUP_HOOK_VARIABLE = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
"""What `runtime_env={"worker_process_setup_hook": ...}` sets in Ray's workers.

A runtime environment would keep replicas from using the workers that Ray starts ahead.
"""

_DRAINING_S = 2
# On a busy machine a proxy takes longer to start than Serve's 5 s, and is then restarted.
_PROXY_START_S = 60
_PROXY_HEALTH_PERIOD_S = 1
_LOG_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """One run of Ray and Serve on this machine.

    `run_dir` holds everything that ends with the run (short, because Unix sockets lie below it).
    `haproxy_script` is the closed HAProxy, or None for Serve's own proxy. `internal_ports` are
    free ports for HAProxy's statistics, its metrics, and Serve's fallback proxy.
    """

    run_id: str
    run_dir: Path
    token_file: Path
    host: str
    port: int
    max_body_bytes: int
    haproxy_script: Path | None
    internal_ports: tuple[int, int, int]

    @property
    def serve_host(self) -> str:
        """What Serve binds: with HAProxy only HAProxy's frontend may be open to others."""
        return "127.0.0.1" if self.haproxy_script else self.host


def cluster_environment(plan: ClusterPlan) -> dict[str, str]:
    """The variables for one run, to be laid over the process's own."""
    return {
        RUN_ID_VARIABLE: plan.run_id,
        "BANYAN_MAX_BODY_BYTES": str(plan.max_body_bytes),
        **RAY_ENVIRONMENT,
        "RAY_AUTH_TOKEN_PATH": str(plan.token_file),
        **_LIBRARIES,
        **(_haproxy(plan, plan.haproxy_script) if plan.haproxy_script else _SERVE_PROXY),
    }


def refused_variables(environ: Mapping[str, str]) -> list[str]:
    """What the user's environment sets that would open the platform: reasons, one a line."""
    reasons = []
    if environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        reasons.append("RAY_AUTH_MODE turns off Ray's token: unset it")
    if environ.get("RAY_ADDRESS"):
        reasons.append("RAY_ADDRESS names another cluster, `banyan up` starts its own: unset it")
    return reasons


def prepare_process(plan: ClusterPlan) -> None:
    """Sets the variables in this process, which becomes the driver."""
    os.environ.update(cluster_environment(plan))
    # Ray reads its variables where it is imported.
    from shared.serving.platform.worker_setup import import_serve_without_pandas

    import_serve_without_pandas()


RAY_ENVIRONMENT = {
    # Its name is historic: 0 makes Ray's listeners take 127.0.0.1 instead of the machine's address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ROTATION_MAX_BYTES": str(_LOG_FILE_BYTES),
    "RAY_ROTATION_BACKUP_COUNT": "2",
    # Without a dashboard nobody takes what Ray measures of itself.
    "RAY_enable_metrics_collection": "0",
    SETUP_HOOK_VARIABLE: "shared.serving.platform.worker_setup.set_up_worker",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": (
        "shared.serving.platform.ingress_guard:middlewares"
    ),
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # Serve's controller looks at every deployment this often; at its own 0.1 s that was the
    # platform's largest cost while nobody asks anything.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.25",
    "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": str(_DRAINING_S),
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_DRAINING_S),
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": str(_PROXY_HEALTH_PERIOD_S),
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": str(_PROXY_START_S),
}
"""The variables of Ray and Serve that are the same in every run."""

_LIBRARIES = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

# Without HAProxy nothing would send requests to the replicas' own ports.
_SERVE_PROXY = {"RAY_SERVE_ENABLE_HA_PROXY": "0", "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0"}


def _haproxy(plan: ClusterPlan, script: Path) -> dict[str, str]:
    statistics_port, metrics_port, fallback_port = plan.internal_ports
    # Serve adds a folder of 56 letters, and HAProxy allows a socket's path 97 in all.
    folder = plan.run_dir
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(script),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(statistics_port),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics_port),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback_port),
        "RAY_SERVE_HAPROXY_NBTHREAD": "2",
    }

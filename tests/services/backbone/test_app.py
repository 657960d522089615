"""The deployment, as far as it can be seen without a cluster."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.backbone.app import build
from shared.errors import ConfigError


def test_settings_come_from_values_and_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BANYAN_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BANYAN_BACKBONE__ENCODER__QUEUE__MAX_BATCH_TOKENS", "512")
    deployment = build({"max_ongoing_requests": 7})._bound_deployment
    (settings,) = deployment.init_args
    assert settings.state_dir == tmp_path
    assert settings.encoder.queue.max_batch_tokens == 512
    assert (deployment.name, deployment.max_ongoing_requests) == ("Encoder", 7)
    assert (deployment.ray_actor_options or {})["num_cpus"] == 0


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"treads": 2}, "treads"),
        ({"encoder": {"queue": {"bulk": {"share": 2}}}}, r"encoder\.queue\.bulk\.share"),
        ({"backbone": {"source": "owner/model"}}, "revision"),
    ],
)
def test_wrong_settings_are_refused_by_name(values: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        build(values)


def test_the_process_that_deploys_holds_no_model() -> None:
    code = "import sys, services.backbone.app as a; a.build({}); print('torch' in sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"

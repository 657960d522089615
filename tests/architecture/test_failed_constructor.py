"""An application's replicas, without Ray."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from shared.errors import DependencyError
from shared.serving import streamed
from shared.serving.streamed import Replica, StreamHost
from shared.storage.database import Database
from shared.streaming.settings import KafkaSettings
from tests.architecture.votes.app import APPLICATION
from tests.architecture.votes.config import VoteSettings


def away(_: VoteSettings) -> Database:
    raise DependencyError("the database does not answer")


async def test_a_replica_whose_constructor_failed_ends_without_another_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serve calls `__del__` of it, and logs what that raises beside the true reason."""
    monkeypatch.setattr(streamed, "configure_logging", lambda *_, **__: None)
    application = replace(APPLICATION, open_database=away)
    settings, kafka = VoteSettings(state_dir=tmp_path), KafkaSettings()
    # Stand-ins, as the garbage collector would call `__del__` of real ones once more.
    replica, host = cast(Replica, SimpleNamespace()), cast(StreamHost, SimpleNamespace())

    with pytest.raises(DependencyError, match="does not answer"):
        await Replica.__init__(replica, application, settings, kafka, None)
    await Replica.__del__(replica)

    with pytest.raises(DependencyError, match="does not answer"):
        await StreamHost.__init__(host, application, settings, kafka)
    await StreamHost.__del__(host)

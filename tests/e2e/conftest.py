"""The real platform, started once as a user starts it, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from tests.harness.platform import Platform
from tests.harness.receiver import Received, receiver


@pytest.fixture(scope="session")
def webhook() -> Iterator[tuple[str, Received]]:
    """Where the platform of the session posts its alerts, and what came; it fails now and then."""
    with receiver(seed=4) as found:
        yield found


@pytest.fixture(scope="session")
def platform(
    tmp_path_factory: pytest.TempPathFactory, webhook: tuple[str, Received]
) -> Iterator[Platform]:
    """The platform with its samples, shared by tests that do not stop it."""
    hook = {
        "BANYAN_SENTIMENT__WEBHOOK__URL": webhook[0],
        "BANYAN_SENTIMENT__WEBHOOK__ALLOW_PRIVATE": "true",
    }
    soon = {"BANYAN_SUPPORT__CHAMPION_CHECK_S": "0.5"}
    platform = Platform(tmp_path_factory.mktemp("platform") / "var", environ=hook | soon)
    try:
        platform.up()
        yield platform
    finally:
        platform.stop()


@pytest.fixture(scope="session")
def http(platform: Platform) -> Iterator[httpx.Client]:
    """A client whose paths start at the platform's address."""
    with httpx.Client(base_url=platform.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def support(platform: Platform) -> Iterator[openai.OpenAI]:
    """The official client of the support application."""
    with openai.OpenAI(
        base_url=f"{platform.url}/support/v1", api_key="none", max_retries=0
    ) as client:
        yield client


@pytest.fixture(scope="session")
def trunk(platform: Platform) -> Iterator[openai.OpenAI]:
    """The official client of the trunk's public routes."""
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform that a test starts, kills and starts again as it likes."""
    platform = Platform(tmp_path / "var")
    try:
        yield platform
    finally:
        platform.stop()

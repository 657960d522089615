"""Every route of all applications against its own OpenAPI document, with generated requests.

BANYAN_SCHEMA_CASES is how many requests are sent at least (400; 2000 in the drill), shared by the
applications that BANYAN_SCHEMA_APPLICATIONS names by their prefixes (all of them): `recommend`
alone gets them all.
Schemathesis first covers each operation's boundaries, then sends random requests, then walks from
answers to further requests.
"""

import math
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok, Result
from schemathesis.engine import Status, events, from_schema
from schemathesis.schemas import APIOperation

from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

FEW, MANY = (int(os.environ.get("BANYAN_SCHEMA_CASES", cases)) for cases in ("400", "2000"))
APPLICATIONS = os.environ.get(
    "BANYAN_SCHEMA_APPLICATIONS", "v1 support sentiment recommend"
).split()
ACCEPTABLE = ["2xx", "404", "409", "422", "429"]

# Requests are made up at a few a second where the machine is busy.
pytestmark = [pytest.mark.platform, pytest.mark.timeout(300 + MANY // len(APPLICATIONS))]


@pytest.fixture(scope="module")
def authorization(platform: Platform) -> Iterator[str]:
    """A tenant for this module alone while it runs: what is deleted there, nobody misses."""
    key = platform.command("keys", "create", "schemas", "--tenant", "scratch", "--role", "admin")
    header = f"Bearer {key.stdout.strip()}"
    wait_for(lambda: is_closed(platform), timeout_s=10, what="the key is noticed")
    yield header
    listing = platform.command("keys", "list").stdout
    key_id = next(line.split()[0] for line in listing.splitlines() if "schemas" in line)
    platform.command("keys", "revoke", key_id)
    wait_for(lambda: not is_closed(platform), timeout_s=10, what="the key's end is noticed")


def is_closed(platform: Platform) -> bool:
    answers = [httpx.get(f"{platform.url}/{p}") for p in ("v1/models", "support/v1/models")]
    return all(answer.status_code == 401 for answer in answers)


def violations(
    platform: Platform, prefix: str, authorization: str, cases: int
) -> tuple[int, dict[str, str]]:
    """The number of requests sent, and each violation with a command that reproduces it."""
    config = SchemathesisConfig.from_dict(
        {
            "headers": {"authorization": authorization},
            "request-timeout": 10,
            "continue-on-failure": True,
            "generation": {"deterministic": True, "no-shrink": True},
            # No schema can say how many tokens a text has, or that a file must be text.
            "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTABLE}},
        }
    )
    document = f"{platform.url}/{prefix}/openapi.json"
    # Server-sent events have no end to wait for; `test_sentiment` reads them.
    schema = schemathesis.openapi.from_url(document, config=config).exclude(
        path_regex="/alerts/stream$"
    )
    varied = sum(map(takes_something, schema.get_all_operations()))
    schema.config.generation.update(max_examples=math.ceil(cases / varied))
    sent = 0
    found: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            sent += len(event.recorder.interactions)
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.status is Status.FAILURE and check.failure_info is not None:
                        failure = check.failure_info.failure
                        title = f"{event.recorder.label}: {failure.title}"
                        found[title] = f"{failure.message}\n{check.failure_info.code_sample}"
        elif isinstance(event, events.NonFatalError):
            found[f"{event.label}: {event.phase}"] = str(event.value)
        elif isinstance(event, events.FatalError):
            raise event.exception
    return sent, found


def takes_something(read: Result[APIOperation[Any, Any, Any, Any], InvalidSchema]) -> bool:
    """Whether there is more than one way to send a request of this operation."""
    assert isinstance(read, Ok), read
    operation = read.ok()
    return bool(operation.body or operation.path_parameters or operation.query)


@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=pytest.mark.drill)])
@pytest.mark.parametrize("prefix", APPLICATIONS)
def test_an_application_keeps_to_its_document(
    platform: Platform, authorization: str, prefix: str, cases: int
) -> None:
    share = cases // len(APPLICATIONS)
    sent, found = violations(platform, prefix, authorization, share)

    print(f"{prefix}: {sent} requests")
    assert not found, "\n\n".join(f"{title}\n{text}" for title, text in found.items())
    assert sent >= share

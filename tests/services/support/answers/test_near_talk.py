"""Messages that mean much the same as a phrase are known once the phrases are embedded."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from services.support.answers import near_talk as module
from services.support.answers.near_talk import NearTalk
from services.support.answers.small_talk import Reply, SmallTalk, SmallTalkFile
from shared.errors import DependencyError
from tests.harness.support.fakes import FakeTrunk, vector
from tests.harness.waiting import until

BUNDLE = "embed@000000000001"
THANKS = Reply("You're welcome!")
TALK = SmallTalk(
    SmallTalkFile.model_validate(
        {
            "kinds": {
                "thanks": {"answer": THANKS.text, "phrases": ["thank you kindly", "thanks"]},
                "greeting": {"answer": "Hello!", "phrases": ["good day to you"]},
            },
            "questions": ["do you write a thank you card", "where is it"],
            "asking": ["but"],
        }
    )
)


@pytest.fixture
def trunk() -> FakeTrunk:
    return FakeTrunk()


@pytest.fixture
def near(trunk: FakeTrunk) -> NearTalk:
    return NearTalk(TALK, trunk)


def reply(near: NearTalk, message: str, bundle: str = BUNDLE, unread: float = 0.0) -> Reply | None:
    return near.reply(message, vector(message), unread, bundle)


async def test_what_is_near_enough_to_a_phrase_is_answered_in_kind(near: NearTalk) -> None:
    await near.prepare(BUNDLE)

    assert reply(near, "thank you kindly madam") == THANKS
    assert reply(near, "madam thank you very kindly") == THANKS


@pytest.mark.parametrize(
    "message",
    [
        "where is the parcel",
        "do you write cards",
        "a thank you card",
        "thank you kindly but it broke",
    ],
)
async def test_a_question_stays_one(near: NearTalk, message: str) -> None:
    await near.prepare(BUNDLE)

    assert reply(near, message) is None


async def test_a_script_that_the_backbone_does_not_read_is_near_to_nothing(near: NearTalk) -> None:
    await near.prepare(BUNDLE)

    assert reply(near, "thank you kindly madam", unread=0.5) is None


async def test_phrases_are_embedded_once_with_each_bundle(near: NearTalk, trunk: FakeTrunk) -> None:
    trunk.champion("embed@2")

    for bundle in (BUNDLE, "embed@2", BUNDLE):
        await near.prepare(bundle)
    reply(near, "thank you kindly madam")

    assert [[call.task for call in calls] for calls in trunk.calls] == [[BUNDLE], ["embed@2"]]
    assert trunk.embedded_texts[:4] == [*TALK.phrases, *TALK.questions]
    assert "thanks" not in trunk.embedded_texts


async def test_until_they_are_words_alone_decide_and_no_turn_waits(
    near: NearTalk, trunk: FakeTrunk
) -> None:
    near.start("embed")
    assert reply(near, "thank you kindly madam") is None

    await until(lambda: reply(near, "thank you kindly madam") == THANKS, "it is near")

    trunk.champion("embed@2")
    assert reply(near, "thank you kindly madam", "embed@2") is None
    await until(lambda: reply(near, "thank you kindly madam", "embed@2") == THANKS, "it is near")
    await near.close()


async def test_a_trunk_that_is_away_is_asked_again(
    near: NearTalk, trunk: FakeTrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRIES_S", (0.0, 0.0))
    trunk.error = DependencyError("away")
    await near.prepare(BUNDLE)
    assert reply(near, "thank you kindly madam") is None

    trunk.error = None
    await near.prepare(BUNDLE)

    assert reply(near, "thank you kindly madam") == THANKS


async def test_the_end_does_not_wait_for_the_trunk(near: NearTalk, trunk: FakeTrunk) -> None:
    trunk.error = DependencyError("away")
    near.start("embed")
    await asyncio.sleep(0)

    await asyncio.wait_for(near.close(), 60.0)

    assert reply(near, "thank you kindly madam") is None


@pytest.mark.parametrize("questions", [[], ["where is it"]])
async def test_without_questions_or_phrases_words_alone_decide(
    trunk: FakeTrunk, questions: Sequence[str]
) -> None:
    phrases = ["thanks"] if questions else ["thank you kindly"]
    kinds = {"thanks": {"answer": "x", "phrases": phrases}}
    file = SmallTalkFile.model_validate({"kinds": kinds, "questions": questions})
    near = NearTalk(SmallTalk(file), trunk)

    await near.prepare(BUNDLE)

    assert near.reply("thank you kindly madam", np.ones(64, np.float32), 0.0, BUNDLE) is None

"""The chat route as OpenAI's clients see it."""

from typing import Any, cast

import httpx
import openai
import orjson
import pytest

from services.support.answers.chat_schemas import ChatRequest
from services.support.answers.wording import load_wording
from services.support.service import SupportService
from tests.harness.support.fakes import FakeTrunk

ARTICLE = (
    "# PIN\n\nA PIN is **blocked** after three tries. Unblock it in the app.\n\n"
    "## Steps\n\nDo this:\n\n1. Open Cards.\n2. Tap PIN.\n3. Unblock the PIN.\n4. Wait.\n"
)
WORDING = load_wording()
QUESTION = "My PIN is blocked. How do I unblock a blocked PIN?"


@pytest.fixture
async def filled(http: httpx.AsyncClient) -> httpx.AsyncClient:
    rows: list[dict[str, Any]] = [
        {"id": "pin", "title": "Blocked PIN", "text": ARTICLE, "format": "markdown"},
        {"id": "owl", "question": "What do barn owls eat?", "answer": "Mice. And voles."},
    ]
    for row in rows:
        row["metadata"] = {"intents": [f"{row['id']}_intent"]}
    body = b"\n".join(map(orjson.dumps, rows))
    answer = await http.post(
        "/knowledge-bases/help-centre/documents",
        content=body,
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    return http


async def chat(http: httpx.AsyncClient, *said: str, **options: Any) -> httpx.Response:
    messages = [{"role": "user", "content": text} for text in said]
    body = {"model": "support", "messages": messages, **options}
    return await http.post("/v1/chat/completions", json=body)


async def test_an_answer_quotes_the_document(filled: httpx.AsyncClient) -> None:
    answer = (await chat(filled, QUESTION)).json()

    message = answer["choices"][0]["message"]
    banyan = message["banyan"]
    assert banyan["answered"]
    assert banyan["handoff"] is None
    assert 0 < banyan["confidence"] <= 1
    (citation,) = banyan["citations"]
    assert citation["document_id"] == "pin"
    assert ARTICLE[citation["start"] : citation["end"]] == citation["passage"]
    assert message["content"].endswith("[1]")
    assert "Unblock it in the app." in message["content"]
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_a_question_that_nothing_answers_is_handed_off(filled: httpx.AsyncClient) -> None:
    message = (await chat(filled, "zebra giraffe rocket")).json()["choices"][0]["message"]

    assert message["content"].startswith(f"{WORDING.handoff}\n\n{WORDING.handoff_suggestions}")
    assert (message["banyan"]["kind"], message["banyan"]["answered"]) == ("handoff", False)
    assert message["banyan"]["handoff"] == {"reason": "low_confidence"}
    assert message["banyan"]["citations"] == []


async def test_a_document_that_only_points_elsewhere_does_not_answer(
    http: httpx.AsyncClient,
) -> None:
    base = "/knowledge-bases/help-centre/documents"
    pointing = {"title": "Blocked PIN", "text": 'How to unblock a PIN is described in "PIN steps".'}
    telling = {"title": "PIN steps", "text": "Unblock a blocked PIN under Cards in the app."}
    await http.put(f"{base}/pointing", json=pointing)

    alone = (await chat(http, QUESTION)).json()["choices"][0]["message"]
    await http.put(f"{base}/telling", json=telling)
    both = (await chat(http, QUESTION)).json()["choices"][0]["message"]

    assert alone["content"].startswith(WORDING.handoff)
    assert alone["banyan"]["handoff"] == {"reason": "no_answer"}
    assert both["content"] == f"{telling['text']} [1]"
    assert both["banyan"]["citations"][0]["document_id"] == "telling"


async def test_small_talk_is_answered_without_a_search(
    filled: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    trunk.calls.clear()

    message = (await chat(filled, "Hi there, thanks a lot!")).json()["choices"][0]["message"]
    streamed = await chat(filled, "hello", stream=True)

    assert message["content"].startswith("You're welcome!")
    banyan = message["banyan"]
    assert (banyan["kind"], banyan["answered"]) == ("small_talk", False)
    assert (banyan["handoff"], banyan["citations"], banyan["suggestions"]) == (None, [], [])
    assert "small_talk" in streamed.text
    assert trunk.calls == []


async def test_who_asks_for_a_person_is_handed_over_without_a_search(
    filled: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    trunk.calls.clear()

    message = (await chat(filled, "I want to speak to someone")).json()["choices"][0]["message"]

    banyan = message["banyan"]
    assert message["content"].startswith("Of course.")
    assert (banyan["kind"], banyan["answered"]) == ("handoff", False)
    assert banyan["handoff"] == {"reason": "asked"}
    assert banyan["citations"] == []
    assert trunk.calls == []


async def test_what_means_the_same_as_small_talk_is_answered_in_kind(
    filled: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> None:
    await service.assistant.talk.prepare(trunk.embed_bundle)

    message = (await chat(filled, "i really thank you ever so much dear Dolores")).json()
    asked = (await chat(filled, f"thank you ever so much, {QUESTION}")).json()

    assert message["choices"][0]["message"]["content"].startswith("You're welcome!")
    assert message["choices"][0]["message"]["banyan"]["kind"] == "small_talk"
    assert asked["choices"][0]["message"]["banyan"]["kind"] == "answer"


async def test_a_greeting_before_a_question_is_no_context_and_no_small_talk(
    filled: httpx.AsyncClient,
) -> None:
    alone = (await chat(filled, QUESTION)).json()["choices"]

    after = (await chat(filled, "hello", QUESTION)).json()["choices"]
    greeted = (await chat(filled, f"Hello, {QUESTION}")).json()["choices"][0]["message"]

    assert after == alone
    assert (alone[0]["message"]["banyan"]["kind"], greeted["banyan"]["kind"]) == (
        "answer",
        "answer",
    )


@pytest.mark.parametrize(("unread", "is_read"), [(1.0, False), (0.5, False), (0.4, True)])
async def test_a_question_that_the_backbone_cannot_read_is_handed_off(
    filled: httpx.AsyncClient, trunk: FakeTrunk, unread: float, is_read: bool
) -> None:
    trunk.unread = [unread]

    message = (await chat(filled, QUESTION)).json()["choices"][0]["message"]

    assert message["banyan"]["answered"] is is_read
    if not is_read:
        assert message["content"] == WORDING.handoff_language
        assert message["banyan"]["kind"] == "handoff"
        assert message["banyan"]["handoff"] == {"reason": "language"}


async def test_a_confidence_of_other_bundles_answers_nothing(
    filled: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    async def said() -> tuple[bool, str, list[str]]:
        banyan = (await chat(filled, QUESTION)).json()["choices"][0]["message"]["banyan"]
        offered = [each["document_id"] for each in banyan["suggestions"]]
        return banyan["calibrated"], banyan["kind"], offered

    trunk.intents = {"pin_intent": 1.0}
    assert await said() == (True, "answer", [])
    trunk.intent_bundle = "intent@2"
    assert await said() == (False, "suggestions", ["pin", "owl"])
    trunk.intent_bundle = "intent@1"
    trunk.champion("embed@000000000002")
    await filled.post("/knowledge-bases/help-centre/rebuild")
    assert await said() == (False, "suggestions", ["pin", "owl"])


async def test_an_empty_knowledge_base_hands_off(http: httpx.AsyncClient) -> None:
    await http.put("/knowledge-bases/help-centre")

    answer = (await chat(http, QUESTION)).json()

    assert answer["choices"][0]["message"]["banyan"]["handoff"] == {"reason": "no_documents"}


async def test_a_stream_is_the_same_answer_in_pieces(filled: httpx.AsyncClient) -> None:
    whole = (await chat(filled, QUESTION)).json()
    options = {"stream": True, "stream_options": {"include_usage": True}}

    response = await chat(filled, QUESTION, **options)

    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [orjson.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == whole["usage"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    assert deltas[-1]["banyan"] == message["banyan"]
    assert [c["choices"][0]["finish_reason"] for c in chunks[:-1]][-2:] == [None, "stop"]


async def test_one_hop_answers_a_turn(filled: httpx.AsyncClient, trunk: FakeTrunk) -> None:
    trunk.intents = {"pin_intent": 0.2, "owl_intent": 0.8}
    trunk.calls.clear()

    answer = (await chat(filled, "What do they eat?")).json()

    banyan = answer["choices"][0]["message"]["banyan"]
    assert [[call.task for call in calls] for calls in trunk.calls] == [
        [trunk.embed_bundle, "support-intent"]
    ]
    assert (banyan["intent"], banyan["intent_probability"]) == ("owl_intent", 0.8)
    assert banyan["citations"][0]["document_id"] == "owl"


async def test_without_the_intent_task_a_turn_works_and_it_is_asked_for_later(
    filled: httpx.AsyncClient, trunk: FakeTrunk, service: SupportService
) -> None:
    trunk.intents = None
    first = (await chat(filled, QUESTION)).json()["choices"][0]["message"]["banyan"]
    trunk.calls.clear()
    await chat(filled, QUESTION)

    assert first["answered"]
    assert first["intent"] is None
    assert [len(calls) for calls in trunk.calls] == [1]


async def test_documents_without_intents_need_none(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    trunk.intents = {"a": 1.0}
    body = {"title": "Owls", "text": "Owls eat mice."}
    await http.put("/knowledge-bases/help-centre/documents/owls", json=body)
    trunk.calls.clear()

    answer = (await chat(http, "What do owls eat?")).json()

    assert answer["choices"][0]["message"]["banyan"]["intent"] is None
    assert [len(calls) for calls in trunk.calls] == [1]


async def test_a_follow_up_is_read_with_the_question_before(filled: httpx.AsyncClient) -> None:
    alone = (await chat(filled, "And then?")).json()["choices"][0]["message"]["banyan"]

    answer = (await chat(filled, "barn owls mice voles", "And then?")).json()

    banyan = answer["choices"][0]["message"]["banyan"]
    assert banyan["confidence"] > alone["confidence"]


async def test_the_answer_keeps_to_max_tokens(filled: httpx.AsyncClient) -> None:
    choice = (await chat(filled, QUESTION, max_tokens=8)).json()["choices"][0]

    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["content"].split()) <= 9
    (citation,) = choice["message"]["banyan"]["citations"]
    assert ARTICLE[citation["start"] : citation["end"]] == citation["passage"]


async def test_models_are_the_knowledge_bases(filled: httpx.AsyncClient) -> None:
    models = [model["id"] for model in (await filled.get("/v1/models")).json()["data"]]

    assert models == ["support", "support:help-centre"]
    for model in models:
        assert (await chat(filled, QUESTION, model=model)).status_code == 200


@pytest.mark.parametrize(
    ("options", "status", "param"),
    [
        ({"model": "support:nowhere"}, 404, "model"),
        ({"model": "gpt-4o"}, 404, "model"),
        ({"model": "support:"}, 404, "model"),
        ({"messages": []}, 422, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, 422, "messages"),
        ({"messages": [{"role": "user", "content": " \n"}]}, 422, "messages"),
        ({"messages": [{"role": "user", "content": "a\u0007b"}]}, 422, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "a" * 1_000_000}]}, 422, "messages.0.content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 422, "messages.0.role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            422,
            "messages.0.content.0.type",
        ),
        ({"stop": ["a"] * 5}, 422, "stop"),
        ({"stop": ""}, 422, "stop"),
        ({"stop": [5]}, 422, "stop.0"),
        ({"n": 2}, 422, "n"),
        ({"tools": [{"type": "function"}]}, 422, "tools"),
        ({"response_format": {"type": "json_object"}}, 422, "response_format.type"),
        ({"max_tokens": 0}, 422, "max_tokens"),
        ({"no_such_parameter": 1}, 422, "no_such_parameter"),
    ],
)
async def test_what_cannot_be_served_is_an_error_of_openai(
    filled: httpx.AsyncClient, options: dict[str, Any], status: int, param: str | None
) -> None:
    answer = await chat(filled, QUESTION, **options)

    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    if param is not None:
        assert error["param"] == param


async def test_harmless_parameters_change_nothing(filled: httpx.AsyncClient) -> None:
    plain = (await chat(filled, QUESTION)).json()["choices"]
    options = {"temperature": 0.2, "top_p": 1, "seed": 7, "user": "u", "n": 1, "stream": False}

    assert (await chat(filled, QUESTION, **options)).json()["choices"] == plain


async def test_null_is_absence(filled: httpx.AsyncClient) -> None:
    plain = (await chat(filled, QUESTION)).json()["choices"]
    names = [name for name in ChatRequest.model_fields if name not in ("model", "messages")]
    options = dict.fromkeys([*names, "audio", "top_logprobs"])

    answer = await chat(filled, QUESTION, **options)

    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"] == plain


@pytest.mark.parametrize("stop", [" Unblock", ["nowhere", " Unblock"], [" app", " Unblock"]])
async def test_stop_ends_the_answer_before_the_sequence(
    filled: httpx.AsyncClient, stop: str | list[str]
) -> None:
    whole = (await chat(filled, QUESTION)).json()["choices"][0]["message"]["content"]

    choice = (await chat(filled, QUESTION, stop=stop)).json()["choices"][0]
    streamed = await chat(filled, QUESTION, stop=stop, stream=True)

    kept = choice["message"]["content"]
    assert kept == whole.partition(" Unblock")[0]
    assert kept != whole
    assert choice["finish_reason"] == "stop"
    lines = [line.removeprefix("data: ") for line in streamed.text.split("\n\n") if line]
    chunks = [orjson.loads(line)["choices"][0] for line in lines[:-1]]
    assert "".join(chunk["delta"].get("content", "") for chunk in chunks) == kept
    assert chunks[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize("stop", [None, [], "nowhere"])
async def test_without_the_sequence_the_answer_is_whole(
    filled: httpx.AsyncClient, stop: object
) -> None:
    plain = (await chat(filled, QUESTION)).json()["choices"]

    assert (await chat(filled, QUESTION, stop=stop)).json()["choices"] == plain


async def test_a_sequence_wins_over_the_limit_of_tokens(filled: httpx.AsyncClient) -> None:
    choice = (await chat(filled, QUESTION, max_tokens=8, stop=" ")).json()["choices"][0]

    assert (choice["finish_reason"], " " in choice["message"]["content"]) == ("stop", False)


async def test_of_any_number_of_messages_the_last_three_of_the_user_are_read(
    filled: httpx.AsyncClient,
) -> None:
    odd = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "system", "content": "a" * 100_000},
    ]
    said = ("Hello", "Thanks", QUESTION)
    asked = [{"role": "user", "content": text} for text in said]
    body = {"model": "support", "messages": [*odd * 20, *[odd[2]] * 2_000, *asked]}

    answer = await filled.post("/v1/chat/completions", json=body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["banyan"]["answered"]


async def test_the_official_client_retrieves_a_model(filled: httpx.AsyncClient) -> None:
    transport = cast(Any, filled)  # openai names its own copy of httpx in its types
    official = openai.AsyncOpenAI(
        api_key="none", base_url="http://support/v1/", http_client=transport, max_retries=0
    )
    listed = [model async for model in official.models.list()]
    assert [(await official.models.retrieve(model.id)).id for model in listed] == [
        model.id for model in listed
    ]
    for name in ("support:nowhere", "gpt-4o"):
        with pytest.raises(openai.NotFoundError) as caught:
            await official.models.retrieve(name)
        assert caught.value.param == "model"
    answer = await official.chat.completions.create(
        model="support",
        messages=[{"role": "user", "content": QUESTION}],
        stop=[" Unblock"],
        logit_bias={"50256": -100},
    )
    assert answer.choices[0].finish_reason == "stop"

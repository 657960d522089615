"""The official `openai` client against both applications."""

import base64

import httpx
import numpy as np
import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.e2e.answers import Answer, answer_of, assert_alike
from tests.e2e.books import documents_path

pytestmark = pytest.mark.platform

QUESTION = "How do I change my PIN?"
"""Its answer is the same however few passages the judge has time for."""

MODEL = "embed"


def ask(client: openai.OpenAI, question: str, *, model: str = "support") -> ChatCompletion:
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}]
    )


def test_a_chat_answers_from_the_knowledge_base(support: openai.OpenAI) -> None:
    completion = ask(support, QUESTION)

    assert completion.object == "chat.completion"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0
    answer = answer_of(completion)
    assert answer.answered
    assert answer.handoff is None
    assert 0 <= answer.confidence <= 1
    assert answer.intent is not None
    assert "PIN" in (completion.choices[0].message.content or "")


def test_citations_give_the_passage_in_the_original(
    support: openai.OpenAI, http: httpx.Client
) -> None:
    answer = answer_of(ask(support, QUESTION))

    assert answer.citations
    for citation in answer.citations:
        document = http.get(f"{documents_path(answer.knowledge_base)}/{citation.document_id}")
        assert document.status_code == 200, document.text
        assert document.json()["title"] == citation.title
        original = document.json()["text"]
        assert original[citation.start : citation.end] == citation.passage


def test_a_question_outside_the_knowledge_base_is_not_answered(support: openai.OpenAI) -> None:
    completion = ask(support, "Who won the chess world championship in 1972?")
    answer = answer_of(completion)

    assert not answer.answered
    assert answer.kind in ("suggestions", "clarify", "handoff")
    assert completion.choices[0].message.content


def test_a_stream_gives_the_same_answer(support: openai.OpenAI) -> None:
    whole = ask(support, QUESTION)

    chunks = list(
        support.chat.completions.create(
            model="support",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert len({chunk.id for chunk in chunks}) == 1
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert [c.finish_reason for chunk in chunks for c in chunk.choices][-1] == "stop"
    extras = [extra for delta in deltas if (extra := getattr(delta, "banyan", None))]
    (extra,) = extras
    assert_alike(Answer.model_validate(extra), answer_of(whole))
    assert chunks[-1].usage == whole.usage


def test_a_conversation_is_answered_in_its_context(support: openai.OpenAI) -> None:
    completion = support.chat.completions.create(
        model="support",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello!"},
            {"role": "assistant", "content": "Hello, how can I help?"},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
        ],
    )

    assert answer_of(completion).answered


def test_the_support_application_lists_its_models(support: openai.OpenAI) -> None:
    models = {model.id for model in support.models.list()}

    assert {"support", "support:help-centre"} <= models
    assert answer_of(ask(support, QUESTION, model="support:help-centre")).answered


def test_embeddings_of_a_string_and_of_a_list_are_equal(trunk: openai.OpenAI) -> None:
    one = trunk.embeddings.create(model=MODEL, input=QUESTION, encoding_format="float")
    many = trunk.embeddings.create(model=MODEL, input=[QUESTION, "x"], encoding_format="float")

    assert [item.index for item in many.data] == [0, 1]
    assert one.usage.prompt_tokens > 0
    vector = np.asarray(one.data[0].embedding)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    # Another batch may round differently in bfloat16.
    assert vector == pytest.approx(np.asarray(many.data[0].embedding), abs=1e-2)


def test_embeddings_as_base64_equal_those_as_floats(trunk: openai.OpenAI) -> None:
    floats = trunk.embeddings.create(model=MODEL, input=[QUESTION], encoding_format="float")
    packed = trunk.embeddings.create(model=MODEL, input=[QUESTION], encoding_format="base64")

    text = packed.data[0].embedding
    assert isinstance(text, str)
    unpacked = np.frombuffer(base64.b64decode(text), np.dtype("<f4"))
    # Each call is computed again, perhaps in a batch with others.
    assert unpacked == pytest.approx(np.asarray(floats.data[0].embedding), abs=1e-2)


def test_a_longer_text_is_cut_only_when_asked(trunk: openai.OpenAI) -> None:
    long = "a long text about nothing " * 200

    with pytest.raises(openai.UnprocessableEntityError, match="256"):
        trunk.embeddings.create(model=MODEL, input=long)
    cut = trunk.embeddings.create(model=MODEL, input=long, extra_body={"truncate": True})
    assert cut.usage.prompt_tokens <= 256


def test_errors_are_the_clients_own(support: openai.OpenAI, trunk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown_base:
        ask(support, QUESTION, model="support:nowhere")
    with pytest.raises(openai.NotFoundError) as unknown_model:
        trunk.embeddings.create(model="nothing", input="a")
    with pytest.raises(openai.UnprocessableEntityError) as no_messages:
        support.chat.completions.create(model="support", messages=[])
    with pytest.raises(openai.BadRequestError) as malformed:
        trunk.post("/embeddings", content=b'{"model": ', cast_to=object)

    for raised in (unknown_base, unknown_model, no_messages, malformed):
        body = raised.value.body
        assert isinstance(body, dict)
        assert len(body["message"]) > 10
    assert "nowhere" in str(unknown_base.value)
    assert "nothing" in str(unknown_model.value)

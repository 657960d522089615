"""OpenAI's chat interface on the assistant: which messages are read, and answers in its shapes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import orjson

from services.support.answers.assistant import Answer, HandoffReason, Turn
from services.support.answers.chat_schemas import (
    READ_MESSAGES,
    AnswerKind,
    AssistantMessage,
    BanyanAnswer,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    Choice,
    CitationAnswer,
    HandoffAnswer,
    Usage,
)
from shared.errors import InputError, NotFoundError
from shared.storage.identifiers import new_id
from shared.text.decoding import check_text
from shared.text.passages import estimate_tokens

MODEL = "support"
MAX_MESSAGE_CHARS = 20_000

HANDOFF_MESSAGE = (
    "I'm sorry, I could not find a reliable answer to this in our help pages. "
    "I am handing you over to a colleague, who will be glad to help."
)

LANGUAGE_MESSAGE = (
    "I'm sorry, I cannot read the language of your message yet. "
    "I am handing you over to a colleague, who will be glad to help."
)
_HANDOFF_MESSAGES: Mapping[HandoffReason | None, str] = {"language": LANGUAGE_MESSAGE}

_MODEL_NAME = re.compile(r"support(?::([a-z0-9][a-z0-9_-]{0,62}))?")
_PIECE = re.compile(r"\S+\s*|\s+")


def knowledge_base_of(model: str, default: str) -> str:
    """The knowledge base that a model's name selects.

    Raises:
        NotFoundError: there is no such model.
    """
    match = _MODEL_NAME.fullmatch(model)
    if match is None:
        raise NotFoundError(
            f"there is no model {model!r}: use {MODEL!r} or '{MODEL}:KNOWLEDGE_BASE'", param="model"
        )
    return match[1] or default


def turn_of(messages: Sequence[ChatMessage]) -> Turn:
    """The user's last message, and the one before it; no other is read.

    Raises:
        InputError: there is no message of a user, the last one is empty, or one of the two has
            something else than text, or too much.
    """
    asked = [index for index, message in enumerate(messages) if message.role == "user"]
    said = [
        _text_of(messages[index], f"messages.{index}.content") for index in asked[-READ_MESSAGES:]
    ]
    if not said or not said[-1]:
        raise InputError(
            "messages: the last message of the role 'user' has no text: ask a question",
            param="messages",
        )
    return Turn(said[-1], said[-2] if len(said) > 1 else "")


def _text_of(message: ChatMessage, place: str) -> str:
    content = message.content or ""
    if not isinstance(content, str):
        for number, part in enumerate(content):
            if part.type != "text":
                name = f"{place}.{number}.type"
                raise InputError(
                    f"{name}: expected 'text', found {part.type[:60]!r}: nothing else is read",
                    param=name,
                )
        content = "\n".join(part.text for part in content)
    if len(content) > MAX_MESSAGE_CHARS:
        raise InputError(
            f"{place}: expected at most {MAX_MESSAGE_CHARS:,} characters, found {len(content):,}: "
            "shorten it",
            param=place,
        )
    return check_text(content, name=place).strip()


def response(
    request: ChatRequest, answer: Answer, *, knowledge_base: str, created_s: float
) -> ChatResponse:
    """The answer in OpenAI's shape."""
    extract = answer.extract
    content = answer.said or _HANDOFF_MESSAGES.get(answer.handoff, HANDOFF_MESSAGE)
    if extract is not None:
        content = f"{extract.text} [1]"
    kept = _before(content, request.stop)
    is_short = extract is not None and extract.is_cut and kept == content
    finish: Literal["stop", "length"] = "length" if is_short else "stop"
    message = AssistantMessage(content=kept, banyan=_banyan(answer, knowledge_base))
    tokens = estimate_tokens(kept)
    return ChatResponse(
        id=f"chatcmpl-{new_id()}",
        created=int(created_s),
        model=request.model,
        choices=[Choice(message=message, finish_reason=finish)],
        usage=Usage(
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=tokens,
            total_tokens=answer.prompt_tokens + tokens,
        ),
    )


def stream(request: ChatRequest, whole: ChatResponse) -> Iterator[bytes]:
    """The same answer as server-sent events; the last piece carries `banyan`.

    Source: OpenAI API reference, "Chat completion chunk".
    """
    choice = whole.choices[0]
    yield _event(whole, {"role": "assistant", "content": ""})
    for piece in _PIECE.findall(choice.message.content):
        yield _event(whole, {"content": piece})
    banyan = choice.message.banyan.model_dump()
    yield _event(whole, {"banyan": banyan}, finish_reason=choice.finish_reason)
    if request.stream_options is not None and request.stream_options.include_usage:
        yield _line({**_head(whole), "choices": [], "usage": whole.usage.model_dump()})
    yield b"data: [DONE]\n\n"


def _before(content: str, stop: str | Sequence[str] | None) -> str:
    """The content up to the first of the sequences that stop it."""
    sequences = [stop] if isinstance(stop, str) else stop or []
    return min((content.partition(each)[0] for each in sequences), key=len, default=content)


def _event(
    whole: ChatResponse, delta: dict[str, object], *, finish_reason: str | None = None
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _line({**_head(whole), "choices": [choice]})


def _head(whole: ChatResponse) -> dict[str, object]:
    return {
        "id": whole.id,
        "object": "chat.completion.chunk",
        "created": whole.created,
        "model": whole.model,
    }


def _line(content: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(content) + b"\n\n"


def _banyan(answer: Answer, knowledge_base: str) -> BanyanAnswer:
    citations = []
    if answer.extract is not None:
        best = answer.hits[0]
        citations.append(
            CitationAnswer(
                document_id=best.entry.document_id,
                title=best.entry.title,
                passage=answer.extract.source,
                start=answer.extract.start,
                end=answer.extract.end,
                score=round(best.score, 6),
            )
        )
    return BanyanAnswer(
        kind=_kind(answer),
        answered=answer.handoff is None,
        confidence=round(answer.confidence, 6),
        intent=answer.intent.label if answer.intent else None,
        intent_probability=round(answer.intent.probability, 6) if answer.intent else None,
        citations=citations,
        handoff=HandoffAnswer(reason=answer.handoff) if answer.handoff else None,
        knowledge_base=knowledge_base,
        calibrated=answer.fits_calibration,
    )


def _kind(answer: Answer) -> AnswerKind:
    if answer.handoff is not None:
        return "handoff"
    return "answer" if answer.said is None else "small_talk"

"""OpenAI's chat interface on the assistant: which messages are read, and answers in its shapes."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Literal

import orjson

from services.support.answers.answer import Answer
from services.support.answers.chat_schemas import (
    CONVERSATION_MESSAGES,
    MAX_MESSAGE_CHARS,
    READ_MESSAGES,
    AssistantMessage,
    BanyanAnswer,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    Choice,
    CitationAnswer,
    HandoffAnswer,
    SuggestionAnswer,
    Usage,
)
from services.support.answers.choices import chosen
from services.support.answers.compose import Cited
from services.support.answers.readings import Turn
from services.support.answers.wording import Texts, Wording
from shared.errors import InputError, NotFoundError
from shared.storage.identifiers import new_id
from shared.text.decoding import check_text
from shared.text.passages import estimate_tokens

MODEL = "support"

_CONVERSATION_CHARS = 4_000
"""How much of what was said before a question tells what it is about."""

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


def turn_of(messages: Sequence[ChatMessage], wording: Wording) -> Turn:
    """The user's last messages.

    One that chooses a page that the answer before it offered, in the words of `wording`, is read
    as that page's title and the question before that answer: the judge finds the answer more often
    so than with the title after the question. The texts of other messages, as many as are recent,
    tell what is spoken of.

    Raises:
        InputError: there is no message of a user, the last one is empty, or one of those that are
            read has something else than text, or too much.
    """
    asked = [index for index, message in enumerate(messages) if message.role == "user"]
    said: list[str] = []
    for index in asked[-READ_MESSAGES:]:
        text = _text_of(messages[index], f"messages.{index}.content")
        title = chosen(text, wording.offer(_answer_before(messages, index)))
        if title is None:
            said.append(text)
        else:
            title = check_text(title, name=f"messages.{index - 1}.content")
            before = said.pop() if said else ""
            said.append(f"{title}: {before}" if before else title)
    if not said or not said[-1]:
        raise InputError(
            "messages: the last message of the role 'user' has no text: ask a question",
            param="messages",
        )
    return Turn((*filter(None, said[:-1]), said[-1]), _said_before(messages[: asked[-1]], wording))


def _said_before(messages: Sequence[ChatMessage], wording: Wording) -> tuple[str, ...]:
    """The last texts of user and assistant, the newest first; not what only says or offers that
    nothing was found."""
    said: list[str] = []
    left = _CONVERSATION_CHARS
    for message in reversed(messages[-CONVERSATION_MESSAGES:]):
        text = message.content
        if left > 0 and isinstance(text, str) and text and not wording.is_fixed(text):
            with suppress(InputError):
                said.append(check_text(text[:left], name="messages"))
                left -= len(text)
    return tuple(said)


def _answer_before(messages: Sequence[ChatMessage], index: int) -> str:
    """The text of the assistant's message right before a user's, or nothing."""
    before = messages[index - 1] if index else None
    if before is None or before.role != "assistant" or not isinstance(before.content, str):
        return ""
    return before.content


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
    request: ChatRequest,
    answer: Answer,
    texts: Texts,
    *,
    knowledge_base: str,
    created_s: float,
) -> ChatResponse:
    """The answer in OpenAI's shape."""
    content = texts.content(answer)
    kept = _before(content, request.stop)
    is_short = answer.composed is not None and answer.composed.is_cut and kept == content
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
    return BanyanAnswer(
        kind=answer.kind,
        answered=answer.kind == "answer",
        confidence=round(answer.confidence, 6),
        intent=answer.intent.label if answer.intent else None,
        intent_probability=round(answer.intent.probability, 6) if answer.intent else None,
        citations=[_citation(cited) for cited in _cited(answer)],
        suggestions=[
            SuggestionAnswer(
                document_id=each.document_id,
                title=each.title,
                passage=each.passage,
                score=round(each.score, 6),
            )
            for each in answer.suggestions
        ],
        handoff=HandoffAnswer(reason=answer.handoff) if answer.handoff else None,
        knowledge_base=knowledge_base,
        calibrated=answer.fits_calibration,
    )


def _cited(answer: Answer) -> Sequence[Cited]:
    return () if answer.composed is None else answer.composed.citations


def _citation(cited: Cited) -> CitationAnswer:
    return CitationAnswer(
        document_id=cited.hit.entry.document_id,
        title=cited.hit.entry.title,
        passage=cited.source,
        start=cited.start,
        end=cited.end,
        score=round(cited.hit.score, 6),
    )

"""OpenAI's chat shapes, and the object `banyan` that an answer carries beside them."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from services.support.answers.answer import AnswerKind, HandoffReason
from services.support.schemas import Integer
from shared.retrieval.judging import CONTEXT_TURNS
from shared.validation.body import RequestBody

READ_MESSAGES = CONTEXT_TURNS
"""Of the user's messages the last ones are read, together and the very last alone."""

CONVERSATION_MESSAGES = 20
"""Of so many last messages the texts tell what is spoken of."""

MAX_MESSAGE_CHARS = 20_000
"""How long a message that is read is at most; a longer one of those that only tell what is spoken
of is left out."""


class Part(BaseModel, extra="ignore"):
    """A part of a message's content; only `text` can be read."""

    type: str
    text: str = ""


_ANY_CONTENT = WithJsonSchema(
    {"description": "A text, or parts of the type text; of a message that is not read, anything."}
)


class ChatMessage(BaseModel, extra="ignore"):
    """A message; what else OpenAI's clients send with one is not looked at."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str | list[Part] | None, _ANY_CONTENT] = None


_OTHER_ROLES = frozenset({"system", "developer", "assistant", "tool", "function"})
_UNREAD = ChatMessage(role="assistant")


def _with_unread(messages: object) -> object:
    """The messages, with one that is empty in the place of each that nobody reads.

    How many there are is bounded by the body's size alone: a hundred thousand must cost little.
    """
    if not isinstance(messages, list):
        return messages
    kept: list[object] = list(messages)
    left = READ_MESSAGES
    for index in range(len(kept) - 1, -1, -1):
        message = kept[index]
        role = message.get("role") if isinstance(message, dict) else None
        is_read = role == "user" and left > 0
        left -= is_read
        is_known = role == "user" or (isinstance(role, str) and role in _OTHER_ROLES)
        is_recent = index >= len(kept) - CONVERSATION_MESSAGES
        if is_known and not is_read and not (is_recent and _is_text(message)):
            kept[index] = _UNREAD
    return kept


def _is_text(message: object) -> bool:
    """Whether a message is a text of the user's or of who answers."""
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        return False
    content = message.get("content")
    return isinstance(content, str) and len(content) <= MAX_MESSAGE_CHARS


Messages = Annotated[list[ChatMessage], Field(min_length=1), BeforeValidator(_with_unread)]

StopSequence = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class StreamOptions(RequestBody):
    """How a stream ends."""

    include_usage: bool = False
    include_obfuscation: bool = False


class ResponseFormat(RequestBody):
    """Only text is written."""

    type: Literal["text"]


class ChatRequest(RequestBody):
    """OpenAI's chat request.

    Sampling parameters are accepted and change nothing, as nothing is sampled. What would change
    the answer's form (tools, several choices, JSON) is refused. `stop` ends the answer before the
    first of its sequences.
    """

    model: str = Field(max_length=200)
    messages: Messages
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    stop: StopSequence | Annotated[list[StopSequence], Field(max_length=4)] | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    modalities: list[Literal["text"]] | None = None
    logprobs: Literal[False] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    seed: Integer | None = None
    user: str | None = Field(None, max_length=500)
    safety_identifier: str | None = Field(None, max_length=500)
    prompt_cache_key: str | None = Field(None, max_length=500)
    service_tier: str | None = Field(None, max_length=50)
    reasoning_effort: str | None = Field(None, max_length=50)
    verbosity: str | None = Field(None, max_length=50)
    store: bool | None = Field(
        None,
        description="False: the question is not kept among those that were not answered, as a test "
        "or an evaluation asks it.",
    )
    metadata: dict[str, str] | None = None


class CitationAnswer(BaseModel):
    """What the answer quotes: `[start, end)` are characters of the document's text."""

    document_id: str
    title: str
    passage: str
    start: int
    end: int
    score: float


class HandoffAnswer(BaseModel):
    """Why a person should take over."""

    reason: HandoffReason


class SuggestionAnswer(BaseModel):
    """A document that may help; `passage` is its sentence that fits the question best."""

    document_id: str
    title: str
    passage: str
    score: float


class BanyanAnswer(BaseModel):
    """What OpenAI's shape has no place for."""

    kind: AnswerKind = Field(
        description="answer: from the knowledge base. suggestions: documents that may help. "
        "clarify: which of the first two suggestions is meant? small_talk. handoff: a person "
        "should take over."
    )
    answered: bool = Field(description="Whether the knowledge base answers: true for `answer`.")
    confidence: float = Field(description="Calibrated probability that the answer is right.")
    intent: str | None
    intent_probability: float | None
    citations: list[CitationAnswer]
    suggestions: list[SuggestionAnswer] = Field(
        description="Where nothing is answered, at most three documents that may help."
    )
    handoff: HandoffAnswer | None
    knowledge_base: str
    calibrated: bool = Field(
        description="Whether the confidence was calibrated with the bundles that answered; if not, "
        "/support/readyz says which they are."
    )


class AssistantMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    banyan: BanyanAnswer


class Choice(BaseModel):
    """The only choice."""

    index: int = 0
    message: AssistantMessage
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class Usage(BaseModel):
    """Tokens: counted by the backbone for the question, estimated for the answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatResponse(BaseModel):
    """OpenAI's chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class Model(BaseModel):
    """A model: the assistant on one knowledge base."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "banyan"


class ModelList(BaseModel):
    """OpenAI's list of models."""

    object: Literal["list"] = "list"
    data: list[Model]

"""OpenAI's chat shapes, and the object `banyan` that an answer carries beside them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.support.assistant import HandoffReason
from services.support.schemas import Integer, Request


class TextPart(BaseModel):
    """A part of a message's content."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["text"]
    text: Annotated[str, StringConstraints(max_length=20_000)]


class ChatMessage(BaseModel):
    """A message; what else OpenAI's clients send with one is not looked at."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: (
        Annotated[str, StringConstraints(max_length=20_000)]
        | Annotated[list[TextPart], Field(max_length=64)]
        | None
    ) = None

    @property
    def text(self) -> str:
        """The content as one text."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content)


class StreamOptions(Request):
    """How a stream ends."""

    include_usage: bool = False
    include_obfuscation: bool = False


class ResponseFormat(Request):
    """Only text is written."""

    type: Literal["text"]


class ChatRequest(Request):
    """OpenAI's chat request.

    Sampling parameters are accepted and change nothing, as nothing is sampled. What would change
    the answer's form (tools, several choices, JSON) is refused.
    """

    model: str = Field(max_length=200)
    messages: list[ChatMessage] = Field(min_length=1, max_length=256)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
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
    seed: Integer | None = None
    user: str | None = Field(None, max_length=500)
    safety_identifier: str | None = Field(None, max_length=500)
    prompt_cache_key: str | None = Field(None, max_length=500)
    service_tier: str | None = Field(None, max_length=50)
    reasoning_effort: str | None = Field(None, max_length=50)
    verbosity: str | None = Field(None, max_length=50)
    store: bool | None = None
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


AnswerKind = Literal["answer", "small_talk", "handoff"]
"""Whether an answer comes from the knowledge base, replies to small talk, or hands over."""


class BanyanAnswer(BaseModel):
    """What OpenAI's shape has no place for."""

    kind: AnswerKind
    answered: bool
    confidence: float = Field(description="Calibrated probability that the answer is right.")
    intent: str | None
    intent_probability: float | None
    citations: list[CitationAnswer]
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

"""What the public routes of the backbone take and give.

Source: OpenAI API reference (`/v1/embeddings`, `/v1/models`); Cohere and Jina (`/v1/rerank`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from shared.models.backbones.prefixes import InputType, Prefixes
from shared.models.tasks import TaskKind
from shared.serving.encoder import MAX_REQUEST_INPUTS
from shared.validation.body import RequestBody


def _refuse_token_ids(value: object) -> object:
    """Token ids belong to one tokenizer, which the client cannot know to be ours."""
    if isinstance(value, list) and any(map(_is_token_id, value[:MAX_REQUEST_INPUTS])):
        raise ValueError(
            "token ids are not accepted, because they belong to another model's tokenizer: send "
            "texts (LangChain's OpenAIEmbeddings does with check_embedding_ctx_length=False)"
        )
    return value


def _is_token_id(item: object) -> bool:
    """Whether an item is a number, or a list that begins with one."""
    first = item[0] if isinstance(item, list) and item else item
    return isinstance(first, int) and not isinstance(first, bool)


_IGNORED = "Accepted and ignored."

_Count = Annotated[int, Field(ge=1, le=2**31 - 1)]

Model = Annotated[str, Field(min_length=1, max_length=200, description="A task or a bundle's id.")]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[
    Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_REQUEST_INPUTS)],
    BeforeValidator(_refuse_token_ids),
    Field(description="A text or a list of texts; token ids are not accepted."),
]
Truncate = Annotated[
    bool,
    Field(description="Cut texts that are longer than the model reads, instead of refusing them."),
]


AllowUnreadable = Annotated[
    bool,
    Field(
        description="Embed texts too of which the model cannot read half of the words, instead of "
        "refusing them: their vectors say little."
    ),
]


class _Request(RequestBody):
    model_config = ConfigDict(strict=True)


class EmbeddingsRequest(_Request):
    """OpenAI's request, `truncate`, and `input_type`, which Cohere's and Voyage's clients send."""

    model: Model
    input: Texts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: _Count | None = Field(
        None, description="The model's own number of dimensions, or nothing."
    )
    truncate: Truncate = False
    input_type: Annotated[InputType, Strict(False)] | None = Field(
        None,
        description="What the texts are for: `query`, to search with, or `passage`, to be found. "
        "A model with prefixes (see /v1/models) must be told.",
    )
    allow_unreadable: AllowUnreadable = False
    user: str | None = Field(None, max_length=1000, description=_IGNORED)


class Usage(BaseModel):
    """Tokens that were computed."""

    prompt_tokens: int
    total_tokens: int


class Embedding(BaseModel):
    """A vector: numbers, or little-endian float32 in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsResponse(BaseModel):
    """One embedding for each input, in order."""

    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: Usage


class Document(BaseModel, extra="ignore", strict=True):
    """A document in an object; what else stands in it (`id`, `title`) is not looked at."""

    text: Text


class RerankRequest(_Request):
    """A query and the documents to sort by it.

    `model` is a task of kind `score`, or one of kind `embed`: then a document's relevance is the
    cosine c of its vector with the query's, mapped to 0..1 as (1 + c) / 2. `max_tokens_per_doc`
    asks for longer documents to be cut: they are, where the model reads no further.
    """

    model: Model
    query: Text
    documents: list[Text | Document] = Field(min_length=1, max_length=MAX_REQUEST_INPUTS)
    top_n: _Count | None = Field(None, description="How many results; all by default.")
    return_documents: bool = False
    truncate: Truncate = False
    allow_unreadable: AllowUnreadable = False
    max_tokens_per_doc: _Count | None = Field(None, description="Cohere's: as `truncate`.")
    max_chunks_per_doc: _Count | None = Field(None, description=_IGNORED)
    priority: int | None = Field(None, ge=0, le=2**31 - 1, description=_IGNORED)
    user: str | None = Field(None, max_length=1000, description=_IGNORED)

    @property
    def is_cut(self) -> bool:
        """Whether longer texts are cut instead of refused."""
        return self.truncate or self.max_tokens_per_doc is not None


class ReturnedDocument(BaseModel):
    """A document's text, where it was asked for."""

    text: str


class RerankResult(BaseModel):
    """A document, by its index in the request, with its relevance in 0..1."""

    index: int
    relevance_score: float = Field(ge=0, le=1)
    document: ReturnedDocument | None = None


class RerankResponse(BaseModel):
    """The most relevant documents, best first."""

    model: str
    results: list[RerankResult]
    usage: Usage


class ClassifyRequest(_Request):
    """Texts to classify by a task of kind `classify`."""

    model: Model
    input: Texts
    truncate: Truncate = False


class Classification(BaseModel):
    """The likeliest label of a text, and every label's calibrated probability."""

    object: Literal["classification"]
    index: int
    label: str
    scores: dict[str, float]


class ClassifyResponse(BaseModel):
    """One classification for each input, in order."""

    object: Literal["list"]
    model: str
    data: list[Classification]
    usage: Usage


class ModelCard(BaseModel):
    """A task, or the backbone itself, which answers as its task `embed`."""

    id: str
    object: Literal["model"]
    created: int = Field(description="Seconds since 1970; 0 where the bundle does not say.")
    owned_by: str
    kind: TaskKind
    bundle: str
    backbone: str
    backbone_sha256: str
    language: str | None = Field(description="What the backbone reads, by the settings.")
    memory_bytes: int | None = Field(
        description="What the backbone takes in memory: its weights, and of a further one what the "
        "process grew by when it was loaded; null until a task needs it."
    )
    labels: list[str]
    max_length: int = Field(description="The longest text, in tokens.")
    prefixes: Prefixes | None = Field(
        description="What the trunk puts before queries and passages that are embedded, by "
        "`input_type`."
    )


class ModelsResponse(BaseModel):
    """What `model` may name; a bundle's id may stand there as well."""

    object: Literal["list"]
    data: list[ModelCard]

"""What the support application's routes take and give."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from services.support.documents import Document, DocumentSummary, StoredDocument
from shared.text.language import Language
from shared.text.limits import MAX_DOCUMENT_CHARACTERS
from shared.text.markdown import looks_like_markdown
from shared.text.passages import TextFormat
from shared.validation.body import RequestBody
from shared.validation.forms import TextForm

_CONTROL = r"\x00-\x08\x0B\x0E-\x1F\x7F"
FILLED = TextForm(
    rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$", "text without control characters"
)
_PLAIN = TextForm(rf"^[^{_CONTROL}]*$", "text without control characters")
_KEY = TextForm(r"^[^\x00-\x1F\x7F]{1,64}$", "1 to 64 characters without control characters")

Title = Annotated[str, StringConstraints(max_length=500), FILLED]
Text = Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_CHARACTERS), FILLED]
Key = Annotated[str, _KEY]
Word = Annotated[str, StringConstraints(max_length=2000), _PLAIN]
Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Scalar = bool | Integer | Number | Word
MetadataFields = Annotated[
    dict[Key, Scalar | Annotated[list[Scalar], Field(max_length=100)]], Field(max_length=64)
]

GivenFormat = Annotated[
    TextFormat | None,
    Field(
        description="How the text is written. Without it, Markdown where the text has headings or "
        "tables of Markdown, plain otherwise."
    ),
]


class ArticleFields(RequestBody):
    """An article."""

    title: Title
    text: Text
    format: GivenFormat = None
    metadata: MetadataFields = Field(default_factory=dict)

    def document(self, document_id: str) -> Document:
        """The document that is stored."""
        return Document(
            document_id,
            self.title,
            self.text,
            _format(self.format, self.text),
            False,
            self.metadata,
        )


class QuestionFields(RequestBody):
    """A question with its answer."""

    question: Title
    answer: Text
    format: GivenFormat = None
    metadata: MetadataFields = Field(default_factory=dict)

    def document(self, document_id: str) -> Document:
        """The document that is stored."""
        return Document(
            document_id,
            self.question,
            self.answer,
            _format(self.format, self.answer),
            True,
            self.metadata,
        )


DocumentFields = ArticleFields | QuestionFields


def _format(given: TextFormat | None, text: str) -> TextFormat:
    if given is not None:
        return given
    return TextFormat.MARKDOWN if looks_like_markdown(text) else TextFormat.PLAIN


class DocumentAnswer(BaseModel):
    """A stored document, in the fields that it was given in."""

    id: str
    title: str | None = None
    text: str | None = None
    question: str | None = None
    answer: str | None = None
    format: TextFormat
    metadata: dict[str, Any]
    version: int = Field(description="The knowledge base's version that this document came with.")
    updated_at: float = Field(description="Unix time in seconds.")

    @classmethod
    def of(cls, stored: StoredDocument) -> "DocumentAnswer":
        """The answer for a stored document."""
        document = stored.document
        names = ("question", "answer") if document.is_faq else ("title", "text")
        fields = dict(zip(names, (document.title, document.text), strict=True))
        return cls(
            id=document.id,
            format=document.format,
            metadata=dict(document.metadata),
            version=stored.version,
            updated_at=stored.updated_at,
            **fields,
        )


class DocumentPage(BaseModel):
    """Documents by id; `next` is the `after` of the next page, or null at the end."""

    documents: list[DocumentSummary]
    next: str | None


class Written(BaseModel):
    """A write that is durable and that the next search sees."""

    knowledge_base: str
    version: int
    documents: int = Field(description="How many documents this request wrote or deleted.")


class KnowledgeBaseAnswer(BaseModel):
    """A knowledge base."""

    name: str
    version: int
    documents: int
    updated_at: float
    bundle: str | None = Field(
        description="The bundle that made the index and encodes its queries; null before the first."
    )
    language: Language | None = Field(
        description="What was stated, or what most of its first documents are in, by their script; "
        "null without any."
    )
    language_is_stated: bool


class KnowledgeBaseList(BaseModel):
    """The tenant's knowledge bases."""

    knowledge_bases: list[KnowledgeBaseAnswer]


class Rebuilt(BaseModel):
    """An index that was rebuilt."""

    knowledge_base: str
    version: int
    bundle: str
    documents: int

"""The settings of the support application."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from services.support.retention import SupportRetention
from shared.http.application import HttpSettings
from shared.storage.database import sqlite_url
from shared.text.language import Language
from shared.validation.forms import NAME

KnowledgeBaseName = Annotated[str, NAME]


class SupportSettings(HttpSettings):
    """Settings of the support application.

    `encode_timeout_s` bounds the trunk's part of one answer, `write_timeout_s` the embedding of one
    write, which holds at most `max_rows` documents; its PDF and DOCX files are read within
    `extract_timeout_s` of a processor's time, and five times as long on the clock. An index is
    saved to disk when nothing has changed for `save_after_s`; with PostgreSQL, what other replicas
    wrote is seen after `refresh_s`. Indexes that were not used for longest leave the memory while
    all together are over `max_index_mib`. `embed_tasks` embed the knowledge bases of a language, by
    what most of their documents are in, where the trunk has the task; all others `embed_task`
    embeds. A new champion of these is looked for every `champion_check_s`. `judge_task` judges
    which passages answer a question, those in another language one of `judge_tasks`, for about
    `judge_budget_ms` (for twice as long where a follow-up is read in two ways); without one (null)
    the search's own order and the confidence decide. `small_talk_file` is what is said to small
    talk, in the form of the default, `answers/small_talk.yaml`, `wording_file` what else the chat
    says in its own words, in the form of `answers/wording.yaml`. `chinese_words_file` has further
    words, one a line, that Chinese is not to be cut within. Questions that were not answered are
    kept unless `keep_unanswered` is false: of each tenant the `max_unanswered` that were asked
    last, as long as `retention` says.
    """

    database_url: SecretStr | None = None
    replicas: int = Field(1, ge=1)
    max_ongoing_requests: int = Field(256, ge=1)
    max_queued_requests: int = Field(512, ge=1)
    default_knowledge_base: KnowledgeBaseName = "help-centre"
    embed_task: str = "embed"
    embed_tasks: dict[Language, str] = Field(default_factory=lambda: {Language.CHINESE: "embed-zh"})
    intent_task: str = "support-intent"
    judge_task: str | None = "support-judge"
    judge_tasks: dict[Language, str] = Field(
        default_factory=lambda: {Language.CHINESE: "support-judge-zh"}
    )
    judge_budget_ms: float = Field(45.0, gt=0)
    small_talk_file: Path | None = None
    wording_file: Path | None = None
    chinese_words_file: Path | None = None
    max_rows: int = Field(20_000, ge=1)
    encode_timeout_s: float = Field(5.0, gt=0)
    write_timeout_s: float = Field(600.0, gt=0)
    extract_timeout_s: float = Field(60.0, gt=0, le=600)
    save_after_s: float = Field(2.0, ge=0)
    refresh_s: float = Field(0.5, gt=0)
    max_index_mib: float = Field(1024.0, gt=0)
    champion_check_s: float = Field(30.0, gt=0)
    keep_unanswered: bool = True
    max_unanswered: int = Field(10_000, ge=1)
    retention: SupportRetention = SupportRetention()

    @property
    def resolved_database_url(self) -> str:
        """The database's URL: the one that is set, or a SQLite file in `state_dir`."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return sqlite_url(self.state_dir / "support.db")

    @property
    def confidence_dir(self) -> Path:
        """Where calibrations of the confidence lie, beside the one that ships."""
        return self.state_dir / "confidence"

    @property
    def index_dir(self) -> Path:
        """Where the indexes lie."""
        return self.state_dir / "indexes"

"""The settings of the backbone's application."""

from typing import Self

from pydantic import Field, model_validator

from shared.http.application import HttpSettings
from shared.models.backbones.further import BackboneKey
from shared.models.bundle import TaskName
from shared.models.source import BackboneConfig
from shared.serving.encoder import EncoderSettings

APP_NAME = "backbone"


class BackboneSettings(HttpSettings):
    """The trunk: its model, its queue and how it is deployed.

    `language` is what `backbone` reads. `backbones` are further ones by the language that they read
    or what they are for; each is loaded when a task first needs it, and its own vectors are the
    task `embed-KEY`. `threads` compute, on a processor a batch each; by default there are as many
    as the physical cores that this process may use. `max_ongoing_requests` stands above what the
    trunk's own queue holds, so that this queue decides who waits and who is refused. The adapters
    of `merged_tasks` are added to their own copies of the model's weights, so that a text takes
    about a third less time, in batches of that task alone; a copy takes 21 MB of MiniLM in
    bfloat16. Public requests of more than `max_interactive_inputs` texts have the priority `bulk`.
    """

    backbone: BackboneConfig = BackboneConfig()
    language: BackboneKey = "en"
    backbones: dict[BackboneKey, BackboneConfig] = Field(default_factory=dict)
    encoder: EncoderSettings = EncoderSettings()
    merged_tasks: tuple[TaskName, ...] = ("support-judge",)
    threads: int | None = Field(default=None, ge=1)
    num_replicas: int = Field(default=1, ge=1)
    max_ongoing_requests: int = Field(default=2048, ge=1)
    max_queued_requests: int = Field(default=2048, ge=1)
    max_interactive_inputs: int = Field(default=8, ge=0)
    request_timeout_s: float = Field(default=120.0, gt=0)

    @model_validator(mode="after")
    def _check_languages(self) -> Self:
        if self.language in self.backbones:
            raise ValueError(
                f"backbones.{self.language}: {self.language} is the language of the first backbone "
                "already: name another one, or set language"
            )
        return self

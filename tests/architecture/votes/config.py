"""The settings of the votes."""

from typing import ClassVar

from shared.http.streams import StreamedSettings
from shared.validation.forms import KafkaName


class VoteSettings(StreamedSettings):
    """Settings of the votes; the defaults stand here alone."""

    database: ClassVar[str] = "votes"

    topic: KafkaName = "votes"
    group: KafkaName = "banyan-votes"

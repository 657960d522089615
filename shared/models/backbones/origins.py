"""Where backbones that do not ship are fetched from."""

from enum import StrEnum


class Origin(StrEnum):
    """What has a backbone's weights."""

    HUGGING_FACE = "hugging-face"
    PACKAGES = "packages"

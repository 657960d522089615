"""What a backbone wants before a text: models such as E5 tell queries from passages by it.

sentence-transformers keeps it in a model's folder, as its `prompts`. This module holds no torch.
"""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from shared.errors import ArtifactError, InputError
from shared.failures import reason_of

PROMPTS_FILE = "config_sentence_transformers.json"

_MOST_CHARACTERS = 500
_OF_PASSAGES = ("passage", "document", "corpus")
_E5 = re.compile(r"(?:^|[/_-])e5(?:[_-]|$)", re.IGNORECASE)

Prefix = Annotated[str, Field(max_length=_MOST_CHARACTERS)]


class InputType(StrEnum):
    """What a text is for: to search with, or to be found."""

    QUERY = "query"
    PASSAGE = "passage"


class Prefixes(BaseModel, frozen=True, extra="forbid"):
    """What stands before each text that is embedded, by what the text is for; often nothing.

    Texts that are compared with each other, neither of which is searched with, are all queries or
    all passages.
    """

    query: Prefix = ""
    passage: Prefix = ""

    def __bool__(self) -> bool:
        return bool(self.query or self.passage)

    def of(self, input_type: InputType | None, task: str) -> str:
        """The prefix of texts of a type; `task` is for the message.

        Raises:
            InputError: the type is not given, and the two have different prefixes.
        """
        if input_type is None and self.query != self.passage:
            raise InputError(
                f"{task} reads queries after {self.query!r} and passages after {self.passage!r}: "
                "say which these are, input_type: query or passage",
                param="input_type",
            )
        return self.passage if input_type is InputType.PASSAGE else self.query


NO_PREFIXES = Prefixes()


def read_prefixes(folder: Path, name: str, stated: Prefixes | None = None) -> Prefixes:
    """The prefixes of the model in a folder: those `stated`, or else the model's prompts.

    Raises:
        ArtifactError: the model needs prefixes and has none, or has prompts for other purposes
            only; or its file of prompts is malformed.
    """
    if stated is not None:
        return stated
    prompts = _prompts(folder / PROMPTS_FILE)
    query = prompts.get("query", "")
    passage = next((prompts[each] for each in _OF_PASSAGES if each in prompts), "")
    if any(prompts.values()) and not query and not passage:
        raise ArtifactError(
            f"{folder / PROMPTS_FILE}: the prompts are {', '.join(prompts)}, and none is for query "
            f"or passage: {_REMEDY}"
        )
    if not any(prompts.values()) and _E5.search(name):
        raise ArtifactError(
            f"{name} is a model that needs a prefix before queries and passages, and "
            f"{folder / PROMPTS_FILE} has none: {_REMEDY} (E5's are 'query: ' and 'passage: ')"
        )
    return _checked(folder / PROMPTS_FILE, query, passage)


_REMEDY = "add them there as prompts, or set prefixes.query and prefixes.passage beside its source"


def _prompts(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_bytes())
        prompts = content.get("prompts") or {}
        if not all(isinstance(each, str) for each in prompts.values()):
            raise TypeError("a prompt is not a text")
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} is malformed: {reason_of(error)}") from None
    return dict(prompts)


def _checked(path: Path, query: str, passage: str) -> Prefixes:
    longest = max(len(query), len(passage))
    if longest > _MOST_CHARACTERS:
        raise ArtifactError(
            f"{path}: a prompt has {longest} characters; at most {_MOST_CHARACTERS} stand before "
            "a text: shorten it"
        )
    return Prefixes(query=query, passage=passage)

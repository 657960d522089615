"""What translates texts, and two that do: an endpoint in OpenAI's form, and models of a folder."""

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal, Protocol

import httpx
import torch
from pydantic import Field

from shared.config import Settings
from shared.errors import ArtifactError, ConfigError, DependencyError
from shared.failures import reason_of
from shared.models.source import BackboneConfig
from shared.training.remedies.augment.local_models import LanguageModel, read_model
from shared.validation.forms import TextForm

_SAID = "Translate the user's text from {source} to {target}. Answer with the translation alone."
_URL = TextForm(r"^https?://\S+$", "an address such as http://127.0.0.1:8080/v1")
_VARIABLE = TextForm(
    r"^[A-Za-z_][A-Za-z0-9_]*$", "the name of an environment variable, not the key"
)
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 30.0
_MOST_BYTES = 1_000_000
_BATCH = 16
_MOST_WRITTEN = 512


class Translator(Protocol):
    """What translates."""

    def translate(self, texts: Sequence[str], source: str, target: str) -> Sequence[str | None]:
        """The texts in another language, in order; None for one that it cannot translate whole.

        Raises:
            DependencyError: it does not answer.
        """


class Endpoint(Settings):
    """A server that answers `POST {url}/chat/completions` as OpenAI's does.

    `key_variable` names the environment variable that holds its key, which so stands in no file.
    A request waits for `timeout_s` at most and is sent `attempts` times; all of a run's
    translations take at most `within_s`. `connections` requests wait at once.
    """

    by: Literal["endpoint"]
    url: Annotated[str, Field(max_length=2000), _URL]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    key_variable: Annotated[str, _VARIABLE] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    within_s: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    connections: Annotated[int, Field(ge=1, le=64)] = 4

    def open(self, language: str, through: str) -> "EndpointTranslator":
        """The translator, of any languages.

        Raises:
            ConfigError: the variable with the key is not set.
        """
        key = os.environ.get(self.key_variable or "")
        if self.key_variable and not key:
            raise ConfigError(
                f"translator.key_variable: the environment has no {self.key_variable}: set it to "
                f"the key of {self.url}"
            )
        return EndpointTranslator(self, key)


class LocalModels(Settings):
    """Two sequence-to-sequence models, of folders or of Hugging Face: one there, one back.

    Models of many languages take the languages' codes, such as `eng_Latn`, as names of languages.
    """

    by: Literal["models"]
    there: BackboneConfig
    back: BackboneConfig

    def open(self, language: str, through: str) -> "ModelTranslator":
        """The translator between these languages.

        Raises:
            ArtifactError: see `read_model`.
        """
        there, back = (
            read_model(config, "AutoModelForSeq2SeqLM") for config in (self.there, self.back)
        )
        return ModelTranslator({(language, through): there, (through, language): back})


class EndpointTranslator:
    """Translates by an endpoint; after `first_wait_s` a request is sent again, then later."""

    def __init__(
        self, settings: Endpoint, key: str | None = None, first_wait_s: float = 0.5
    ) -> None:
        self._settings = settings
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._first_wait_s = first_wait_s
        self._until = time.monotonic() + settings.within_s

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | None]:
        """See `Translator`."""
        said = _SAID.format(source=source, target=target)
        settings, stopped = self._settings, threading.Event()
        with httpx.Client(headers=self._headers, timeout=settings.timeout_s) as client:
            pool = ThreadPoolExecutor(settings.connections)
            try:
                return list(pool.map(lambda text: self._ask(client, said, text, stopped), texts))
            finally:
                stopped.set()
                pool.shutdown(cancel_futures=True)

    def _ask(
        self, client: httpx.Client, said: str, text: str, stopped: threading.Event
    ) -> str | None:
        settings, reason = self._settings, ""
        wait_s = self._first_wait_s
        for attempt in range(1, settings.attempts + 1):
            if time.monotonic() > self._until:
                raise DependencyError(
                    f"{settings.url}: the translations took more than {settings.within_s:g} s: "
                    "raise translator.within_s, or lower rows.share"
                )
            try:
                return self._answer(client, said, text)
            except _RefusedError as error:
                reason = str(error)
                break
            except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
                reason = reason_of(error)
            left_s = max(0.0, self._until - time.monotonic())
            if attempt < settings.attempts and stopped.wait(min(wait_s, left_s)):
                break
            wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)
        raise DependencyError(
            f"{settings.url} does not translate, after {attempt} of {settings.attempts} "
            f"attempts: {reason}: check the address, the model and the key; nothing was changed"
        )

    def _answer(self, client: httpx.Client, said: str, text: str) -> str | None:
        settings = self._settings
        until = time.monotonic() + settings.timeout_s
        messages = [{"role": "system", "content": said}, {"role": "user", "content": text}]
        request = {"model": settings.model, "temperature": 0, "messages": messages}
        url = f"{settings.url.rstrip('/')}/chat/completions"
        with client.stream("POST", url, json=request) as response:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > until:
                    raise ValueError(f"no whole answer within {settings.timeout_s:g} s")
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"an answer of more than {_MOST_BYTES:,} bytes")
        if response.is_success:
            return _translated(bytes(body))
        told = f"status {response.status_code}: {bytes(body[:200]).decode(errors='replace')}"
        if response.status_code in _AGAIN:
            raise ValueError(told)
        raise _RefusedError(told)


class _RefusedError(Exception):
    """The same request would be refused again."""


def _translated(body: bytes) -> str | None:
    """The text of an answer; None where it was cut.

    Raises:
        ValueError, LookupError, TypeError: the answer is not in OpenAI's form.
    """
    choice = json.loads(body)["choices"][0]
    content = choice["message"]["content"]
    if not isinstance(content, str) or not content.strip():
        raise ValueError("the answer has no text")
    return None if choice.get("finish_reason") == "length" else content.strip()


class ModelTranslator:
    """Translates by models of this machine, each from one language into another."""

    def __init__(self, models: Mapping[tuple[str, str], LanguageModel]) -> None:
        self._models = models

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str | None]:
        """See `Translator`."""
        model = self._models[source, target]
        found: list[str | None] = [None] * len(texts)
        lengths = [len(each) for each in model.tokenizer(list(texts))["input_ids"]]
        most = model.most_tokens
        whole = sorted(
            (place for place, length in enumerate(lengths) if length <= most),
            key=lengths.__getitem__,
        )
        for batch in (whole[first : first + _BATCH] for first in range(0, len(whole), _BATCH)):
            answers = _generated(model, [texts[place] for place in batch], source, target)
            for place, answer in zip(batch, answers, strict=True):
                found[place] = answer
        return found


def _generated(
    model: LanguageModel, texts: list[str], source: str, target: str
) -> list[str | None]:
    """What the model writes, the likeliest word each time; None where it did not come to an end."""
    tokenizer = model.tokenizer
    more: dict[str, int] = {}
    if hasattr(tokenizer, "src_lang"):
        for language in (source, target):
            if language not in tokenizer.get_vocab():
                raise ArtifactError(
                    f"{model.name} does not know the language {language!r}: name languages by its "
                    f"codes, such as {tokenizer.src_lang!r}"
                )
        tokenizer.src_lang = source
        more["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(target)
    inputs = tokenizer(texts, padding=True, return_tensors="pt").to(model.device)
    inputs.pop("token_type_ids", None)
    room = min(_MOST_WRITTEN, 2 * inputs["input_ids"].shape[1] + 16)
    with torch.inference_mode():
        tokens = model.model.generate(
            **inputs, **more, max_new_tokens=room, num_beams=1, do_sample=False
        ).cpu()
    ends = (tokens == tokenizer.eos_token_id).any(dim=1).tolist()
    answers = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return [
        answer.strip() if ended and answer.strip() else None
        for answer, ended in zip(answers, ends, strict=True)
    ]

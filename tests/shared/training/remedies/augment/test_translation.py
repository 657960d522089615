"""Tests: translation: an endpoint in OpenAI's form, and local models."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from shared.errors import ArtifactError, ConfigError, DependencyError
from shared.models.source import BackboneConfig
from shared.training.remedies.augment.back_translation import BackTranslation
from shared.training.remedies.augment.translation import (
    Endpoint,
    EndpointTranslator,
    LocalModels,
)
from shared.training.tasks.classify.examples import Example

Answer = tuple[int, object]
Answers = Callable[[str, str, int], Answer]
"""The status and body for what was said, the text, and how often the text came before."""


def _completion(text: str, reason: str = "stop") -> Answer:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return 200, {"choices": [choice]}


@contextmanager
def _served(answers: Answers) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """An endpoint on 127.0.0.1: its URL, and the headers of what it received."""
    received: list[dict[str, object]] = []
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            said, text = (message["content"] for message in request["messages"])
            received.append({"path": self.path, **dict(self.headers.items()), **request})
            status, body = answers(said, text, seen.count(text))
            seen.append(text)
            encoded = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _translator(url: str, **values: object) -> EndpointTranslator:
    settings = Endpoint.model_validate({"by": "endpoint", "url": url, "model": "m"} | values)
    return EndpointTranslator(settings, "secret", first_wait_s=0.01)


def test_texts_are_translated_in_order_by_the_model_with_the_key() -> None:
    with _served(lambda said, text, _: _completion(f" {text.upper()}\n")) as (url, received):
        texts = [f"text {number}" for number in range(20)]
        found = _translator(url).translate(texts, "English", "German")
    assert found == [text.upper() for text in texts]
    assert {each["path"] for each in received} == {"/v1/chat/completions"}
    assert {each["authorization"] for each in received} == {"Bearer secret"}
    assert {(each["model"], each["temperature"]) for each in received} == {("m", 0)}


def test_the_languages_are_said() -> None:
    with _served(lambda said, text, _: _completion(said)) as (url, _):
        (found,) = _translator(url).translate(["one"], "English", "German")
    assert found is not None
    assert "from English to German" in found


def test_a_busy_endpoint_is_asked_again() -> None:
    def answers(said: str, text: str, before: int) -> Answer:
        return (503, {}) if before < 2 else _completion("eins")

    with _served(answers) as (url, received):
        assert _translator(url).translate(["one"], "English", "German") == ["eins"]
    assert len(received) == 3


@pytest.mark.parametrize(
    ("answer", "attempts", "said"),
    [
        ((503, {"error": "busy"}), 3, "after 3 of 3 attempts: status 503"),
        ((401, {"error": "no key"}), 1, 'after 1 of 3 attempts: status 401: {"error": "no key'),
        ((200, {"choices": []}), 3, "after 3 of 3 attempts"),
        (_completion(" "), 3, "the answer has no text"),
        ((200, "x" * 1_000_001), 3, "more than 1,000,000 bytes"),
    ],
)
def test_an_endpoint_that_does_not_translate_is_an_error(
    answer: Answer, attempts: int, said: str
) -> None:
    with _served(lambda *_: answer) as (url, received), pytest.raises(DependencyError) as error:
        _translator(url, attempts=3).translate(["one"], "English", "German")
    assert said in str(error.value)
    assert "nothing was changed" in str(error.value)
    assert len(received) == attempts


def test_an_endpoint_that_is_away_is_an_error() -> None:
    with pytest.raises(DependencyError, match="after 2 of 2 attempts"):
        _translator("http://127.0.0.1:9/v1", attempts=2).translate(["one"], "English", "German")


def test_all_translations_end_in_time() -> None:
    def slow(said: str, text: str, before: int) -> Answer:
        time.sleep(0.05)
        return _completion(text)

    with _served(slow) as (url, received):
        translator = _translator(url, within_s=0.3, connections=1)
        with pytest.raises(DependencyError, match=r"took more than 0\.3 s: raise"):
            translator.translate([str(number) for number in range(100)], "English", "German")
    assert len(received) < 10


def test_a_translation_that_was_cut_is_none() -> None:
    with _served(lambda *_: _completion("ei", "length")) as (url, _):
        assert _translator(url).translate(["one"], "English", "German") == [None]


def test_a_configuration_translates_back_and_forth(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(said: str, text: str, before: int) -> Answer:
        return _completion("karte weg" if "to German" in said else "the card is gone")

    with _served(answers) as (url, received):
        monkeypatch.setenv("TRANSLATOR_KEY", "k")
        endpoint = {"by": "endpoint", "url": url, "model": "m", "key_variable": "TRANSLATOR_KEY"}
        remedy = BackTranslation.model_validate(
            {"remedy": "back_translation", "translator": endpoint}
        )
        changed = remedy.change([Example("my card is lost", "a")], seed=0)
    assert changed.examples[1] == Example("the card is gone", "a")
    assert {each["authorization"] for each in received} == {"Bearer k"}


def test_a_key_that_is_not_set_is_named() -> None:
    endpoint = Endpoint(by="endpoint", url="http://a", model="m", key_variable="NOT_SET_KEY")
    with pytest.raises(ConfigError, match="the environment has no NOT_SET_KEY"):
        endpoint.open("English", "German")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url": "ftp://a"}, "expected an address such as http"),
        ({"key_variable": "sk-1"}, "the name of an environment variable, not the key"),
        ({"attempts": 0}, "greater than or equal to 1"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Endpoint.model_validate({"by": "endpoint", "url": "http://a", "model": "m"} | values)


ENGLISH, SPANISH = ["one", "two", "three", "red"], ["uno", "dos", "tres", "rojo"]
SPECIAL = ["<pad>", "</s>", "<unk>"]


def _model(folder: Path, source: list[str], target: list[str]) -> BackboneConfig:
    """A model that has learned to translate single words."""
    vocabulary = [*SPECIAL, *source, *target]
    ids = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=8,
    )
    torch.manual_seed(0)
    size = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    config = T5Config.from_dict(
        size
        | {"vocab_size": len(vocabulary), "decoder_start_token_id": 0, "dropout_rate": 0.0}
        | {"eos_token_id": 1, "pad_token_id": 0}
    )
    model = T5ForConditionalGeneration(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    inputs = torch.tensor([[ids[word], 1] for word in source])
    labels = torch.tensor([[ids[word], 1] for word in target])
    for _ in range(150):
        loss = model(input_ids=inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    fast.save_pretrained(str(folder))
    return BackboneConfig(source=str(folder))


@pytest.mark.usefixtures("one_thread")
def test_local_models_translate_there_and_back(tmp_path: Path) -> None:
    # Back it gives other words, so that what comes back can be told from what was sent.
    renamed = ["single", "double", "triple", "crimson"]
    there = _model(tmp_path / "there", ENGLISH, SPANISH)
    back = _model(tmp_path / "back", SPANISH, renamed)
    translator = LocalModels(by="models", there=there, back=back).open("English", "Spanish")
    assert translator.translate(ENGLISH, "English", "Spanish") == SPANISH
    assert translator.translate(["red"], "English", "Spanish") == ["rojo"]
    assert translator.translate([" ".join(ENGLISH * 2)], "English", "Spanish") == [None]

    remedy = BackTranslation.model_validate(
        {
            "remedy": "back_translation",
            "translator": {"by": "models", "there": there, "back": back},
            "through": "Spanish",
        }
    )
    changed = remedy.change([Example("red", "a"), Example("one", "b")], seed=0)
    assert list(changed.examples[2:]) == [Example("crimson", "a"), Example("single", "b")]


def test_a_model_of_another_kind_is_refused() -> None:
    embedded = BackboneConfig()
    models = LocalModels(by="models", there=embedded, back=embedded)
    with pytest.raises(ArtifactError, match="cannot be read as AutoModelForSeq2SeqLM"):
        models.open("English", "German")

"""Prefixes: read from a model's own prompts, and put before texts by the trunk alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from shared.errors import ArtifactError, InputError
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.backbones.prefixes import PROMPTS_FILE, InputType, Prefixes, read_prefixes
from shared.models.builtin import ensure_embed
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.source import locate
from shared.models.tasks import EmbedOutput, Float32s, Input, TaskCall
from shared.training.evaluation.answering import answer
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import load_from

PROMPTS = {"query": "query: ", "passage": "passage: "}
TEXTS = ["where is my card", "", "a card is sent by post within a week " * 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("prompts"), "bert", prompts=PROMPTS)


@pytest.fixture(scope="module")
def runners(folder: Path) -> Runners:
    return Runners(load_from(folder))


@pytest.fixture(scope="module")
def bundle(folder: Path, runners: Runners, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("registry")
    made = ensure_embed(open_registry(root, shipped=None), load_from(folder))
    runners.load(made)
    return made


def vectors(
    runners: Runners, bundle: Bundle, inputs: list[Input], input_type: InputType | None
) -> Float32s:
    call = TaskCall(bundle.id, inputs, input_type=input_type)
    tokenized = runners.tokenize(bundle.id, call)
    output = runners.assemble(tokenized, runners.run(tokenized.rows))
    assert isinstance(output, EmbedOutput)
    return output.vectors


@pytest.mark.parametrize("input_type", InputType)
def test_vectors_equal_those_of_sentence_transformers_with_its_prompt(
    folder: Path, runners: Runners, bundle: Bundle, input_type: InputType
) -> None:
    reference = SentenceTransformer(str(folder), device="cpu")
    expected = reference.encode(TEXTS, prompt_name=input_type.value)
    found = vectors(runners, bundle, [*TEXTS], input_type)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert abs(found - reference.encode(TEXTS)).max() > 1e-3


def test_a_bundle_says_them_and_a_call_must_say_what_its_texts_are(
    runners: Runners, bundle: Bundle
) -> None:
    assert bundle.manifest.prefixes == Prefixes(query="query: ", passage="passage: ")
    with pytest.raises(InputError, match=r"'query: ' and .* 'passage: ': .*input_type") as caught:
        runners.tokenize(bundle.id, TaskCall(bundle.id, TEXTS))
    assert caught.value.param == "input_type"


def test_of_a_pair_the_prefix_stands_before_the_first(
    folder: Path, runners: Runners, bundle: Bundle
) -> None:
    call = TaskCall(bundle.id, [("a", "b")], input_type=InputType.QUERY)
    (row,) = runners.tokenize(bundle.id, call).rows
    assert row.input_ids.tolist() == load_from(folder).tokenizer.encode("query: a", "b").ids


def test_the_documents_of_an_evaluation_are_passages(runners: Runners, bundle: Bundle) -> None:
    output = answer(runners, bundle, TEXTS, queries=1).output
    assert isinstance(output, EmbedOutput)
    expected = np.concatenate(
        [
            vectors(runners, bundle, [*TEXTS[:1]], InputType.QUERY),
            vectors(runners, bundle, [*TEXTS[1:]], InputType.PASSAGE),
        ]
    )
    np.testing.assert_allclose(output.vectors, expected, atol=1e-5)


def test_without_prefixes_the_type_of_a_text_changes_nothing(tmp_path: Path) -> None:
    backbone = load_from(write_encoder(tmp_path, "bert"))
    plain = Runners(backbone)
    bundle = ensure_embed(open_registry(tmp_path / "models", shipped=None), backbone)
    plain.load(bundle)
    assert "prefixes" not in json.loads((bundle.folder / "manifest.json").read_bytes())
    found = [vectors(plain, bundle, [*TEXTS], each) for each in (None, *InputType)]
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, Prefixes()),
        ({}, Prefixes()),
        ({"prompts": None}, Prefixes()),
        ({"prompts": {"query": "", "document": ""}}, Prefixes()),
        ({"prompts": PROMPTS}, Prefixes(query="query: ", passage="passage: ")),
        ({"prompts": {"query": "q ", "document": "d "}}, Prefixes(query="q ", passage="d ")),
        ({"prompts": {"query": "instruction "}}, Prefixes(query="instruction ")),
    ],
)
def test_a_models_own_prompts_are_its_prefixes(
    tmp_path: Path, content: object, expected: Prefixes
) -> None:
    if content is not None:
        (tmp_path / PROMPTS_FILE).write_text(json.dumps(content))
    assert read_prefixes(tmp_path, "a-model") == expected
    stated = Prefixes(query="mine ")
    assert read_prefixes(tmp_path, "a-model", stated) == stated


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("intfloat/multilingual-e5-small@abc", "{}", "needs a prefix .*prefixes.query"),
        ("e5", '{"prompts": {"query": ""}}', "needs a prefix .*has none"),
        ("m", '{"prompts": {"s2p": "x"}}', "the prompts are s2p, and none is for query or"),
        ("m", '{"prompts": {"query": 1}}', "malformed: a prompt is not a text"),
        ("m", '{"prompts": ["query"]}', "malformed"),
        ("m", "[]", "malformed"),
        ("m", "{", "malformed"),
        ("m", json.dumps({"prompts": {"query": "x" * 501}}), "501 characters; at most 500"),
    ],
)
def test_what_a_model_lacks_is_told(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / PROMPTS_FILE).write_text(content)
    with pytest.raises(ArtifactError, match=reason):
        read_prefixes(tmp_path, name)


def test_prefixes_beside_a_source_are_taken_instead_of_the_models_own(folder: Path) -> None:
    stated = {"source": str(folder), "device": "cpu", "prefixes": {"query": "find: "}}
    config = BackboneConfig.model_validate(stated)
    assert locate(config).prefixes == Prefixes(query="find: ")
    assert Backbone.load(config).prefixes == Prefixes(query="find: ")

"""A champion changes its method under load: every call is answered, by one bundle or the other."""

import asyncio
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from peft import PeftModel

from shared.artifacts.aliases import CHAMPION
from shared.models.bundle import Bundle
from shared.models.registry import Registry, open_registry
from shared.models.runners import Runners
from shared.models.tasks import ClassifyOutput, Float32s, Priority, TaskCall
from shared.serving.encoder import Encoder, EncoderSettings
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import (
    full_bundle,
    load_from,
    made_bundle,
    peft_model,
    prompt_model,
)
from tests.harness.waiting import until

TASK = "intent"
LABELS = ("no", "yes")
CLIENTS = 6
TOLERANCE = 1e-4
TEXTS = ["Profit rises", "Shares of the bank fall sharply after its results, analysts say", "Gold"]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The trunk's backbone, and what it was tuned to in full."""
    root = tmp_path_factory.mktemp("encoders")
    return write_encoder(root / "first", "bert"), write_encoder(root / "tuned", "bert", seed=4)


@pytest.fixture
def bundles(tmp_path: Path, encoders: tuple[Path, Path]) -> dict[str, Bundle]:
    """One bundle of the task for each method, below the registry's root."""
    root, first = tmp_path / "models", load_from(encoders[0])
    lora = peft_model(load_from(encoders[0]).encoder, 1, 4)
    prompt = prompt_model(load_from(encoders[0]).encoder, 2, 5)
    # What random encoders of this size compute hardly depends on a small change.
    for name, parameter in [*lora.named_parameters(), *prompt.named_parameters()]:
        if "lora_B" in name or "prompt_encoder" in name:
            parameter.data *= 20

    def made(peft: PeftModel | None = None) -> Bundle:
        # A high temperature keeps the probabilities of a random head away from 0 and 1.
        return made_bundle(
            root, TASK, labels=LABELS, peft=peft, temperature=8.0, max_length=64, on=first
        )

    own = load_from(encoders[1])
    return {
        "head": made(),
        "lora": made(lora),
        "prompt": made(prompt),
        "full": full_bundle(root, TASK, own, labels=LABELS, began_with=first),
    }


@pytest.fixture
def registry(tmp_path: Path, bundles: dict[str, Bundle]) -> Registry:
    registry = open_registry(tmp_path / "models", shipped=None)
    registry.set_alias(TASK, CHAMPION, bundles["lora"].id)
    return registry


@pytest.fixture
def expected(bundles: dict[str, Bundle], encoders: tuple[Path, Path]) -> dict[str, Float32s]:
    """What each bundle says of the texts, alone."""
    runners = Runners(load_from(encoders[0]))
    found = {}
    for bundle in bundles.values():
        runners.load(bundle)
        tokenized = runners.tokenize(bundle.id, TaskCall(TASK, TEXTS))
        output = runners.assemble(tokenized, runners.run(tokenized.rows))
        assert isinstance(output, ClassifyOutput)
        found[bundle.id] = output.probabilities
    for one, other in combinations(found.values(), 2):
        assert np.abs(one - other).max() > 10 * TOLERANCE
    return found


@pytest.fixture
def encoder(registry: Registry, encoders: tuple[Path, Path]) -> Iterator[Encoder]:
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    settings = EncoderSettings(alias_poll_s=0.02, max_backbones=1)
    encoder = Encoder(Runners(load_from(encoders[0])), registry, settings, threads=2)
    yield encoder
    encoder.close()
    sys.setswitchinterval(interval_s)


async def test_a_champion_changes_its_method_under_load(
    encoder: Encoder,
    registry: Registry,
    bundles: dict[str, Bundle],
    expected: dict[str, Float32s],
) -> None:
    answered: dict[str, int] = dict.fromkeys(expected, 0)
    stop = asyncio.Event()

    async def call(task: str, index: int, priority: Priority) -> str:
        (output,) = await encoder.encode(
            [TaskCall(task, [TEXTS[index]])], app="test", priority=priority
        )
        assert isinstance(output, ClassifyOutput)
        own = expected[output.bundle][index]
        np.testing.assert_allclose(output.probabilities[0], own, atol=TOLERANCE)
        return output.bundle

    async def client(number: int) -> None:
        """Calls the champion, and by its id a bundle that is none, over and over."""
        while not stop.is_set():
            index, priority = number % len(TEXTS), list(Priority)[number % len(Priority)]
            answered[await call(TASK, index, priority)] += 1
            assert await call(bundles["head"].id, index, priority) == bundles["head"].id

    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(client(number))
        before = bundles["lora"].id
        for method in ("prompt", "full", "lora", "rollback", "prompt"):
            if method == "rollback":
                named = registry.aliases()[TASK][CHAMPION].previous
                assert named == bundles["full"].id
            else:
                named = bundles[method].id
            registry.set_alias(TASK, CHAMPION, named)
            await until(lambda named=named: encoder.champions[TASK].id == named)
            seen, late = answered[named], answered[before]
            await until(lambda named=named, seen=seen: answered[named] >= seen + 30)
            # Those that had begun with the old one, one for each client.
            assert answered[before] - late <= CLIENTS
            assert not encoder.faults
            before = named
        stop.set()
    assert all(answered[bundles[method].id] for method in ("lora", "prompt", "full"))


async def test_rows_of_all_methods_wait_in_one_room(
    encoder: Encoder, bundles: dict[str, Bundle], expected: dict[str, Float32s]
) -> None:
    """More than a batch of each, of all priorities at once; each text has its own answer."""

    async def call(name: str, priority: Priority) -> None:
        (output,) = await encoder.encode(
            [TaskCall(name, TEXTS * 50)], app="test", priority=priority
        )
        assert isinstance(output, ClassifyOutput)
        own = np.tile(expected[name], (50, 1))
        np.testing.assert_allclose(output.probabilities, own, atol=TOLERANCE)

    await asyncio.gather(*(call(b.id, p) for b in bundles.values() for p in Priority))
    assert all(encoder.waiting_rows(priority) == 0 for priority in Priority)

from dataclasses import replace
from pathlib import Path

import pytest

from shared.metrics.bootstrap import Interval
from shared.models.tasks import TaskKind
from shared.training.data.settings import DataSettings
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.loop.checkpoint import EpochScore, TrainingState
from shared.training.loop.run_folder import RunSpec
from shared.training.publish.card import Card, Finished, render
from shared.training.settings import FinetuneSettings, OptimisationSettings
from shared.training.tasks.kind import Measurement
from shared.training.tasks.kinds import KINDS
from shared.training.tasks.trained import Measured


def _finished(seed: int, *accuracies: float) -> Finished:
    data = DataSettings.model_validate(
        {
            "train": "x/a.jsonl",
            "dev": [{"path": "b.jsonl", "format": "sentfin-single"}],
            "measured": {"other": "c.jsonl"},
            "licence": "CC BY 4.0",
            "attribution": "A. Author",
        }
    )
    spec = RunSpec(
        settings=FinetuneSettings(
            task="intent", data=data, optimisation=OptimisationSettings(seeds=(seed,))
        ),
        labels=("no", "yes"),
        max_length=64,
        pad_id=0,
        backbone_sha256="0" * 64,
        data_fingerprint="f" * 64,
    )
    history = tuple(
        EpochScore(epoch=i, train_loss=1, metrics={"accuracy": a}, tokens_per_s=1_000, seconds=60)
        for i, a in enumerate(accuracies)
    )
    best = max(range(len(accuracies)), key=accuracies.__getitem__)
    return Finished(spec, TrainingState(history=history, best_epoch=best))


def _card(*runs: Finished) -> Card:
    dev = Measurement(
        {"accuracy": Interval(0.9, 0.85, 0.95, 100), "ece_after": Interval(0.02, 0.01, 0.03, 100)},
        temperature=0.8,
    )
    return Card(
        chosen=max(runs, key=lambda run: run.score),
        runs=runs,
        backbone_name="tiny",
        train_rows=1_000,
        measured=Measured(
            dev,
            {
                "dev": dev,
                "other": Measurement(
                    {
                        "accuracy": Interval(0.7, 0.6, 0.8, 50),
                        "ece": Interval(0.1, 0.05, 0.2, 50),
                    },
                    temperature=1.5,
                ),
            },
        ),
        command=f"python -m pipelines.finetune --config {Path('x.yaml')}",
    )


def test_tells_data_figures_and_command() -> None:
    text = render(_card(_finished(3, 0.8, 0.9, 0.85)))
    for part in (
        "# intent\n",
        "1,000 examples",
        "licence: CC BY 4.0",
        "attribution: A. Author",
        "f" * 64,
        "- train: a.jsonl (texts or pairs, and their classes)",
        "- dev: b.jsonl (headlines with one entity, and its label)",
        "- also measured: `other`: c.jsonl",
        "| dev | accuracy | 0.9000 | 0.8500 to 0.9500 | 100 |",
        "| other | accuracy | 0.7000 | 0.6000 to 0.8000 | 50 |",
        "the best is epoch 2",
        "180 s, 1,000 tokens/s",
        "python -m pipelines.finetune --config x.yaml",
        "`no`, `yes`",
        "One seed was trained: 3.",
    ):
        assert part in text


def test_several_seeds_have_mean_and_spread() -> None:
    text = render(_card(_finished(0, 0.88), _finished(1, 0.92), _finished(2, 0.90)))
    assert "0: 0.8800, 1: 0.9200, 2: 0.9000" in text
    assert "mean 0.9000, standard deviation 0.0200" in text
    assert "holds seed 1, the best" in text


def test_the_calibration_of_other_sets_is_no_figure() -> None:
    assert set(_card(_finished(0, 0.9)).measured.metrics()) == {
        "accuracy",
        "ece_after",
        "other.accuracy",
    }


def test_a_tagger_has_types_of_entities() -> None:
    run = _finished(0, 0.9)
    settings = FinetuneSettings.model_validate(
        {
            "task": "names",
            "kind": "tag",
            "data": {
                "train": {"path": "a", "format": "sentfin-names"},
                "dev": {"path": "b", "format": "sentfin-names"},
            },
        }
    )
    spec = run.spec.model_copy(update={"settings": settings, "labels": ("entity",)})
    state = run.state.model_copy(
        update={"history": (run.state.history[0].model_copy(update={"metrics": {"span_f1": 0.8}}),)}
    )
    text = render(_card(Finished(spec, state)))
    assert "mark the entities of a text, of 1 type(s)" in text
    assert "## Types of entities\n\n`entity`" in text


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"method": "full"},
            ["Its own backbone and a linear head, trained from tiny to put a text into one"],
        ),
        ({"method": "head"}, ["A linear head on tiny", "learning rates 0.005 (head),"]),
        ({"method": "prompt"}, ["16 virtual tokens and a linear head on tiny", "Prompt tuning"]),
        ({"multi_label": True}, ["say which of 2 classes a text has, none or several"]),
        (
            {"kind": "span"},
            ["find the answer to a question", 'and the bias of "no answer" (-1.500) fitted'],
        ),
        ({"kind": "score"}, ["score how well a document answers a query"]),
        (
            {"kind": "embed", "lora": {"strength": 0.3}},
            [
                "on every linear layer; 30% of the change is kept",
                "A LoRA adapter on tiny to embed texts",
                "The epoch was chosen on dev, while all of the change was there. So dev's",
                "learning rates 0.001 (encoder),",
            ],
        ),
    ],
)
def test_every_method_and_kind_has_a_card(changes: dict[str, object], parts: list[str]) -> None:
    run = _finished(0, 0.9)
    settings = FinetuneSettings.model_validate(
        {"task": "t", "data": {"train": "a", "dev": "b"}} | changes
    )
    labels = ("no", "yes") if settings.kind is TaskKind.CLASSIFY else ()
    spec = run.spec.model_copy(update={"settings": settings, "labels": labels})
    measured = Measured(Measurement({}, temperature=1.0, no_answer_bias=-1.5))
    card = Card(Finished(spec, run.state), (run,), "tiny", 10, measured, "command")
    text = render(card)
    for part in parts:
        assert part in text
    assert ("## Classes" in text) == (settings.kind is TaskKind.CLASSIFY)


def test_figures_on_the_set_that_chose_say_so() -> None:
    text = render(_card(_finished(0, 0.88), _finished(1, 0.92)))
    assert "Epoch and seed were chosen on dev, and the temperature (0.800) fitted on it." in text
    assert "measured on the same set that they were chosen on" in text


def test_four_parts_say_what_each_decided() -> None:
    run = _finished(0, 0.9)
    data = DataSettings.model_validate(
        {
            "train": "x/a.jsonl",
            "split": {"by": "text_hash", "choice": 0.1, "calibration": 0.05},
            "gate": "x/b.jsonl",
        }
    )
    settings = run.spec.settings.model_copy(update={"data": data})
    spec = run.spec.model_copy(update={"settings": settings})
    of_choice = Measurement({"accuracy": Interval(0.9, 0.85, 0.95, 100)}, temperature=1.3)
    of_gate = Measurement(
        {"accuracy": Interval(0.8, 0.7, 0.9, 70), "ece": Interval(0.1, 0.05, 0.2, 70)}, 1.3
    )
    card = Card(
        Finished(spec, run.state),
        (run,),
        "tiny",
        1_000,
        Measured(of_choice, {"choice": of_choice, "gate": of_gate}),
        "command",
        chosen_on="choice",
        calibrated_on="calibration",
        calibration_rows=60,
        notes=("gate has 70 rows: few to judge by",),
    )
    assert set(card.measured.metrics()) == {"choice.accuracy", "gate.accuracy", "gate.ece"}
    text = render(card)
    for part in (
        "- choice: a part of train, split by: text_hash, calibration: 0.05, choice: 0.1",
        "- gate: b.jsonl (texts or pairs, and their classes)",
        "- gate has 70 rows: few to judge by",
        "The epoch was chosen on choice, and the temperature (1.300) fitted on calibration "
        "(60 examples). gate decided nothing",
        "| choice | accuracy | 0.9000 |",
        "| gate | expected calibration error | 0.1000 |",
    ):
        assert part in text
    assert "dev" not in text.replace("standard deviation", "")
    nothing = Measured(Measurement({}, temperature=1.0))
    alone = replace(card, chosen_on="train", calibrated_on="nothing", measured=nothing)
    assert alone.measured.metrics() == {}
    assert "chosen on train; confidence is not calibrated (temperature 1)." in render(alone)


def test_every_metric_that_chooses_an_epoch_has_a_name() -> None:
    assert {name for kind in KINDS for name in kind.metrics} <= METRIC_NAMES.keys()

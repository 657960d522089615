from pathlib import Path

from shared.metrics.bootstrap import Interval
from shared.training.card import Card, Finished, render
from shared.training.checkpoint import EpochScore, TrainingState
from shared.training.evaluation import Evaluation
from shared.training.run_folder import RunSpec
from shared.training.settings import DataSettings, FinetuneSettings, OptimisationSettings


def _finished(seed: int, *accuracies: float) -> Finished:
    data = DataSettings(train=("a",), dev=("b",), licence="CC BY 4.0", attribution="A. Author")
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
        EpochScore(epoch=i, train_loss=1, accuracy=a, macro_f1=a, tokens_per_s=1_000, seconds=60)
        for i, a in enumerate(accuracies)
    )
    best = max(range(len(accuracies)), key=accuracies.__getitem__)
    return Finished(spec, TrainingState(history=history, best_epoch=best))


def _card(*runs: Finished) -> Card:
    return Card(
        chosen=max(runs, key=lambda run: run.score),
        runs=runs,
        backbone_name="tiny",
        train_rows=1_000,
        dev_rows=100,
        evaluation=Evaluation({"accuracy": Interval(0.9, 0.85, 0.95, 100)}, temperature=0.8),
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
        "| accuracy | 0.9000 | 0.8500 to 0.9500 |",
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

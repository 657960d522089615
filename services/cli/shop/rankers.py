"""`banyan recommend train | promote | rollback | evaluate`: rankers, beside a running platform."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.options import DeploymentFile, StateDir, application_settings, given
from shared.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from pipelines.ranking.train_settings import TrainSettings
    from services.recommendation.config import RecommendationSettings
    from shared.artifacts.promotion import GateResult

_EXIT_NOT_SERVED = 1

ModelName = Annotated[str, typer.Option(help="The model's name.")]


def train(
    model: Annotated[str, typer.Option(help="The model's name; `default` ranks by default.")] = (
        "default"
    ),
    tenant: Annotated[str, typer.Option(help="Whose events are learned from.")] = "default",
    file: DeploymentFile = None,
    state_dir: StateDir = None,
    out: Annotated[
        Path | None, typer.Option(help="Where it is written; by default, where the service reads.")
    ] = None,
) -> None:
    """Train a ranker from the stored events; it serves if it is no worse than what serves now."""
    raise typer.Exit(train_ranker(_recommendation(file, state_dir), model, tenant, out))


def promote(
    bundle: Annotated[
        str | None, typer.Argument(help="MODEL@ID; by default, the model's candidate.")
    ] = None,
    model: ModelName = "default",
    tenant: Annotated[str, typer.Option(help="Whose events it is judged by.")] = "default",
    file: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Judge a trained ranker by the events stored now; it serves if its gates hold."""
    raise typer.Exit(promote_again(_recommendation(file, state_dir), model, tenant, bundle))


def rollback(
    model: ModelName = "default", file: DeploymentFile = None, state_dir: StateDir = None
) -> None:
    """Let the ranker serve again that served before, or the blend if it was the first one."""
    raise typer.Exit(roll_back(_recommendation(file, state_dir), model))


def evaluate(
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="A data set; may be repeated. Else, all.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets lie [BANYAN_DATA_DIR].")
    ] = None,
    ranker: Annotated[
        Path | None, typer.Option(help="A trained ranker.txt to measure as well.")
    ] = None,
    factorised: Annotated[
        bool, typer.Option(help="Measure ALS and BPR, too: needs the extra `benchmark`.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="A folder for ranking.json and ranking.html.")
    ] = None,
) -> None:
    """Measure the ranking on the whole catalogues of real data, beside the baselines."""
    from pipelines.ranking.benchmark import main

    chosen = given(sets=sets, data_dir=data_dir, ranker=ranker, out=out, factorised=factorised)
    raise typer.Exit(main.start(overrides=chosen))


def train_ranker(
    settings: "RecommendationSettings",
    model: str,
    tenant: str,
    out: Path | None,
    how: "TrainSettings | None" = None,
) -> int:
    """Trains on a tenant's events; the candidate below `out`, by default where the service reads.

    It serves if its gates hold; returns 1 if one does not.

    Raises:
        InputError: there are no events, no vectors, too little behaviour, or the name is none.
        DependencyError: the database does not answer.
    """
    from pipelines.ranking import promotion
    from pipelines.ranking.train import fit
    from pipelines.ranking.train_settings import TrainSettings
    from services.cli.shop.training_events import read_events
    from shared.ranking.rankers.bundle import check_model_name
    from shared.ranking.rankers.registry import open_rankers

    check_model_name(model)
    how, console = how or TrainSettings(), _console()
    stored = read_events(settings, tenant, console)
    queries = stored.queries(settings, how, console)
    with console.status(f"training on {len(queries.early)} queries"):
        trained = fit(queries, how)
    registry = open_rankers(out or settings.rankers_dir)
    command = _command("train", "--model", model, "--tenant", tenant)
    data = promotion.fingerprint(stored.events, stored.items, stored.vectors)
    bundle = promotion.register(
        registry, model, trained, queries.last, how, data_fingerprint=data, command=command
    )
    console.print(f"{bundle.id} is the candidate: {bundle.folder}", markup=False)
    gates = promotion.promote(registry, bundle.id, queries.last, how.margin, command=command)
    return _say(console, bundle.id, gates)


def promote_again(
    settings: "RecommendationSettings", model: str, tenant: str, bundle_id: str | None
) -> int:
    """Judges a bundle, by default the candidate, by the events that are stored now.

    It serves if its gates hold; returns 1 if one does not.

    Raises:
        NotFoundError: the bundle does not exist, or no candidate.
        InputError: there are no events, no vectors, or too little behaviour.
        ArtifactError: the bundle is corrupt, or was trained on other features.
        DependencyError: the database does not answer.
    """
    from pipelines.ranking import promotion
    from pipelines.ranking.train_settings import TrainSettings
    from services.cli.shop.training_events import read_events
    from shared.artifacts.aliases import CANDIDATE
    from shared.ranking.rankers.bundle import check_model_name
    from shared.ranking.rankers.registry import open_rankers

    registry = open_rankers(settings.rankers_dir)
    bundle_id = bundle_id or registry.named(check_model_name(model), CANDIDATE)
    if bundle_id is None:
        raise NotFoundError(f"{model} has no candidate: `banyan recommend train` makes one")
    registry.bundle(bundle_id)
    how, console = TrainSettings(), _console()
    queries = read_events(settings, tenant, console).queries(settings, how, console)
    command = _command("promote", bundle_id, "--model", model, "--tenant", tenant)
    gates = promotion.promote(registry, bundle_id, queries.last, how.margin, command=command)
    return _say(console, bundle_id, gates)


def roll_back(settings: "RecommendationSettings", model: str) -> int:
    """Lets the ranker serve again that served before.

    Raises:
        NotFoundError: none served before.
        ConflictError: another promotion or rollback is under way.
        ArtifactError: it is corrupt, or was trained on other features.
    """
    from shared.artifacts import promotion
    from shared.ranking.rankers.bundle import check_model_name
    from shared.ranking.rankers.registry import open_rankers

    rankers, name = open_rankers(settings.rankers_dir), check_model_name(model)
    command = _command("rollback", "--model", model)
    _, now = promotion.roll_back(rankers, name, command=command, at_s=time.time())
    _console().print(f"{now} serves from the next request on", markup=False)
    return 0


def _recommendation(file: Path | None, state_dir: Path | None) -> "RecommendationSettings":
    """The settings of the deployed recommendation application."""
    from services.recommendation.config import RecommendationSettings

    found = application_settings(RecommendationSettings, file, state_dir)
    if found is None:
        raise ConfigError(
            "the application recommendation is not deployed: see infra/serve/local.yaml"
        )
    return found


def _command(*words: str) -> str:
    return shlex.join(["banyan", "recommend", *words])


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _say(console: Console, bundle_id: str, gates: "Sequence[GateResult]") -> int:
    for gate in gates:
        verdict, style = ("holds", None) if gate.holds else ("does not hold", "red")
        said = f"{gate.gate}: {gate.found}, {gate.limit} asked for: {verdict}"
        console.print(said, style=style, markup=False)
    if all(gate.holds for gate in gates):
        console.print(f"{bundle_id} serves from the next request on", markup=False)
        return 0
    console.print(f"{bundle_id} does not serve; nothing has changed", style="red", markup=False)
    return _EXIT_NOT_SERVED

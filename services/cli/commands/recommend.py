"""`banyan recommend`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.commands.options import ApiKey, DeploymentFile, StateDir, Url, resolved, url_of

app = typer.Typer(no_args_is_help=True, help="Recommendation: load, train, evaluate.")


@app.command("load")
def recommend_load(
    items: Annotated[
        Path | None,
        typer.Option(help="item_id, and title, description, category, price, available, ..."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="user_id, item_id, timestamp, type; and rating, session, ranking, ..."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows go that are refused; by default, beside them.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Load items and behaviour: CSV, JSON Lines (also gz) or Parquet, a row each.

    Times are ISO 8601 (UTC, if they name no zone), Unix seconds or Unix milliseconds; an item
    without one is of the file's time. An empty cell says nothing: the item keeps what was told
    before. A row with `event` and `id` is an event in the shape of POST /recommend/feedback.
    Loading a file again changes nothing, so a load that was cut is begun again. Ends with code 1 if
    a row is refused.
    """
    from services.cli.client import Platform
    from services.cli.recommend import load

    with Platform(url_of(url), key) as platform:
        raise typer.Exit(load(platform, items, events, rejects))


@app.command("train")
def recommend_train(
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
    from services.cli.train_ranker import train as run

    raise typer.Exit(run(_recommendation(file, state_dir), model, tenant, out))


@app.command("promote")
def recommend_promote(
    bundle: Annotated[
        str | None, typer.Argument(help="MODEL@ID; by default, the model's candidate.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model's name.")] = "default",
    tenant: Annotated[str, typer.Option(help="Whose events it is judged by.")] = "default",
    file: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Judge a trained ranker by the events stored now; it serves if its gates hold."""
    from services.cli.train_ranker import promote_again

    raise typer.Exit(promote_again(_recommendation(file, state_dir), model, tenant, bundle))


@app.command("rollback")
def recommend_rollback(
    model: Annotated[str, typer.Option(help="The model's name.")] = "default",
    file: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Let the ranker serve again that served before, or the blend if it was the first one."""
    from services.cli.train_ranker import roll_back

    raise typer.Exit(roll_back(_recommendation(file, state_dir), model))


@app.command("evaluate")
def recommend_evaluate(
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

    chosen = {"sets": sets, "data_dir": data_dir, "ranker": ranker, "out": out}
    given = {name: value for name, value in chosen.items() if value is not None}
    raise typer.Exit(main.start(overrides={**given, "factorised": factorised}))


def _recommendation(file: Path | None, state_dir: Path | None) -> Any:
    """The settings of the deployed recommendation application."""
    from services.cli.settings_table import resolve_application
    from services.recommendation.config import RecommendationSettings
    from shared.errors import ConfigError

    deployment, platform = resolved(file, {"state_dir": state_dir})
    for entry in deployment.applications:
        settings = resolve_application(entry, platform).settings
        if isinstance(settings, RecommendationSettings):
            return settings
    raise ConfigError("the application recommendation is not deployed: see infra/serve/local.yaml")

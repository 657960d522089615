"""The `banyan` command: its options and help; the work is in the module of each command.

Modules are imported where a command runs, so that `banyan --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from shared.errors import PlatformError

_EXIT_FAILED = 1


class OneLineErrors(TyperGroup):
    """Ends a command that fails for a known reason with that reason, not with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except PlatformError as error:
            typer.secho(f"banyan: {error}", fg="red", err=True)
            raise typer.Exit(_EXIT_FAILED) from None


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Banyan: one set of language models for many applications, on this machine.",
)
keys_app = typer.Typer(no_args_is_help=True, help="API keys: each selects a tenant and a role.")
kb_app = typer.Typer(no_args_is_help=True, help="Knowledge bases of the support application.")
sentiment_app = typer.Typer(no_args_is_help=True, help="News: trends, alerts, replays.")
app.add_typer(keys_app, name="keys")
app.add_typer(kb_app, name="kb")
recommend_app = typer.Typer(no_args_is_help=True, help="Recommendation: load, train, evaluate.")
app.add_typer(sentiment_app, name="sentiment")
app.add_typer(recommend_app, name="recommend")

DeploymentFile = Annotated[
    Path | None, typer.Option("--file", "-f", help="What is deployed; see infra/serve/local.yaml.")
]
StateDir = Annotated[
    Path | None, typer.Option(help="Where the platform keeps its state [BANYAN_STATE_DIR, var].")
]
Url = Annotated[
    str | None,
    typer.Option(help="Where the platform answers; by default, the one on this machine."),
]
ApiKey = Annotated[
    str | None, typer.Option("--key", envvar="BANYAN_API_KEY", help="The key to send.")
]
KnowledgeBase = Annotated[str, typer.Option("--kb", help="The knowledge base.")]


@app.command()
def up(
    file: DeploymentFile = None,
    host: Annotated[str | None, typer.Option(help="Another than loopback needs keys.")] = None,
    port: Annotated[int | None, typer.Option(help="[BANYAN_HTTP_PORT, 8000]")] = None,
    state_dir: StateDir = None,
    proxy: Annotated[
        str | None, typer.Option(help="auto, haproxy or serve [BANYAN_HTTP_PROXY, auto].")
    ] = None,
    cpus: Annotated[int | None, typer.Option(help="Cores for Ray; by default, all.")] = None,
    log_level: Annotated[str | None, typer.Option(help="[BANYAN_LOG_LEVEL, INFO]")] = None,
    sample: Annotated[
        bool, typer.Option(help="Load the sample help centre, news and shop where there is none.")
    ] = True,
) -> None:
    """Start the platform and stay until Ctrl-C or `banyan down`."""
    from services.cli.up import up as run

    overrides = {
        "http_host": host,
        "http_port": port,
        "state_dir": state_dir,
        "http_proxy": proxy,
        "num_cpus": cpus,
        "log_level": log_level,
    }
    deployment, settings = _platform(file, overrides)
    raise typer.Exit(run(settings, deployment, with_sample=sample))


@app.command()
def down(state_dir: StateDir = None) -> None:
    """Stop the platform; also clears what a killed one left."""
    from services.cli.down import down as stop

    typer.echo(stop(_platform(None, {"state_dir": state_dir})[1].state_dir))


@app.command()
def status(state_dir: StateDir = None) -> None:
    """Show what runs: addresses, readiness, processes, memory."""
    from services.cli.status import show_status

    raise typer.Exit(show_status(_platform(None, {"state_dir": state_dir})[1].state_dir))


@app.command()
def doctor(file: DeploymentFile = None) -> None:
    """Check this machine and say what to do; exit code 1 on a fault."""
    from services.cli.doctor import show_findings

    deployment, settings = _platform(file, {})
    raise typer.Exit(show_findings(settings, deployment))


@app.command()
def config(file: DeploymentFile = None) -> None:
    """Show every setting, its value, and where the value comes from."""
    from services.cli.settings_table import show_settings

    show_settings(file)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    state_dir: StateDir = None,
) -> None:
    """Copy databases, bundles, rankers, indexes and keys consistently; the platform may run."""
    from services.cli.backup import back_up

    typer.echo(back_up(_platform(None, {"state_dir": state_dir})[1], folder))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `banyan backup` made.")],
    state_dir: StateDir = None,
) -> None:
    """Put a backup back in place of the present state; the platform must not run."""
    from services.cli.backup import restore as put_back

    typer.echo(put_back(_platform(None, {"state_dir": state_dir})[1], folder))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"banyan {installed('banyan')}, ray {installed('ray')}, Python {sys.version[:6]}")


@app.command()
def ask(
    question: str,
    kb: Annotated[str | None, typer.Option(help="A knowledge base other than the default.")] = None,
    stream: Annotated[bool, typer.Option(help="Print the answer while it is written.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Ask the support chat; prints the answer, its citations and its confidence."""
    from services.cli.ask import ask as put
    from services.cli.client import Platform

    with Platform(_url(url), key) as platform:
        put(platform, question, kb, stream=stream)


@app.command()
def analyze(
    text: Annotated[str, typer.Argument(help="A headline or a longer text.")],
    entity: Annotated[
        list[str] | None,
        typer.Option(help="Judge this name; may be repeated. Without any, names are found."),
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Judge a text and the companies in it: negative, neutral or positive."""
    from services.cli.analyze import analyze as judge
    from services.cli.client import Platform

    with Platform(_url(url), key) as platform:
        judge(platform, text, entity or None)


@app.command()
def rank(
    user: str,
    model: Annotated[str, typer.Option(help="Which ranker.")] = "default",
    count: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="How many are shown; 10, or all of --item."),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(help="Rank this item; may be repeated. Without any, the best are found."),
    ] = None,
    click: Annotated[
        str | None, typer.Option(help="Tell of the user's click on this item, and show what moves.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the strongest features, too.")
    ] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Rank items for a user, with the reasons; anybody may be a user, known or not."""
    from services.cli.client import Platform
    from services.cli.rank import DEFAULT_COUNT, Question, show

    if count is None and not item:
        count = DEFAULT_COUNT
    with Platform(_url(url), key) as platform:
        question = Question(user, model, tuple(item or ()), count)
        show(platform, question, click=click, explain=explain)


@app.command()
def models(state_dir: StateDir = None) -> None:
    """List the tasks, their aliases and the bundles that these name."""
    from services.cli.models import show_models

    show_models(_platform(None, {"state_dir": state_dir})[1].state_dir / "models")


@app.command()
def train(
    config: Annotated[Path, typer.Option("--config", help="What to train; see pipelines/configs.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE over the file; may be repeated.")
    ] = None,
) -> None:
    """Train an adapter and register it as a bundle."""
    from pipelines import finetune

    assignments = [argument for item in settings or [] for argument in ("--set", item)]
    raise typer.Exit(finetune.main(["--config", str(config), *assignments]) or 0)


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="What the key is for, such as `web shop`.")],
    tenant: Annotated[str, typer.Option(help="Whose data it reaches.")] = "default",
    role: Annotated[str, typer.Option(help="`user` asks; `admin` also changes.")] = "user",
    state_dir: StateDir = None,
) -> None:
    """Make a key and print it: the only time that it can be seen."""
    from services.cli.keys import create

    create(_state_dir(state_dir), name, tenant, role)


@keys_app.command("list")
def keys_list(state_dir: StateDir = None) -> None:
    """List the keys; the keys themselves are not kept."""
    from services.cli.keys import show

    show(_state_dir(state_dir))


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="As `banyan keys list` shows it.")],
    state_dir: StateDir = None,
) -> None:
    """Delete a key; the running platform refuses it within a second."""
    from services.cli.keys import revoke

    revoke(_state_dir(state_dir), key_id)


@kb_app.command("load")
def kb_load(
    path: Annotated[Path, typer.Argument(help="A file or a folder: md, html, txt, csv, jsonl.")],
    kb: KnowledgeBase = "help-centre",
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Load documents; prints a line for each that is refused, and then ends with code 1."""
    from services.cli.client import Platform
    from services.cli.knowledge import load

    with Platform(_url(url), key) as platform:
        raise typer.Exit(load(platform, path, kb))


@kb_app.command("list")
def kb_list(url: Url = None, key: ApiKey = None) -> None:
    """List the knowledge bases."""
    from services.cli.client import Platform
    from services.cli.knowledge import show

    with Platform(_url(url), key) as platform:
        show(platform)


@kb_app.command("rebuild")
def kb_rebuild(kb: KnowledgeBase = "help-centre", url: Url = None, key: ApiKey = None) -> None:
    """Build a knowledge base's index anew from its documents."""
    from services.cli.client import Platform
    from services.cli.knowledge import rebuild

    with Platform(_url(url), key) as platform:
        rebuild(platform, kb)


@sentiment_app.command("watch")
def sentiment_watch(
    once: Annotated[bool, typer.Option("--once", help="Print the present state and end.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Show the entities with most news and the alerts, as they change; Ctrl-C ends."""
    from services.cli.client import Platform
    from services.cli.watch import show_once, watch

    with Platform(_url(url), key) as platform:
        (show_once if once else watch)(platform)


@sentiment_app.command("alerts")
def sentiment_alerts(url: Url = None, key: ApiKey = None) -> None:
    """List the alerts, the newest first."""
    from services.cli.alerts import show
    from services.cli.client import Platform

    with Platform(_url(url), key) as platform:
        show(platform)


@sentiment_app.command("replay")
def sentiment_replay(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines: id, published_at, source, text; or gz.")
    ],
    speed: Annotated[
        str, typer.Option(help="How much faster than it was: 100x, at least 1x.")
    ] = "1x",
    topic: Annotated[str, typer.Option(help="Where the records go.")] = "news",
    now: Annotated[
        bool,
        typer.Option(
            "--now/--keep-times", help="Shift the times, so that the last record is of now."
        ),
    ] = True,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good lines of a file that has bad ones.")
    ] = False,
    state_dir: StateDir = None,
) -> None:
    """Send news to the broker with the gaps that they had; an id that is known counts once."""
    from services.cli.replay import Pace, parse_speed, replay

    pace = Pace(parse_speed(speed), shift=now)
    folder = _state_dir(state_dir)
    raise typer.Exit(replay(file, topic, pace, skip_bad=skip_bad, state_dir=folder))


@recommend_app.command("load")
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

    Times are ISO 8601 (UTC, if they name no zone), Unix seconds or Unix milliseconds. A row of JSON
    with `event` and `id` is an event in the shape of POST /recommend/feedback. Loading a file again
    changes nothing, so a load that was cut is begun again. Ends with code 1 if a row is refused.
    """
    from services.cli.client import Platform
    from services.cli.recommend import load

    with Platform(_url(url), key) as platform:
        raise typer.Exit(load(platform, items, events, rejects))


@recommend_app.command("train")
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
    """Train a ranker from the stored events; it serves if it is no worse than the blend."""
    from services.cli.settings_table import resolve_application
    from services.cli.train_ranker import train as run
    from services.recommendation.config import RecommendationSettings
    from shared.errors import ConfigError

    deployment, platform = _platform(file, {"state_dir": state_dir})
    for entry in deployment.applications:
        settings = resolve_application(entry, platform).settings
        if isinstance(settings, RecommendationSettings):
            raise typer.Exit(run(settings, model, tenant, out))
    raise ConfigError("the application recommendation is not deployed: see infra/serve/local.yaml")


@recommend_app.command("evaluate")
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
    from pipelines.ranking import benchmark

    arguments = ["--sets", *sets] if sets else []
    for name, path in (("--data-dir", data_dir), ("--ranker", ranker), ("--out", out)):
        arguments += [] if path is None else [name, str(path)]
    arguments += [] if factorised else ["--no-factorised"]
    raise typer.Exit(benchmark.main(arguments))


def _platform(file: Path | None, overrides: dict[str, Any]) -> Any:
    import os

    from services.cli.config import DEPLOYMENT_FILE, read_deployment, resolve_platform

    deployment = read_deployment(file or DEPLOYMENT_FILE)
    return deployment, resolve_platform(deployment, os.environ, overrides).settings


def _state_dir(given: Path | None) -> Path:
    path: Path = _platform(None, {"state_dir": given})[1].state_dir
    return path


def _url(given: str | None) -> str:
    """The address given, that of the run in the state folder, or that of the settings."""
    if given is not None:
        return given.rstrip("/")
    from services.cli.run_file import StateFolder

    _, settings = _platform(None, {})
    run = StateFolder(settings.state_dir).read_run()
    return str(run.url if run is not None else settings.url)


def main() -> None:
    """The entry point of the command."""
    app()


if __name__ == "__main__":
    main()

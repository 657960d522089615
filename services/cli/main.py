"""The `banyan` command: every command by its name and noun.

A command stands where its work stands. What is slow to import is imported where a command runs, so
that `banyan --help` answers at once.
"""

from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from services.cli.knowledge import bases
from services.cli.knowledge.ask import ask
from services.cli.knowledge.suites import calibrate
from services.cli.knowledge.suites.evaluate import evaluate as evaluate_support
from services.cli.knowledge.unanswered import unanswered
from services.cli.models import backbones
from services.cli.models.judging import evaluate, promote, rollback
from services.cli.models.searches import pretrain, rebase, study, tune
from services.cli.models.tasks import models
from services.cli.models.train import train
from services.cli.news.alerts import alerts
from services.cli.news.analyze import analyze
from services.cli.news.replay import replay
from services.cli.news.watch import watch
from services.cli.platform.config import config
from services.cli.platform.doctor import doctor
from services.cli.platform.down import down
from services.cli.platform.status import status, version
from services.cli.platform.up import up
from services.cli.shop import rankers
from services.cli.shop.load import load
from services.cli.shop.rank import rank
from services.cli.state import keys
from services.cli.state.backup import backup, restore
from services.cli.state.purge import purge

_EXIT_FAILED = 1

Commands = Mapping[str, Callable[..., None]]

_COMMANDS = (
    up, down, status, doctor, config, backup, restore, purge, version, ask, analyze, rank, models,
    train, evaluate, promote, rollback, tune, study, pretrain, rebase,
)  # fmt: skip

_GROUPS: Mapping[str, tuple[str, Commands]] = {
    "keys": (
        "API keys: each selects a tenant and a role.",
        {"create": keys.create, "list": keys.show, "revoke": keys.revoke},
    ),
    "backbone": (
        "Backbones that do not ship.",
        {"fetch": backbones.fetch},
    ),
    "kb": (
        "Knowledge bases of the support application.",
        {"load": bases.load, "list": bases.show, "rebuild": bases.rebuild, "delete": bases.delete},
    ),
    "support": (
        "The support chat: how good its answers are, and what it could not answer.",
        {
            "calibrate": calibrate.calibrate,
            "rollback": calibrate.rollback,
            "evaluate": evaluate_support,
            "unanswered": unanswered,
        },
    ),
    "sentiment": (
        "News: trends, alerts, replays.",
        {"watch": watch, "alerts": alerts, "replay": replay},
    ),
    "recommend": (
        "Recommendation: load, train, evaluate.",
        {
            "load": load,
            "train": rankers.train,
            "promote": rankers.promote,
            "rollback": rankers.rollback,
            "evaluate": rankers.evaluate,
        },
    ),
}


class OneLineErrors(TyperGroup):
    """Ends a command that fails with one sentence, not with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            from shared.failures import ending_of, shows_tracebacks

            # What Typer raises, of wrong arguments and for an exit, is its own to say.
            if type(error).__module__.startswith("typer.") or shows_tracebacks():
                raise
            typer.secho(f"banyan: {ending_of(error)}", fg="red", err=True)
            raise typer.Exit(_EXIT_FAILED) from None


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Banyan: one set of language models for many applications, on this machine.",
)
for _command in _COMMANDS:
    app.command()(_command)
for _noun, (_about, _commands) in _GROUPS.items():
    _group = typer.Typer(no_args_is_help=True, help=_about)
    for _name, _run in _commands.items():
        _group.command(_name)(_run)
    app.add_typer(_group, name=_noun)


def main() -> None:
    """The entry point of the command."""
    app()


if __name__ == "__main__":
    main()

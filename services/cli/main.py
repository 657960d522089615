"""The `banyan` command: groups of commands, each in a module of `services.cli.commands`.

What does the work is imported where a command runs, so that `banyan --help` answers at once.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from services.cli.commands import (
    applications,
    keys,
    knowledge,
    models,
    platform,
    recommend,
    searches,
    sentiment,
)
from shared.failures import ending_of, shows_tracebacks

_EXIT_FAILED = 1


class OneLineErrors(TyperGroup):
    """Ends a command that fails with one sentence, not with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
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
for _group in (platform, applications, models, searches):
    app.add_typer(_group.app)
app.add_typer(keys.app, name="keys")
app.add_typer(knowledge.app, name="kb")
app.add_typer(sentiment.app, name="sentiment")
app.add_typer(recommend.app, name="recommend")


def main() -> None:
    """The entry point of the command."""
    app()


if __name__ == "__main__":
    main()

"""The command line of a pipeline: a configuration, assignments over it, and how it ends."""

import argparse
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from shared.config import SettingsT, load, parse_assignments
from shared.failures import ending_of, shows_tracebacks

INTERRUPTED = 130

Run = Callable[[SettingsT, str, Console], int]
"""Does the work: takes the settings, the command that was given, and where to print."""


def run_pipeline(
    model: type[SettingsT],
    name: str,
    documentation: str | None,
    argv: Sequence[str] | None,
    run: Run[SettingsT],
    overrides: Mapping[str, Any] | None = None,
) -> int:
    """Reads the arguments and runs; returns the exit status, and says on stderr what went wrong.

    `overrides` win over the file and lose to `--set`.
    """
    arguments = _parser(name, documentation).parse_args(argv)
    console = Console(stderr=True, soft_wrap=True, highlight=False)

    def loaded_and_run() -> int:
        settings = load(
            model,
            environ=os.environ,
            section=name,
            file=arguments.config,
            overrides={**(overrides or {}), **parse_assignments(arguments.set)},
        ).settings
        return run(settings, _command(name, arguments), console)

    return ended(loaded_and_run, console)


def ended(run: Callable[[], int], console: Console) -> int:
    """Runs, and returns the exit status; what fails ends with one sentence, not a traceback."""
    try:
        return run()
    except Exception as error:
        # The edge of the process: bundles and aliases are written whole or not at all.
        if shows_tracebacks():
            raise
        console.print("[red]error:[/red] ", end="")
        console.print(ending_of(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print(
            "interrupted: nothing is half-written or half-registered; the same command "
            "continues with what was finished"
        )
        return INTERRUPTED


def _parser(name: str, documentation: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m pipelines.{name}", description=(documentation or "").partition("\n")[0]
    )
    parser.add_argument("--config", type=Path, help="a YAML file of this run")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="sets a key of the configuration",
    )
    return parser


def _command(name: str, arguments: argparse.Namespace) -> str:
    words = ["python", "-m", f"pipelines.{name}"]
    words += ["--config", str(arguments.config)] if arguments.config else []
    words += ["--set", *arguments.set] if arguments.set else []
    return shlex.join(words)

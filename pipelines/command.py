"""The command line of a pipeline, made from its settings model once, and how it ends.

    main = CommandLine("evaluate", EvaluateSettings, run, __doc__)

`main(argv)` is `python -m pipelines.evaluate`; `main.start(...)` is the same run for who holds the
values already, as `banyan evaluate` does.
"""

import argparse
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from pydantic.fields import FieldInfo
from rich.console import Console

from shared.config import SettingsT, Values, load, parse_assignments
from shared.failures import ending_of, shows_tracebacks

INTERRUPTED = 130

Run = Callable[[SettingsT, str, Console], int]
"""Does the work: takes the settings, the command that was given, and where to print."""


@dataclass(frozen=True, slots=True)
class CommandLine(Generic[SettingsT]):
    """A pipeline's function behind `--config FILE` and `--set KEY=VALUE`.

    `options` are the settings that have an option each besides, whose help is the field's
    description. Variables named `BANYAN_SECTION__KEY` are read too; the section is the pipeline's
    name where none is given. One that `needs_config` makes no sense without a file.
    """

    name: str
    model: type[SettingsT]
    run: Run[SettingsT]
    documentation: str | None
    section: str | None = None
    options: tuple[str, ...] = ()
    needs_config: bool = False

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Reads the arguments and runs; returns the exit status."""
        arguments = vars(self._parser().parse_args(argv))
        config, assignments = arguments.pop("config"), arguments.pop("set")
        return self.start(config, assignments, arguments)

    def start(
        self,
        config: Path | None = None,
        assignments: Sequence[str] = (),
        overrides: Mapping[str, Any] | None = None,
    ) -> int:
        """Runs with a file's settings; returns the exit status, and says on stderr what failed.

        `overrides` win over the file and lose to the assignments, `KEY=VALUE` each.
        """
        console = Console(stderr=True, soft_wrap=True, highlight=False)

        def loaded_and_run() -> int:
            settings = load(
                self.model,
                environ=os.environ,
                section=self.name if self.section is None else self.section,
                file=config,
                overrides={**(overrides or {}), **parse_assignments(assignments)},
            ).settings
            return self.run(settings, self._command(config, assignments), console)

        return _ended(loaded_and_run, console)

    def _parser(self) -> argparse.ArgumentParser:
        summary = (self.documentation or "").partition("\n")[0]
        parser = argparse.ArgumentParser(
            prog=f"python -m pipelines.{self.name}", description=summary
        )
        parser.add_argument(
            "--config", type=Path, required=self.needs_config, help="a YAML file of this run"
        )
        parser.add_argument(
            "--set",
            nargs="+",
            action="extend",
            default=[],
            metavar="KEY=VALUE",
            help="sets a key of the configuration",
        )
        for name, field in self.model.model_fields.items():
            key = field.alias or name
            if key in self.options:
                parser.add_argument(
                    f"--{key.replace('_', '-')}",
                    dest=key,
                    default=argparse.SUPPRESS,
                    help=field.description,
                    **_how(field),
                )
        return parser

    def _command(self, config: Path | None, assignments: Sequence[str]) -> str:
        words = ["python", "-m", f"pipelines.{self.name}"]
        words += ["--config", str(config)] if config else []
        words += ["--set", *assignments] if assignments else []
        return shlex.join(words)


def _how(field: FieldInfo) -> Values:
    """How an option of a field is read, for `add_argument`; the model checks what it says."""
    if field.annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"nargs": "+"} if isinstance(field.default, tuple) else {}


def _ended(run: Callable[[], int], console: Console) -> int:
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

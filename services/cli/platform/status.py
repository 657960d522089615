"""`banyan status`: what runs, where, since when, with how much memory."""

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from services.cli.options import ApiKey, StateDir, platform_settings
from services.cli.platform.run_file import Run, StateFolder

if TYPE_CHECKING:
    import psutil

_MIB = 1024 * 1024
_EXIT_NOT_READY = 1


def status(state_dir: StateDir = None, key: ApiKey = None) -> None:
    """Show what runs: addresses, readiness, processes, memory."""
    raise typer.Exit(_show(platform_settings(state_dir).state_dir, key))


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"banyan {installed('banyan')}, ray {installed('ray')}, Python {sys.version[:6]}")


def _show(state_dir: Path, key: str | None) -> int:
    """Returns 0 where every application is ready, else 1; an operator's key shows why not."""
    console = Console(highlight=False)
    state = StateFolder(state_dir)
    run = state.read_run()
    if run is None:
        console.print(f"nothing runs with the state folder {state_dir}: `banyan up` starts it")
        return _EXIT_NOT_READY
    if not run.is_running():
        console.print("the platform was killed: `banyan down` or the next `banyan up` clears it")
        return _EXIT_NOT_READY
    console.print(f"[bold]{run.url}[/bold]  up for {_duration(time.time() - run.started_at)}")
    console.print(f"state {state_dir}, logs {run.run_dir}/ray/session_latest/logs")
    names = [name for name in ("statistics", "metrics", "broker") if name in run.ports]
    console.print(", ".join(f"{name} 127.0.0.1:{run.ports[name]}" for name in names) + "\n")
    ready = _show_applications(console, run, key)
    _show_processes(console, run)
    return 0 if ready else _EXIT_NOT_READY


def _show_applications(console: Console, run: Run, key: str | None) -> bool:
    from services.cli.platform.readiness import described, not_ready, warnings_of

    table = Table("application", "address", "ready", box=None, pad_edge=False)
    all_ready, warnings = True, []
    for name, prefix in run.applications.items():
        missing = not_ready(run.url, prefix, key)
        all_ready = all_ready and not missing
        table.add_row(name, f"{run.url}{prefix}", described(missing) or "yes")
        found = {} if missing else warnings_of(run.url, prefix, key)
        warnings += [f"{name}, {part}: {state}" for part, state in found.items()]
    console.print(table)
    for warning in warnings:
        console.print(warning, style="yellow", markup=False, soft_wrap=True)
    return all_ready


def _show_processes(console: Console, run: Run) -> None:
    import psutil

    from services.cli.platform.processes import memory_bytes, processes_of

    table = Table("pid", "process", "MiB", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    total = 0
    for process in processes_of(run.id, run.run_dir):
        with contextlib.suppress(psutil.Error):
            memory = memory_bytes(process)
            total += memory
            table.add_row(str(process.pid), _title(process), str(memory // _MIB))
    table.add_row("", "all", str(total // _MIB))
    console.print()
    console.print(table)


def _title(process: "psutil.Process") -> str:
    """What a process is, in a word: Ray's titles, or a program's name."""
    command = process.cmdline()
    if command and command[0].startswith("ray::"):
        return command[0]
    if any("banyan" in Path(part).name or part.startswith("services.cli") for part in command[:3]):
        return "banyan up"
    scripts = [part for part in command[1:3] if part.endswith(".py")]
    return Path(scripts[0]).stem if scripts else process.name()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"

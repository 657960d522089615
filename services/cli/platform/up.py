"""`banyan up`: checks the machine, takes the state folder, and watches over the run's processes."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DeploymentFile, StateDir, resolved
from services.cli.platform.run_file import StateFolder, new_run

if TYPE_CHECKING:
    from services.cli.settings import Deployment, PlatformSettings

_GUARD_END_S = 8.0


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
    overrides = {
        "http_host": host,
        "http_port": port,
        "state_dir": state_dir,
        "http_proxy": proxy,
        "num_cpus": cpus,
        "log_level": log_level,
    }
    deployment, settings = resolved(file, overrides)
    raise typer.Exit(run_platform(settings.settings, deployment, with_sample=sample))


def run_platform(
    settings: "PlatformSettings", deployment: "Deployment", *, with_sample: bool
) -> int:
    """Runs the platform until it is stopped; returns the exit code.

    Raises:
        PlatformError: it cannot be started; nothing was left behind.
    """
    from services.cli.platform.broker import PORT, needs_embedded
    from services.cli.platform.driver import UpOptions, drive
    from services.cli.platform.preflight import check_machine, chosen_proxy
    from services.cli.platform.processes import free_ports
    from services.cli.platform.progress import Progress
    from services.cli.platform.supervisor import supervise
    from services.cli.state.backup import recover_cut_restore

    progress = Progress(sys.stdout)
    state = StateFolder(settings.state_dir)
    before = state.read_run()
    was_killed = before is not None and not before.is_running()
    with state.locked(wait_s=_GUARD_END_S if was_killed else 0.5):
        with progress.step("the machine is fit"):
            clear_earlier_run(state)
            recover_cut_restore(settings.state_dir)
            check_machine(settings, os.environ)
        with_broker = needs_embedded(deployment, os.environ)
        proxy = chosen_proxy(settings)
        options = UpOptions(settings, deployment, proxy, with_sample, with_broker)
        names = ["statistics", "metrics", "fallback", *([PORT] if with_broker else [])]
        ports = dict(zip(names, free_ports(len(names)), strict=True), http=settings.http_port)
        run = new_run(
            settings.url,
            ports=ports,
            applications={entry.name: entry.route_prefix for entry in deployment.applications},
        )
        state.write_run(run)
        return supervise(lambda: drive(options, run, progress), lambda: state.clear(run))


def clear_earlier_run(state: StateFolder) -> None:
    """Ends what a killed run left behind. The state folder's lock is held by the caller."""
    from services.cli.platform.processes import kill_all, processes_of

    run = state.read_run()
    if run is not None:
        kill_all(processes_of(run.id, run.run_dir))
        state.clear(run)

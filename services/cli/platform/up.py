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
    deployment, found = resolved(file, overrides)
    raise typer.Exit(_run(deployment, found.settings, with_sample=sample))


def _run(deployment: "Deployment", settings: "PlatformSettings", *, with_sample: bool) -> int:
    """Runs the platform until it is stopped; leaves nothing behind where it cannot be started."""
    from services.cli.platform.broker import PORT, needs_embedded
    from services.cli.platform.driver import UpOptions, drive
    from services.cli.platform.preflight import check_machine, chosen_proxy
    from services.cli.platform.processes import free_ports, kill_all, processes_of
    from services.cli.platform.progress import Progress
    from services.cli.platform.supervisor import supervise
    from services.cli.state.backup import recover_cut_restore

    progress = Progress(sys.stdout)
    state = StateFolder(settings.state_dir)
    before = state.read_run()
    was_killed = before is not None and not before.is_running()
    with state.locked(wait_s=_GUARD_END_S if was_killed else 0.5):
        with progress.step("the machine is fit"):
            # What a killed run left behind.
            if (left := state.read_run()) is not None:
                kill_all(processes_of(left.id, left.run_dir))
                state.clear(left)
            recover_cut_restore(settings.state_dir)
            check_machine(settings, os.environ)
        own_broker = [PORT] if needs_embedded(deployment, os.environ) else []
        options = UpOptions(settings, deployment, chosen_proxy(settings), with_sample)
        names = ["statistics", "metrics", "fallback", *own_broker]
        ports = dict(zip(names, free_ports(len(names)), strict=True), http=settings.http_port)
        applications = {entry.name: entry.route_prefix for entry in deployment.applications}
        run = new_run(settings.url, ports=ports, applications=applications)
        state.write_run(run)
        return supervise(lambda: drive(options, run, progress), lambda: state.clear(run))

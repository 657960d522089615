"""The driver's process of a run: from a deployment to applications that answer.

Modules of Ray and of the samples are imported where they are used: the environment that Ray reads
is prepared before.
"""

import importlib
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from services.cli.platform.broker import PORT, embedded_bootstrap
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import BROKER_LOG, DRIVER_LOG, Run, StateFolder
from services.cli.settings import (
    ApplicationEntry,
    Deployment,
    HttpProxy,
    PlatformSettings,
    application_environment,
)
from shared.errors import ConfigError, PlatformError
from shared.failures import reason_of
from shared.files import write_atomic
from shared.telemetry import configure_logging

if TYPE_CHECKING:
    from shared.serving.platform.cluster import Deployed
    from shared.serving.platform.environment import ClusterPlan
    from shared.streaming.embedded import EmbeddedBroker

_ALIVE_CHECK_S = 2.0
_EXIT_FAILED = 1


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `banyan up` was asked for."""

    settings: PlatformSettings
    deployment: Deployment
    proxy: HttpProxy
    with_sample: bool


def drive(options: UpOptions, run: Run, progress: Progress) -> int:
    """Starts everything, waits for SIGTERM, stops the applications; returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    terminal = _redirect_output(run.run_dir / DRIVER_LOG)
    progress = replace(progress, out=terminal)
    try:
        _serve_until_stopped(options, run, progress)
    except Exception as error:
        traceback.print_exc()
        logs = options.settings.state_dir / "logs"
        more = "" if isinstance(error, PlatformError) else f" (the whole: {logs}/{DRIVER_LOG})"
        progress.fail(f"{reason_of(error)}{more}")
        return _EXIT_FAILED
    return 0


def _serve_until_stopped(options: UpOptions, run: Run, progress: Progress) -> None:
    plan = _plan(options, run)
    _prepare_environment(options.settings, plan, embedded_bootstrap(run))
    configure_logging("platform", level=options.settings.log_level)
    with _embedded_broker(run, progress) as broker:
        _deploy(options, run, plan, progress)
        if options.with_sample:
            _load_samples(run, progress)
        _stay(options, run, broker, progress)


def _load_samples(run: Run, progress: Progress) -> None:
    from services.cli.knowledge.sample import load_sample as load_help_centre
    from services.cli.shop.sample import load_sample as load_shop

    if "support" in run.applications:
        load_help_centre(run, progress)
    if "recommendation" in run.applications:
        load_shop(run, progress)


@contextmanager
def _embedded_broker(run: Run, progress: Progress) -> "Iterator[EmbeddedBroker | None]":
    """The run's own broker, where it has one; it ends after all that use it."""
    if PORT not in run.ports:
        yield None
        return
    from shared.streaming.embedded import EmbeddedBroker

    broker = EmbeddedBroker(run.run_dir / BROKER_LOG, port=run.ports[PORT])
    with progress.step(f"the embedded broker runs on {embedded_bootstrap(run)}"):
        broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _deploy(options: UpOptions, run: Run, plan: "ClusterPlan", progress: Progress) -> None:
    from services.cli.platform.readiness import wait_until_ready
    from shared.serving.platform import cluster

    with progress.step(f"Ray runs, with {options.proxy} as proxy"):
        cluster.start_ray(plan, num_cpus=options.settings.num_cpus)
    # Serve's own processes start while the applications' modules are imported here.
    proxy = cluster.begin_serve(plan)
    with progress.step(f"configured: {', '.join(run.applications)}"):
        applications = [_build(entry) for entry in options.deployment.applications]
    with progress.step("the applications run"):
        cluster.deploy(applications, proxy)
    with progress.step("they can be used"):
        waiting = wait_until_ready(run, progress.note, key=os.environ.get("BANYAN_API_KEY"))
    for name, missing in waiting.items():
        progress.note(f"{name} waits and goes on by itself: {missing}")


def _stay(
    options: UpOptions, run: Run, broker: "EmbeddedBroker | None", progress: Progress
) -> None:
    """Says where the platform answers, and returns when it was asked to stop and has."""
    from services.cli.news import sample as news_sample
    from services.cli.platform.welcome import welcome
    from shared.serving.platform import cluster

    stop = threading.Event()
    # Ray sets its own handler when it starts.
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    progress.write(welcome(options.settings, run))
    if options.with_sample and broker is not None and "sentiment" in run.applications:
        news_sample.begin(run, progress, stop)
    _wait(stop, cluster.is_alive, broker, progress)
    with progress.step("stopped"):
        cluster.stop_serve()


def _wait(
    stop: threading.Event,
    is_alive: Callable[[], bool],
    broker: "EmbeddedBroker | None",
    progress: Progress,
) -> None:
    starts = 0 if broker is None else broker.starts
    while not stop.wait(_ALIVE_CHECK_S):
        if not is_alive():
            raise ConfigError("a process of Ray ended: the logs of the run say why")
        if broker is not None and broker.starts > starts:
            starts = broker.starts
            progress.note(
                f"the embedded broker ended and runs again on {broker.bootstrap}: "
                "the records that it held are gone, what was scored is stored"
            )


def _plan(options: UpOptions, run: Run) -> "ClusterPlan":
    from shared.serving.platform.environment import ClusterPlan
    from shared.serving.platform.haproxy_folder import write_haproxy_folder

    settings = options.settings
    script = None
    if options.proxy is HttpProxy.HAPROXY:
        script = write_haproxy_folder(
            run.run_dir / "haproxy",
            frontend_host=settings.http_host,
            frontend_port=settings.http_port,
            max_body_bytes=settings.max_body_bytes,
        )
    return ClusterPlan(
        run_id=run.id,
        run_dir=run.run_dir,
        token_file=StateFolder(settings.state_dir).token_file,
        host=settings.http_host,
        port=settings.http_port,
        max_body_bytes=settings.max_body_bytes,
        haproxy_script=script,
        internal_ports=(run.ports["statistics"], run.ports["metrics"], run.ports["fallback"]),
    )


def _prepare_environment(
    settings: PlatformSettings, plan: "ClusterPlan", bootstrap: str | None
) -> None:
    """Everything that Ray's processes and the applications inherit; before Ray is imported."""
    import secrets

    from shared.serving.platform.environment import prepare_process

    write_atomic(plan.token_file, secrets.token_hex(32).encode(), mode=0o600)
    os.environ.update(application_environment(settings, bootstrap=bootstrap))
    prepare_process(plan)


def _build(entry: ApplicationEntry) -> "Deployed":
    from shared.serving.platform.cluster import Deployed

    module_name, _, function_name = entry.import_path.partition(":")
    try:
        build = getattr(importlib.import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        _refuse(entry, f"there is no module {error.name}")
    except AttributeError:
        _refuse(entry, f"{module_name} has no {function_name}")
    return Deployed(entry.name, entry.route_prefix, build(entry.args))


def _refuse(entry: ApplicationEntry, reason: str) -> NoReturn:
    raise ConfigError(
        f"applications.{entry.name}.import_path {entry.import_path!r}: {reason}; "
        "is its folder in PYTHONPATH?"
    )


def _redirect_output(log: Path) -> TextIO:
    """Sends what Ray and libraries print into a file; returns the terminal for our own lines."""
    terminal = os.fdopen(os.dup(1), "w", encoding="utf-8")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    return terminal

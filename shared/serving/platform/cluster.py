"""Ray and Ray Serve on this machine: start, deploy, watch, stop. Nothing here outlives the run."""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import ray
from ray import serve
from ray._private import worker as ray_worker
from ray.serve.api import RunTarget
from ray.serve.schema import ApplicationStatus

from shared.errors import DependencyError
from shared.serving.platform.environment import ClusterPlan
from shared.serving.platform.few_processes import few_processes

_OBJECT_STORE_BYTES = 128 * 1024 * 1024
_CONTROLLER = ("SERVE_CONTROLLER_ACTOR", "serve")
_POLL_S = 0.1
_START_LIMIT_S = 120.0
_REASON = re.compile(r"^(?:ray\.\S+ \(|)?([A-Za-z_][\w.]*(?:Error|Exception|Interrupt)): (.+)$")


@dataclass(frozen=True, slots=True)
class Deployed:
    """An application to deploy: what its `build` returned, and where it is served."""

    name: str
    route_prefix: str
    application: serve.Application


def start_ray(plan: ClusterPlan, *, num_cpus: int | None) -> None:
    """Starts Ray's processes, on 127.0.0.1 and for this run alone.

    Raises:
        DependencyError: Ray does not start; the message has its reason.
    """
    with few_processes():
        # Ray raises a bare Exception where one of its processes does not start in time.
        try:
            ray.init(
                address="local",
                num_cpus=num_cpus,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.WARNING,
                _temp_dir=str(plan.run_dir / "ray"),
            )
        except Exception as error:
            raise DependencyError(f"Ray does not start: {first_line(str(error))}") from error


def begin_serve(plan: ClusterPlan) -> "Future[Any]":
    """Starts Serve's controller and proxy, and does not wait for them, which takes seconds."""
    options = {"host": plan.serve_host, "port": plan.port}
    pool = ThreadPoolExecutor(1, thread_name_prefix="serve-start")
    proxy = pool.submit(serve.start, proxy_location="HeadOnly", http_options=options)
    pool.shutdown(wait=False)
    return proxy


def deploy(applications: Sequence[Deployed], proxy: "Future[Any]") -> None:
    """Deploys every application at once and returns when all of them and the proxy run.

    Raises:
        DependencyError: a replica or the proxy failed to start; the message is the reason that it
            gave. Or the start takes longer than two minutes.
    """
    _wait_for_controller(proxy)
    serve.run_many(
        [RunTarget(a.application, a.name, a.route_prefix) for a in applications],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )
    _wait_until_running([a.name for a in applications], proxy)


def is_alive() -> bool:
    """Whether Ray's own processes still run."""
    node = ray_worker._global_node
    return node is not None and bool(node.remaining_processes_alive())


def stop_serve() -> None:
    """Ends the applications in order: what is being answered is answered."""
    serve.shutdown()  # type: ignore[no-untyped-call]


def failure_reason(message: str) -> str:
    """The line of a replica's traceback that says why it failed.

    A traceback ends with its error, and an error of several lines goes on below it.
    """
    lines = message.strip().splitlines()
    for index in range(len(lines) - 1, -1, -1):
        if found := _REASON.match(lines[index].strip()):
            name, text = found.groups()
            rest = [line.strip() for line in lines[index + 1 :] if line.startswith("  ")]
            reason = "; ".join([text, *rest]).replace(":; ", ": ")
            return reason if name.startswith("shared.") else f"{name.rpartition('.')[2]}: {reason}"
    return first_line(message)


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")


def _wait_for_controller(proxy: "Future[Any]") -> None:
    """Applications may be deployed once the controller has its name, with the proxy's options."""
    for _ in _ticks("Serve's controller"):
        _raise_if_failed(proxy)
        try:
            ray.get_actor(_CONTROLLER[0], namespace=_CONTROLLER[1])
        except ValueError:
            continue
        return


def _wait_until_running(names: Sequence[str], proxy: "Future[Any]") -> None:
    for _ in _ticks("the applications"):
        _raise_if_failed(proxy)
        applications = serve.status().applications
        for name, overview in applications.items():
            _raise_if_not_starting(name, overview)
        running = [n for n, o in applications.items() if o.status == ApplicationStatus.RUNNING]
        if set(names) <= set(running) and proxy.done():
            return


def _raise_if_not_starting(name: str, overview: Any) -> None:
    """A start that fails once is reported at once: Serve would try again twice."""
    messages = [deployment.message for deployment in overview.deployments.values()]
    failed = [message for message in messages if "failed to start" in message]
    if overview.status in (ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.UNHEALTHY):
        failed.append(overview.message)
    if failed:
        reason = failure_reason(failed[0])
        raise DependencyError(f"the application {name} does not start: {reason}")


def _raise_if_failed(proxy: "Future[Any]") -> None:
    if proxy.done() and (error := proxy.exception()) is not None:
        reason = failure_reason(str(error))
        raise DependencyError(f"Serve's proxy does not start: {reason}") from error


def _ticks(what: str) -> Iterator[None]:
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s:
        yield
        time.sleep(_POLL_S)
    raise DependencyError(f"{what} did not start within {_START_LIMIT_S:.0f} s")

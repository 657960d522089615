"""Keeps Ray from starting processes that one machine has no use for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray._private import node, parameter
from ray._private import utils as ray_utils


@contextmanager
def few_processes() -> Iterator[None]:
    """`ray.init` without autoscaler, log monitor, dashboard server and the agent's reporter.

    They take 180 MiB and seconds of the start, and it has an option for none of them:
    `include_dashboard=False` starts the server without its pages.
    """
    replaced: list[tuple[Any, str, Callable[..., Any]]] = [
        (parameter.RayParams, "__init__", _with_few(parameter.RayParams.__init__)),
        (node.Node, "start_api_server", _start_none),
        # The raylet ends without its agent: this makes it as small as in a Ray without dashboard.
        (ray_utils, "get_dashboard_dependency_error", lambda: ImportError("not wanted")),
    ]
    originals = [getattr(owner, name) for owner, name, _ in replaced]
    for owner, name, replacement in replaced:
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for (owner, name, _), original in zip(replaced, originals, strict=True):
            setattr(owner, name, original)


def _with_few(initialise: Callable[..., None]) -> Callable[..., None]:
    def initialise_with_few(self: object, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **{**kwargs, "no_monitor": True, "include_log_monitor": False})

    return initialise_with_few


def _start_none(self: object, *, include_dashboard: bool | None, raise_on_failure: bool) -> None:
    """In place of the dashboard's server."""

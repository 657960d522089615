"""What every deployment on Ray Serve has in common."""

from typing import Any

from ray import serve


def deployment(
    replica: type,
    *,
    name: str,
    num_replicas: int,
    max_ongoing_requests: int,
    max_queued_requests: int,
    max_surge_percent: int = 0,
    health_check_period_s: float = 2,
    health_check_timeout_s: float = 10,
) -> Any:
    """A replica's class as a Serve deployment; `.bind(...)` makes an application of it.

    With `max_surge_percent` 100 a redeploy starts the new replica before it stops the old one.
    """
    return serve.deployment(
        name=name,
        num_replicas=num_replicas,
        max_ongoing_requests=max_ongoing_requests,
        max_queued_requests=max_queued_requests,
        max_surge_percent=max_surge_percent,
        # Replicas wait more than they compute, and set the model's threads by hand: on two cores a
        # reserved one would keep the other applications from ever starting.
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=health_check_period_s,
        health_check_timeout_s=health_check_timeout_s,
        graceful_shutdown_wait_loop_s=0.5,
        graceful_shutdown_timeout_s=5,
        # Every request has a line in the application's own log (`shared.http.edge`).
        logging_config={"enable_access_log": False},
    )(replica)

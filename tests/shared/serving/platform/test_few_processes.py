import inspect

from ray._private import node, parameter, services
from ray._private import utils as ray_utils

from shared.serving.platform.few_processes import few_processes


def test_ray_starts_neither_autoscaler_nor_log_monitor() -> None:
    with few_processes():
        parameters = parameter.RayParams(num_cpus=3)

    assert parameters.no_monitor
    assert not parameters.include_log_monitor
    assert parameters.num_cpus == 3


def test_the_dashboards_server_takes_what_ray_calls_it_with() -> None:
    original = node.Node.start_api_server
    wanted = inspect.signature(original).parameters

    with few_processes():
        given = inspect.signature(node.Node.start_api_server).parameters
        none = node.Node.start_api_server(object(), include_dashboard=False, raise_on_failure=False)  # type: ignore[arg-type]

    assert {each: p.kind for each, p in given.items()} == {
        each: p.kind for each, p in wanted.items()
    }
    assert none is None
    assert "self.start_api_server(" in inspect.getsource(node.Node.start_head_processes)


def test_the_agent_starts_without_the_reporter() -> None:
    with few_processes():
        assert ray_utils.get_dashboard_dependency_error() is not None

    starting = inspect.getsource(services.start_raylet)
    assert "ray._private.utils.get_dashboard_dependency_error() is not None" in starting
    assert 'dashboard_agent_command.append("--minimal")' in starting


def test_everything_is_put_back() -> None:
    before = (
        parameter.RayParams.__init__,
        node.Node.start_api_server,
        ray_utils.get_dashboard_dependency_error,
    )

    with few_processes():
        pass

    assert before == (
        parameter.RayParams.__init__,
        node.Node.start_api_server,
        ray_utils.get_dashboard_dependency_error,
    )

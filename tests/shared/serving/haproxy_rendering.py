"""HAProxy's configuration as the installed Ray Serve writes it."""

from jinja2 import Environment
from ray.serve._private import haproxy, haproxy_templates
from ray.serve._private.haproxy import BackendConfig, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions


def render(host: str, port: int, *, with_backends: bool = True, folder: str = "/run/b") -> str:
    """The file for two applications, or for none, as right after the start."""
    config = HAProxyConfig(
        http_options=HTTPOptions(host=host, port=port),
        socket_path=f"{folder}/admin.sock",
        server_state_base=folder,
        server_state_file=f"{folder}/server-state",
        metrics_socket_path=f"{folder}/metrics.sock",
        error_file_path=f"{folder}/500.http",
        is_head=True,
        has_received_routes=True,
    )
    backends = [_backend("backbone", "/v1"), _backend("support", "/support")]
    if not with_backends:
        backends = []
    environment = Environment(autoescape=False)
    environment.filters["haproxy_fmt"] = haproxy._haproxy_fmt_literal
    health = config.build_health_route_info(backends)
    values = {
        "config": config,
        "backends": backends,
        "backends_with_health_config": [
            {"backend": b, "health_config": b.build_health_check_config(config)} for b in backends
        ],
        "health_info": health,
        "route_info": health,
        "metrics_enabled": config.metrics_enabled,
        "metrics_socket_path": config.metrics_socket_path,
        "has_ingress_request_router": False,
        "ingress_request_router_metrics_enabled": False,
    }
    rules = environment.from_string(haproxy_templates.HAPROXY_HEALTHZ_RULES_TEMPLATE)
    template = environment.from_string(haproxy_templates.HAPROXY_CONFIG_TEMPLATE)
    return template.render({**values, "healthz_rules": rules.render(values)})


def _backend(name: str, prefix: str) -> BackendConfig:
    server = ServerConfig(name=f"{name}-1", host="127.0.0.1", port=30000)
    fallback = ServerConfig(name="fallback", host="127.0.0.1", port=8500)
    return BackendConfig(
        name=f"http-{name}",
        path_prefix=prefix,
        servers=[server],
        app_name=name,
        fallback_server=fallback,
        ingress_deployment_name=name.title(),
    )

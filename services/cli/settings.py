"""The settings of the platform on one machine, and the file that says what it deploys."""

import importlib
import inspect
import ipaddress
import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from shared.config import Resolved, Settings, load, read_yaml
from shared.errors import ConfigError
from shared.validation.faults import faults_of
from shared.validation.forms import TextForm

DEPLOYMENT_FILE = Path(__file__).parents[2] / "infra" / "serve" / "local.yaml"

_ApplicationName = Annotated[
    str, TextForm(r"^[a-z][a-z0-9_]*$", "lower-case letters, digits and _, with a letter first")
]
_RoutePrefix = Annotated[
    str, TextForm(r"^/[A-Za-z0-9/_-]+$", "a path of letters, digits, /, _ and -, such as /support")
]
_ImportPath = Annotated[
    str,
    TextForm(
        r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        "a module and a function of it, such as services.support.app:build",
    ),
]


class HttpProxy(StrEnum):
    """What stands before the replicas: HAProxy is five times as fast, Serve's own runs anywhere."""

    AUTO = "auto"
    HAPROXY = "haproxy"
    SERVE = "serve"


def _host(value: str) -> str:
    if value == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("expected an IP address, such as 127.0.0.1 or 0.0.0.0") from None


def _listed(value: object) -> object:
    """Values with commas between them, as a variable holds several."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _host_name(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9._-]+", value) is not None:
        return value
    try:
        return str(ipaddress.IPv6Address(value))
    except ValueError:
        raise ValueError(
            f"{value!r}: expected a name without port, such as banyan.example.org"
        ) from None


def _origin(value: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9._-]+(:\d{1,5})?", value) is None:
        raise ValueError(f"{value!r}: expected an origin, such as https://console.example.org")
    return value


class PlatformSettings(Settings):
    """Where the platform listens and keeps its state.

    `http_port` is the only port with a fixed number. Without keys the platform is known by its
    addresses on this machine and by the names `http_hosts` alone, and of web pages those of
    `http_origins` may call it besides its own. `num_cpus` None counts the machine's cores.
    """

    http_host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    http_port: int = Field(8000, ge=1, le=65535)
    http_proxy: HttpProxy = HttpProxy.AUTO
    http_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(_host_name)], ...], BeforeValidator(_listed)
    ] = ()
    http_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_listed)
    ] = ()
    state_dir: Path = Path("var")
    database_url: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1024)
    num_cpus: int | None = Field(None, ge=1)

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the platform."""
        return ipaddress.ip_address(self.http_host).is_loopback

    @property
    def url(self) -> str:
        """Where a client on this machine reaches the platform."""
        address = ipaddress.ip_address(self.http_host)
        if address.is_unspecified:
            return f"http://127.0.0.1:{self.http_port}"
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"http://{host}:{self.http_port}"


class HttpOptions(Settings):
    """The address in Serve's configuration file."""

    host: str | None = None
    port: int | None = None


class ApplicationEntry(Settings):
    """One application of Serve's configuration file."""

    name: _ApplicationName
    route_prefix: _RoutePrefix
    import_path: _ImportPath
    args: dict[str, Any] = Field(default_factory=dict)


class Deployment(Settings):
    """What is deployed, in the shape of Ray Serve's configuration file."""

    proxy_location: str | None = None
    http_options: HttpOptions = HttpOptions()
    applications: tuple[ApplicationEntry, ...] = Field(min_length=1)

    @field_validator("applications")
    @classmethod
    def _unique(cls, value: tuple[ApplicationEntry, ...]) -> tuple[ApplicationEntry, ...]:
        for key in ("name", "route_prefix"):
            values = [getattr(entry, key) for entry in value]
            if twice := sorted({v for v in values if values.count(v) > 1}):
                raise ValueError(f"the {key} {twice[0]!r} stands twice")
        return value


def read_deployment(path: Path) -> Deployment:
    """Reads a deployment file.

    Raises:
        ConfigError: the file cannot be read, or has faults; each is named with its key.
    """
    values = read_yaml(path)
    try:
        return Deployment.model_validate(values)
    except ValidationError as error:
        faults = "\n  ".join(map(str, faults_of(error, values)))
        raise ConfigError(f"{path}:\n  {faults}") from None


def resolve_platform(
    deployment: Deployment, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> Resolved[PlatformSettings]:
    """Defaults, then the deployment file's address, then `BANYAN_` variables, then the options.

    Raises:
        ConfigError: a value cannot be used.
    """
    address = {f"http_{key}": value for key, value in deployment.http_options if value is not None}
    given = {key: value for key, value in overrides.items() if value is not None}
    return load(PlatformSettings, environ=environ, values=address, overrides=given)


def application_environment(
    settings: PlatformSettings, *, bootstrap: str | None = None
) -> dict[str, str]:
    """What the applications are told by the platform, as the variables that they read.

    `bootstrap` is the embedded broker's address. A broker that the user names is not told: the
    applications inherit its variables, secrets among them, as they are.
    """
    environment = {
        "BANYAN_STATE_DIR": str(settings.state_dir),
        "BANYAN_LOG_LEVEL": settings.log_level,
        "BANYAN_MAX_BODY_BYTES": str(settings.max_body_bytes),
        "BANYAN_REQUIRE_KEYS": str(not settings.is_local).lower(),
        "BANYAN_HTTP_HOSTS": ",".join(settings.http_hosts),
        "BANYAN_HTTP_ORIGINS": ",".join(settings.http_origins),
    }
    if settings.database_url is not None:
        environment["BANYAN_DATABASE_URL"] = settings.database_url.get_secret_value()
    if bootstrap is not None:
        environment["BANYAN_KAFKA_BOOTSTRAP"] = bootstrap
    return environment


def resolve_application(entry: ApplicationEntry, platform: PlatformSettings) -> Resolved[Settings]:
    """An application's settings as `banyan up` starts it.

    Raises:
        ConfigError: a setting is wrong, or the application has no settings model.
    """
    environ = {**os.environ, **application_environment(platform)}
    return load(settings_model(entry), environ=environ, section=entry.name, values=entry.args)


def settings_model(entry: ApplicationEntry) -> type[Settings]:
    """The one model in `<package>.config` that has the state folder: the application's own.

    Raises:
        ConfigError: there is no such model.
    """
    package = entry.import_path.partition(":")[0].rpartition(".")[0]
    try:
        module = importlib.import_module(f"{package}.config")
    except ModuleNotFoundError as error:
        raise ConfigError(f"the application {entry.name} has no {error.name}") from None
    for _, model in inspect.getmembers(module, inspect.isclass):
        if not issubclass(model, Settings) or model.__module__ != module.__name__:
            continue
        if "state_dir" in model.model_fields:
            return model
    raise ConfigError(f"{package}.config has no settings model with a state_dir")

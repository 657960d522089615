"""One precedence everywhere: defaults, then the file, then `BANYAN_` variables, then overrides.

The settings themselves live in frozen pydantic models beside what they configure; this module
only resolves them and remembers where each value comes from.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from shared.errors import ConfigError
from shared.failures import reason_of
from shared.validation.faults import Place, faults_of
from shared.validation.values import found

Values = dict[str, Any]


class Settings(BaseModel, frozen=True, extra="forbid", validate_default=True):
    """Base of every settings model: immutable, and a key that does not exist is a fault."""


SettingsT = TypeVar("SettingsT", bound=Settings)


@dataclass(frozen=True, slots=True)
class Resolved(Generic[SettingsT]):
    """A configuration, and for each key (dotted path) that is set: where its value comes from."""

    settings: SettingsT
    sources: Mapping[str, str]


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML without the silent overwriting of a key that stands twice; `faults` names each one."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.faults: list[str] = []


def _construct_unique(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> Values:
    mapping: Values = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            loader.faults.append(f"line {line}: {key!r} is not a key: write a name")
            continue
        if key in mapping:
            loader.faults.append(f"line {line}: the key {key!r} stands twice: remove one")
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:map", _construct_unique)


def read_yaml(path: Path) -> Values:
    """Reads a YAML mapping.

    Raises:
        ConfigError: the file is missing, not UTF-8, not YAML, not a mapping, or has keys twice,
            each of which is named.
    """
    try:
        values = _load(path.read_text("utf-8"))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except OSError as error:
        said = (error.strerror or "").lower()
        raise ConfigError(f"{path} cannot be read: {said}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {_yaml_fault(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {found(values)}")
    return values


def _load(text: str) -> Any:
    loader = _UniqueKeyLoader(text)
    try:
        values = loader.get_single_data()
    finally:
        loader.dispose()
    if loader.faults:
        raise ConfigError("; ".join(loader.faults))
    return values


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place; `sources` names the place of each dotted path, `name` of the rest."""

    name: str
    values: Values
    sources: Mapping[str, str] = field(default_factory=dict)


def from_environment(
    model: type[Settings], environ: Mapping[str, str], *, prefix: str, section: str = ""
) -> Layer:
    """What environment variables set.

    `PREFIX_KEY` sets a top-level key of any model that has it. With a `section`,
    `PREFIX_SECTION__KEY__SUBKEY` sets any key of that section's model and wins over the former.
    """
    values: Values = {}
    sources: dict[str, str] = {}
    for name in model.model_fields:
        variable = f"{prefix}{name.upper()}"
        if variable in environ:
            set_path(values, name, _parse(environ[variable]))
            sources[name] = variable
    if section:
        start = f"{prefix}{section.upper()}__"
        for variable in sorted(v for v in environ if v.startswith(start)):
            path = variable.removeprefix(start).lower().replace("__", ".")
            set_path(values, path, _parse(environ[variable]))
            sources[path] = variable
    return Layer("environment", values, sources)


def parse_assignments(assignments: Iterable[str]) -> Values:
    """Turns `["a.b=1", ...]` from a command line into nested values.

    Raises:
        ConfigError: an item has no `=`.
    """
    values: Values = {}
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator or not path:
            raise ConfigError(f"--set {assignment!r}: expected KEY=VALUE, such as seed=1")
        set_path(values, path, _parse(text))
    return values


def resolve(model: type[SettingsT], *layers: Layer) -> Resolved[SettingsT]:
    """Merges layers, the later ones winning, and validates the result once.

    Raises:
        ConfigError: with every fault at once, each with its key and where its value came from.
    """
    merged: Values = {}
    sources: dict[str, str] = {}
    for layer in layers:
        _merge(merged, layer.values)
        sources.update((p, layer.sources.get(p, layer.name)) for p, _ in leaves(layer.values))
    try:
        settings = model.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_faults(model, error, merged, sources)) from None
    return Resolved(settings, sources)


def load(
    model: type[SettingsT],
    *,
    environ: Mapping[str, str],
    section: str = "",
    file: Path | None = None,
    values: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    prefix: str = "BANYAN_",
) -> Resolved[SettingsT]:
    """Resolves a model from a file or its values, the environment and overrides.

    Raises:
        ConfigError: the file cannot be read, or with every fault of the values at once.
    """
    return resolve(
        model,
        Layer(str(file), read_yaml(file) if file else {}),
        Layer("file", dict(values or {})),
        from_environment(model, environ, prefix=prefix, section=section),
        Layer("command line", dict(overrides or {})),
    )


def _parse(text: str) -> Any:
    """Text as pydantic coerces it; lists, mappings and null alone are read as YAML.

    A text of these four letters can be given in a file alone.
    """
    if text.strip()[:1] not in ("[", "{") and text.strip() != "null":
        return text
    try:
        return _load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{text!r} cannot be read as YAML: {_yaml_fault(error)}") from None


def _yaml_fault(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"{error.problem} (line {error.problem_mark.line + 1})"
    return reason_of(error)


def set_path(values: Values, path: str, value: Any) -> None:
    """Sets the value at a dotted path.

    Raises:
        ConfigError: a part of the path has a value already.
    """
    keys = path.split(".")
    for place, key in enumerate(keys[:-1], start=1):
        inside = values.setdefault(key, {})
        if not isinstance(inside, dict):
            raise ConfigError(
                f"{'.'.join(keys)} cannot be set, because {'.'.join(keys[:place])} is {inside!r}: "
                "leave one of them out"
            )
        values = inside
    values[keys[-1]] = value


def _merge(into: Values, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def leaves(values: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted path of each value that is not a mapping, or an empty one, and the value."""
    for key, value in values.items():
        path = f"{start}{key}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def _faults(
    model: type[Settings], error: ValidationError, given: Values, sources: Mapping[str, str]
) -> str:
    faults = faults_of(error, given)
    lines = [f"the configuration has {len(faults)} fault{'' if len(faults) == 1 else 's'}:"]
    for fault in faults:
        source = f" (from {sources[fault.location]})" if fault.location in sources else ""
        secret = f"{fault.location}: expected a text (what is set is not shown)"
        lines.append(f"{secret if _is_secret(model, fault.place) else fault}{source}")
    return "\n  ".join(lines)


def _is_secret(model: type[BaseModel], place: Place) -> bool:
    """Whether a place holds a password or the like, which no message may show."""
    if not place or (info := model.model_fields.get(str(place[0]))) is None:
        return False
    kinds = [kind for kind in _kinds(info.annotation) if isinstance(kind, type)]
    inner = (kind for kind in kinds if issubclass(kind, BaseModel))
    return SecretStr in kinds or any(_is_secret(kind, place[1:]) for kind in inner)


def _kinds(annotation: object) -> Iterator[object]:
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)

"""One precedence, every fault at once, and where each value comes from."""

from pathlib import Path

import pytest

from shared.config import Settings, load, parse_assignments, read_yaml
from shared.errors import ConfigError


class Inner(Settings):
    depth: int = 1
    names: tuple[str, ...] = ()


class Example(Settings):
    port: int = 8000
    state_dir: Path = Path("var")
    inner: Inner = Inner()


def test_defaults_then_file_then_environment_then_command_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("port: 1\nstate_dir: from-file\ninner: {depth: 1}\n")
    resolved = load(
        Example,
        file=file,
        environ={"BANYAN_PORT": "2", "BANYAN_TEST__INNER__DEPTH": "2", "UNRELATED": "x"},
        section="test",
        overrides={"inner": {"depth": 3}},
    )
    assert resolved.settings == Example(port=2, state_dir=Path("from-file"), inner=Inner(depth=3))
    assert resolved.sources == {
        "port": "BANYAN_PORT",
        "state_dir": str(file),
        "inner.depth": "command line",
    }


def test_a_section_wins_over_the_variable_for_all() -> None:
    environ = {"BANYAN_PORT": "1", "BANYAN_TEST__PORT": "2"}
    assert load(Example, environ=environ, section="test").settings.port == 2


def test_a_list_in_the_environment_is_written_in_yaml() -> None:
    environ = {"BANYAN_TEST__INNER__NAMES": "[a, b]"}
    assert load(Example, environ=environ, section="test").settings.inner.names == ("a", "b")


def test_all_faults_are_reported_at_once_with_their_sources() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            Example,
            environ={"BANYAN_TEST__TYPO": "1", "BANYAN_PORT": "many"},
            section="test",
            values={"inner": {"depth": "deep"}},
        )
    message = str(caught.value)
    assert "3 faults" in message
    assert "typo" in message
    assert "port: expected a whole number, found 'many'" in message
    assert "(from BANYAN_PORT)" in message
    assert "inner.depth" in message


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("port: 1\nport: 2\n")
    with pytest.raises(ConfigError, match="line 2: the key 'port' stands twice"):
        read_yaml(file)


def test_every_key_that_stands_twice_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("port: 1\ninner: {depth: 1, depth: 2}\nport: 2\n? [a]\n: 1\n")
    with pytest.raises(ConfigError) as caught:
        read_yaml(file)
    message = str(caught.value)
    for fault in (
        "line 2: the key 'depth'",
        "line 3: the key 'port'",
        "line 4: ['a'] is not a key",
    ):
        assert fault in message


@pytest.mark.parametrize("text", ["a={b: 1, b: 2}", "a=[b", "a={b: c: d}"])
def test_a_value_on_the_command_line_is_checked_alike(text: str) -> None:
    with pytest.raises(ConfigError, match=r"stands twice|cannot be read as YAML"):
        parse_assignments([text])


@pytest.mark.parametrize("content", [b"- a list", b"\xff\xfe", b"a: [", b"a: b: c"])
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        read_yaml(file)


def test_assignments_nest() -> None:
    assert parse_assignments(["a.b=1", "a.c=[x, y]", "d=e=f", "e=null"]) == {
        "a": {"b": "1", "c": ["x", "y"]},
        "d": "e=f",
        "e": None,
    }
    for inside in (["a=null", "a.b=1"], ["a=1", "a.b.c=1"]):
        with pytest.raises(ConfigError, match=r"cannot be set, because a is (None|'1')"):
            parse_assignments(inside)
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        parse_assignments(["seed"])

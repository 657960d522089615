import gzip
import json
from pathlib import Path

import pytest

from services.cli.news.news_file import examine_news
from shared.errors import InputError

GOOD = {"id": "1", "published_at": "2026-03-02T09:00:00Z", "source": "wire", "text": "Acme gains"}


def line(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


def write(path: Path, *lines: str | bytes) -> Path:
    content = b"".join(part if isinstance(part, bytes) else f"{part}\n".encode() for part in lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["news.jsonl", "news.jsonl.gz"])
def test_lines_are_read_in_order_with_their_times(tmp_path: Path, name: str) -> None:
    path = write(
        tmp_path / name,
        line(),
        "",
        line(id="2", published_at="2026-03-02T10:00:00+00:00"),
        line(id="3", published_at="2026-03-02T09:30:00Z"),
    )

    news = examine_news(path)

    assert (news.count, news.refused_count, news.span_s) == (3, 0, 3600)
    assert [(found.number, found.id) for found in news.lines()] == [(1, "1"), (3, "2"), (4, "3")]
    assert json.loads(next(news.lines()).value) == GOOD


def test_every_bad_line_is_named_with_its_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path / "news.jsonl",
        line(),
        "{",
        line(text=""),
        b'{"id": "\xff\xff"}\n',
        line(published_at="yesterday"),
        line(text="x" * 300_000),
        line(id="last"),
    )

    news = examine_news(path)

    assert [found.id for found in news.lines()] == ["1", "last"]
    assert [fault.split(": ")[0] for fault in news.refused] == [
        f"{path}:{number}" for number in (2, 3, 4, 5, 6)
    ]
    reasons = [fault.split(": ")[1] for fault in news.refused]
    assert reasons == ["not JSON", "bad-schema", "not UTF-8", "bad-schema", "too-large"]


def test_many_faults_are_counted_and_the_first_kept(tmp_path: Path) -> None:
    news = examine_news(write(tmp_path / "news.jsonl", *["{"] * 250))

    assert (news.count, news.span_s) == (0, 0)
    assert (news.refused_count, len(news.refused)) == (250, 100)


@pytest.mark.parametrize(
    "content", [None, b"\x1f\x8b broken", gzip.compress(b"x" * 999, mtime=0)[:-4]]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "news.jsonl"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match=r"news\.jsonl: cannot be read"):
        examine_news(path)

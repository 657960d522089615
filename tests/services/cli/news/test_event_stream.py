import pytest

from services.cli.news.event_stream import ServerEvent, parse_events

STREAM = (
    ': hello\n\nid: 1\nevent: alert\ndata: {"a":"x\u2028y"}\n\n'
    "id: 2\r\ndata: one\r\ndata:two\r\n\r\n: still here\n\ndata: cut off\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    content = STREAM.encode()
    chunks = [content[start : start + size] for start in range(0, len(content), size)]

    assert list(parse_events(chunks)) == [
        ServerEvent("1", "alert", '{"a":"x\u2028y"}'),
        ServerEvent("2", "message", "one\ntwo"),
    ]

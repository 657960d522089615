"""Every consumer of files reads every format, encoding and separator, or says what it found."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from services.cli.news.news_file import examine_news
from services.cli.shop.feedback import open_source
from services.cli.shop.rows import EVENTS, ITEMS, RowKind, event_of
from services.support.ingest.files import read_file
from services.support.ingest.ids import DerivedIds
from shared.errors import InputError
from shared.tabular.cells import values_of
from shared.tabular.rows import Row
from shared.training.data.formats import PLAIN, Columns
from shared.training.data.reading import read_rows
from shared.training.tasks.classify.rows import labelled_formats
from tests.harness.rows import UNICODE, Written, write, written

FRENCH = ("Où est ma carte; la “mienne” ?", "Comment ça marche,\nd’après vous ?")
CHINESE = ("如何更改我的密码, 请到最近的分行办理", "我的卡在哪里;\n您的卡已于昨天寄出")
TEXTS = [(FRENCH, "cp1252"), (CHINESE, "gb18030")]
MOMENT = "2026-03-02T09:00:00Z"


@dataclass(frozen=True)
class Consumer:
    """What reads files: the columns that it needs beside the text, and the texts that it gives."""

    text: str
    others: dict[str, str]
    read: Callable[[Path], list[str]]


def _knowledge(path: Path) -> list[str]:
    name = path.name.removesuffix(".gz")
    found = read_file(name, path.read_bytes(), DerivedIds())
    return [document.title.replace("\\n", "\n") for document in found]


def _training(path: Path) -> list[str]:
    examples = read_rows([(path, labelled_formats(Columns())[PLAIN].read)])
    assert {example.label for example in examples} == {"a"}
    return [str(example.text) for example in examples]


def _news(path: Path) -> list[str]:
    news = examine_news(path)
    assert not news.refused, news.refused
    values = [orjson.loads(line.value) for line in news.lines()]
    assert all(value["entities"] == ["Acme", "Fern"] for value in values if ".csv" in path.name)
    return [value["text"] for value in values]


def _behaviour(kind: RowKind, path: Path) -> list[str]:
    source = open_source(kind, path)
    rows = [row for row in source.table.rows() if isinstance(row, Row)]
    events = [event_of(kind, values_of(source.table, row), source.undated_ms) for row in rows]
    fields = [event["fields"] for event in events]
    return [
        str(field["value"])
        for of_event in fields
        if isinstance(of_event, list)
        for field in of_event
        if str(field["name"]).lower() == "title"
    ]


CONSUMERS = {
    "knowledge": Consumer("question", {"answer": "x"}, _knowledge),
    "training": Consumer("text", {"label": "a"}, _training),
    "news": Consumer(
        "text",
        {"id": "#", "published_at": MOMENT, "source": "wire", "entities": "Acme|Fern"},
        _news,
    ),
    "items": Consumer("title", {"item_id": "#"}, lambda path: _behaviour(ITEMS, path)),
    "events": Consumer(
        "title",
        {"item_id": "#", "user_id": "u", "timestamp": MOMENT, "type": "click"},
        lambda path: _behaviour(EVENTS, path),
    ),
}


def _files(consumer: Consumer) -> list[tuple[Written, tuple[str, ...]]]:
    return [
        (file, texts)
        for texts, codec in TEXTS
        for file in written(_rows(consumer, texts), (*UNICODE, codec))
    ]


def _rows(consumer: Consumer, texts: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {consumer.text: text, **{k: v.replace("#", str(n)) for k, v in consumer.others.items()}}
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("name", CONSUMERS)
def test_every_file_gives_its_texts(tmp_path: Path, name: str) -> None:
    consumer = CONSUMERS[name]
    files = _files(consumer)
    assert len(files) == 168

    for file, texts in files:
        if name == "knowledge" and file.name.endswith(".gz"):
            continue  # Uploads are not packed: their size is known before they are read.
        # Names of entities in JSON Lines are a list, which the table of texts does not write.
        if name == "news" and ".jsonl" in file.name:
            file = Written(file.case, file.name, _without_entities(file.content))
        assert consumer.read(write(tmp_path, file)) == list(texts), file.case


def _without_entities(content: bytes) -> bytes:
    is_packed = content.startswith(b"\x1f\x8b")
    plain = gzip.decompress(content) if is_packed else content
    for codec in ("utf-8", "utf-16-le", "utf-16-be"):
        said = ', "entities": "Acme|Fern"'.encode(codec)
        plain = plain.replace(said, b"")
    return gzip.compress(plain) if is_packed else plain


@pytest.mark.parametrize("name", CONSUMERS)
def test_other_headings_are_refused_with_what_was_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("Überschrift;Wert\nein Text;Zürich\n".encode("cp1252"))

    with pytest.raises(InputError) as caught:
        CONSUMERS[name].read(path)

    said = str(caught.value)
    assert "'Überschrift', 'Wert'" in said
    assert any(expected in said for expected in ("'text'", "question and answer", "column"))
    assert "CSV in Windows-1252, separated by semicolons" in said


@pytest.mark.parametrize("name", CONSUMERS)
def test_an_encoding_that_is_not_sure_is_refused_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("вопрос;ответ\nГде моя карта?;Она отправлена\n".encode("cp1251"))

    with pytest.raises(InputError, match=r"line 1 is not UTF-8 .* cannot be told for certain"):
        CONSUMERS[name].read(path)

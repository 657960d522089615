import random
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from services.cli.knowledge.bases import delete, load, load_files, rebuild, show
from shared.errors import AuthenticationError, NotFoundError
from tests.harness.support.office import docx, manual_pdf, paragraph, scanned_pdf
from tests.services.cli.served import URL, Answer, Served, connected


def write(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        paths.append(path)
    return paths


def test_a_folder_is_loaded(
    tmp_path: Path, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, a_md="A", b_html="B", c_csv="question,answer\n1,2\n")
    served = Served()
    answered_by(served)

    load(tmp_path, "kb", url=URL)

    assert served.files == ["a.md", "b.html", "c.csv"]
    assert len(served.requests) == 1
    assert "3 documents loaded into kb, 0 refused" in capsys.readouterr().out


def test_a_stated_language_is_sent_before_the_documents(
    tmp_path: Path, answered_by: Callable[[Answer], None]
) -> None:
    write(tmp_path, a_md="A")
    served = Served()
    answered_by(served)

    load(tmp_path, "客服", language="zh", url=URL)

    assert [each.method for each in served.requests] == ["PUT", "POST"]
    assert served.requests[0].url.path.endswith("/knowledge-bases/客服")
    assert dict(served.requests[0].url.params) == {"language": "zh"}


def test_a_folder_of_all_endings_is_loaded_whatever_the_size_of_its_files(
    tmp_path: Path, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, a_md="A", f_txt="F", g_csv="question,answer\n1,2\n")
    large = {"word/media/photo.png": random.Random(7).randbytes(10_000_000)}
    (tmp_path / "b.DOCX").write_bytes(docx(paragraph("Owls hunt at night."), parts=large))
    (tmp_path / "c.pdf").write_bytes(manual_pdf(["First use"]))
    (tmp_path / "d.pdf").write_bytes(scanned_pdf(1))
    (tmp_path / "e.docx").write_bytes(b"%PDF-1.7")
    served = Served()
    answered_by(served)

    with pytest.raises(typer.Exit):
        load(tmp_path, "kb", url=URL)

    assert served.files == ["a.md", "b.DOCX.jsonl", "c.pdf.jsonl", "f.txt", "g.csv"]
    assert len(served.requests) == 1
    body = served.requests[0].content
    assert len(body) < 20_000
    assert b'"id":"b","title":"b","text":"<p>Owls hunt at night.</p>","format":"html"' in body
    assert b'"id":"c","title":"Aurora Barista 3 manual"' in body
    said = capsys.readouterr().out
    assert f"refused: {tmp_path}/d.pdf: 1 of its 1 pages have no text" in said
    assert f"refused: {tmp_path}/e.docx: it is not a DOCX, it is a PDF" in said
    assert "5 documents loaded into kb, 2 refused" in said


def test_a_refused_file_is_named_and_the_rest_is_loaded(
    tmp_path: Path, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, a_md="A", b_md="bad", c_md="C")
    served = Served()
    answered_by(served)

    with pytest.raises(typer.Exit) as ended:
        load(tmp_path, "kb", url=URL)

    assert ended.value.exit_code == 1

    assert served.files == ["a.md", "c.md"]
    said = capsys.readouterr().out
    assert f"refused: {tmp_path}/b.md: line 1: no question" in said
    assert "2 documents loaded into kb, 1 refused" in said


def test_batches_are_bounded(tmp_path: Path) -> None:
    files = write(tmp_path, **{f"f{number}_md": "x" for number in range(70)})
    served = Served()
    done: list[int] = []

    with connected(served) as platform:
        loaded = load_files(platform, files, "kb", done.append)

    assert loaded.documents == 70
    assert len(served.requests) == 3
    assert done == [32, 64, 70, 70]


def test_two_files_that_would_be_one_document_are_not_mixed_up(tmp_path: Path) -> None:
    files = write(tmp_path, a__card_md="A", b__card_md="B")
    served = Served()

    with connected(served) as platform:
        loaded = load_files(platform, files, "kb", lambda done: None)

    assert served.files == ["card.md"]
    assert loaded.refused == [f"{files[1]}: has the same name, and so the same id, as {files[0]}"]


def test_without_a_key_nothing_is_tried_again(tmp_path: Path) -> None:
    files = write(tmp_path, a_md="A", b_md="B")
    served = Served(status=401)

    with connected(served) as platform, pytest.raises(AuthenticationError):
        load_files(platform, files, "kb", lambda done: None)

    assert len(served.requests) == 1


def test_knowledge_bases_are_listed(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Served())

    show(url=URL)

    assert "help-centre" in capsys.readouterr().out


def test_an_index_is_rebuilt(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()
    answered_by(served)

    rebuild("kb", url=URL)

    assert served.requests[0].url.path == "/support/knowledge-bases/kb/rebuild"
    assert "3 documents of kb embedded with embed@1" in capsys.readouterr().out


def test_files_with_other_endings_are_named_in_a_load(
    tmp_path: Path, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, a_md="A", b_odt="B", c_pptx="C")

    answered_by(Served())

    load(tmp_path, "kb", url=URL)

    said = capsys.readouterr().out
    assert "passed over: 1 file that ends in .odt (b.odt): documents end in .csv" in said
    assert "passed over: 1 file that ends in .pptx (c.pptx)" in said
    assert 'banyan ask "..." --kb kb' in said


def test_a_knowledge_base_is_deleted_after_it_was_confirmed(
    answered_by: Callable[[Answer], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = Served()
    answered_by(served)
    asked: list[str] = []

    def declined(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(typer, "confirm", declined)
    with pytest.raises(typer.Exit) as ended:
        delete("shop", url=URL)
    assert ended.value.exit_code == 1
    assert [request.method for request in served.requests] == ["GET"]
    monkeypatch.setattr(typer, "confirm", lambda _question: True)
    delete("shop", url=URL)

    assert asked == ["delete the knowledge base shop with its 12 documents?"]
    assert served.requests[-1].method == "DELETE"
    assert str(served.requests[-1].url).endswith("/support/knowledge-bases/shop?confirm=shop")
    assert "deleted shop with its 12 documents" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["none", ".."])
def test_nothing_is_deleted_that_is_not_there(
    name: str, answered_by: Callable[[Answer], None]
) -> None:
    served = Served()
    answered_by(served)

    with pytest.raises(NotFoundError):
        delete(name, yes=True, url=URL)

    assert [request.method for request in served.requests] == ["GET"]

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.support.ingest.extraction import extractor, limits, process
from services.support.ingest.extraction.documents import row_of
from services.support.ingest.extraction.extracted import Extracted, FileKind
from services.support.ingest.extraction.extractor import Extractor, check_size
from services.support.ingest.extraction.process import Ended, Seconds, read_in_process
from services.support.ingest.extraction.worker import TEXT
from shared.errors import InputError
from tests.harness.support.office import docx, lines_pdf, paragraph, raw_pdf

OWLS = docx(paragraph("Owls", style="Heading1") + paragraph("Owls hunt at night."), title="Birds")


def _extractor(budget_s: float, wall_s: float) -> Extractor:
    """One with other seconds on the clock than usual."""
    return Extractor(
        budget_s,
        read=lambda kind, content, most: read_in_process(
            kind, content, Seconds(most.processor, wall_s)
        ),
    )


def test_a_file_is_read_in_another_process() -> None:
    read = Extractor(60).extract(FileKind.DOCX, OWLS, name="owls.docx")

    assert read == Extracted("<h1>Owls</h1>\n<p>Owls hunt at night.</p>", "Birds")
    assert row_of("a/owls.docx", read) == {
        "id": "owls",
        "title": "Birds",
        "text": read.html,
        "format": "html",
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("html", "given", "title"),
    [
        ("<p>a</p>\n<h2>Owls &amp; mice</h2>", "Birds", "Birds"),
        ("<p>a</p>\n<h2>Owls &amp; mice</h2>", "", "Owls & mice"),
        ("<p>a</p>", "", "owls.v2"),
    ],
)
def test_a_title_is_given_or_the_first_heading_or_the_name(
    html: str, given: str, title: str
) -> None:
    assert row_of("owls.v2.pdf", Extracted(html, given))["title"] == title


def test_a_reason_names_the_file() -> None:
    with pytest.raises(InputError, match=r"^mine\.pdf: it is not a PDF, it is a zip") as refused:
        Extractor(60).extract(FileKind.PDF, OWLS, name="mine.pdf")
    assert refused.value.param == "file"


def test_what_takes_too_long_is_ended() -> None:
    endless = raw_pdf(b"BT /F1 10 Tf 50 700 Td (" + b"a" * 3_000_000 + b")Tj ET")

    with pytest.raises(InputError, match=r"slow\.pdf: reading it takes more than 2 seconds of a"):
        _extractor(2, wall_s=600).extract(FileKind.PDF, endless, name="slow.pdf")


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process waits for three seconds before it reads, as where others need the processors."""
    (tmp_path / "waiting.py").write_text(
        "import time\n"
        "from services.support.ingest.extraction import worker\n"
        "time.sleep(3)\n"
        "worker.main()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "_MODULE", "waiting")


@pytest.mark.usefixtures("waiting")
def test_a_busy_machine_refuses_no_file_that_a_quiet_one_reads() -> None:
    extractor = _extractor(2.5, wall_s=600)

    assert extractor.extract(FileKind.DOCX, OWLS, name="owls.docx").title == "Birds"


@pytest.mark.usefixtures("waiting")
def test_no_file_is_waited_for_without_end() -> None:
    with pytest.raises(InputError, match=r"owls\.docx: it is not read within 1 seconds, since"):
        Extractor(1 / limits.WALL_FACTOR).extract(FileKind.DOCX, OWLS, name="owls.docx")


def test_the_clock_bounds_a_file_by_several_times_its_processor_seconds() -> None:
    given: list[Seconds] = []

    def read(_kind: FileKind, _content: bytes, most: Seconds) -> Ended:
        given.append(most)
        return Ended(0, TEXT + Extracted("<p>a</p>", "").dump(), "", Seconds(1, 2))

    extractor = Extractor(60, read=read)
    for _ in range(2):
        extractor.extract(FileKind.DOCX, OWLS, name="owls.docx")

    assert given == [Seconds(60, 60 * limits.WALL_FACTOR), Seconds(59, 60 * limits.WALL_FACTOR - 2)]


def test_what_takes_too_much_memory_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hungry.py").write_text(
        "from services.support.ingest.extraction import limits, worker\n"
        "worker.extract = lambda kind, content: bytes(limits.MAX_MEMORY_BYTES)\n"
        "worker.main()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "_MODULE", "hungry")

    with pytest.raises(InputError, match=r"bomb\.pdf: it takes more memory than is given"):
        Extractor(60).extract(FileKind.PDF, b"%PDF", name="bomb.pdf")


@pytest.mark.parametrize("used", [Seconds(30, 40), Seconds(1, 150)])
def test_the_files_of_a_request_share_its_seconds(used: Seconds) -> None:
    answer = TEXT + Extracted("<p>a</p>", "").dump()
    reader = Extractor(60, read=lambda *_: Ended(0, answer, "", used))
    for _ in range(2):
        reader.extract(FileKind.DOCX, OWLS, name="owls.docx")

    with pytest.raises(InputError, match=r"c\.pdf: the files before it took the 60 seconds of a"):
        reader.extract(FileKind.DOCX, OWLS, name="c.pdf")


def test_what_a_file_took_is_counted_in_processor_seconds() -> None:
    ended = read_in_process(FileKind.DOCX, OWLS, Seconds(60, 600))

    assert ended.status == 0
    assert 0 < ended.used.processor < 60
    assert ended.used.wall > 0


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    check_size(limits.MAX_FILE_BYTES, name="a.pdf")
    with pytest.raises(InputError, match=r"a\.pdf: it has 70 MiB, at most 64"):
        check_size(70 * 1024 * 1024, name="a.pdf")

    monkeypatch.setattr(extractor, "MAX_FILE_BYTES", 10)
    with pytest.raises(InputError, match="at most"):
        Extractor(60).extract(FileKind.DOCX, OWLS, name="owls.docx")


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.kill(os.getpid(), 11)",
        "raise SystemExit(3)",
        "print('something else')",
        "",
    ],
)
def test_a_process_that_ends_without_a_word_is_a_broken_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    (tmp_path / "ending.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "_MODULE", "ending")

    with pytest.raises(InputError, match="a DOCX that is broken, or takes more memory"):
        Extractor(60).extract(FileKind.DOCX, OWLS, name="owls.docx")


def test_the_process_knows_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "telling.py").write_text(
        "import os, sys\n"
        "from services.support.ingest.extraction.extracted import Extracted\n"
        "told = ' '.join(os.environ)\n"
        "sys.stdout.buffer.write(b'text ' + Extracted(told, '').dump())\n"
    )
    monkeypatch.setenv("BANYAN_SUPPORT__DATABASE_URL", "postgresql://secret")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "_MODULE", "telling")

    told = Extractor(60).extract(FileKind.DOCX, OWLS, name="owls.docx").html.split()

    assert "PYTHONPATH" in told
    assert not [name for name in told if name.startswith("BANYAN")]


@pytest.mark.parametrize(
    ("limits", "loop", "ended_by"),
    [
        ("0.2, 3600", "pass", signal.SIGPROF),
        ("3600, 0.2", "time.sleep(1)", signal.SIGALRM),
        ("0.2, 3600", "signal.signal(signal.SIGPROF, signal.SIG_IGN)", signal.SIGXCPU),
    ],
)
def test_a_process_without_its_parent_ends_by_itself(
    limits: str, loop: str, ended_by: signal.Signals
) -> None:
    command = "\n".join(
        [
            "import signal, time",
            "from services.support.ingest.extraction.limits import limit_this_process",
            f"limit_this_process({limits})",
            f"while True: {loop}",
        ]
    )

    ended = subprocess.run([sys.executable, "-c", command], timeout=600, env=dict(os.environ))

    assert ended.returncode == -ended_by


def test_nothing_of_the_platform_is_loaded_to_read_a_file() -> None:
    code = (
        "import sys\nfrom services.support.ingest.extraction import worker\n"
        "from services.support.ingest.extraction.extracted import FileKind\n"
        "worker.extract(FileKind(sys.argv[1]), sys.stdin.buffer.read())\n"
        "print(*(name for name in ('numpy', 'pydantic', 'sqlalchemy', 'fastapi', 'torch') "
        "if name in sys.modules))"
    )
    for kind, content in (("docx", OWLS), ("pdf", lines_pdf([[(20, 40, "Owls hunt.")]]))):
        run = subprocess.run(
            [sys.executable, "-c", code, kind], input=content, capture_output=True, check=True
        )
        assert run.stdout.strip() == b""

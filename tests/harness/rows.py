"""Files of rows as Excel, LibreOffice, pandas and a Chinese Windows write them."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Rows = Sequence[Mapping[str, str]]

SEPARATORS = (",", ";", "\t", "|")
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
"""Encodings that hold every text; `utf-16` has its mark, the two after it have none."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that holds the rows: how it is named, and its bytes."""

    case: str
    name: str
    content: bytes


def written(rows: Rows, encodings: Sequence[str]) -> list[Written]:
    """The rows in every format, encoding and separator."""
    files = [_csv(rows, codec, mark) for codec in encodings for mark in SEPARATORS]
    files += [_csv(rows, codec, ";", says=True, heads=str.upper) for codec in encodings]
    files += [_csv(rows, codec, ";", heads=lambda name: f" {name.title()} ") for codec in encodings]
    files += [_json_lines(rows, codec) for codec in encodings]
    packed = [
        Written(f"{each.case}, gzip", f"{each.name}.gz", gzip.compress(each.content))
        for each in files
    ]
    return files + packed


def write(folder: Path, file: Written) -> Path:
    """The file on disk."""
    path = folder / file.name
    path.write_bytes(file.content)
    return path


def _csv(
    rows: Rows, codec: str, mark: str, *, says: bool = False, heads: Callable[[str], str] = str
) -> Written:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=mark)
    writer.writerow([heads(name) for name in rows[0]])
    writer.writerows(row.values() for row in rows)
    said = f"sep={mark}\r\n" if says else ""
    case = f"CSV, {codec}, {mark!r}{', sep=' if says else ''}"
    return Written(case, "rows.csv", (said + text.getvalue()).encode(codec))


def _json_lines(rows: Rows, codec: str) -> Written:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Written(f"JSON Lines, {codec}", "rows.jsonl", lines.encode(codec))

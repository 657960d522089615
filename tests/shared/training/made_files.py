"""Files of every kind that is read, with good rows and bad ones in them."""

import gzip
from pathlib import Path

import pyarrow
import pyarrow.parquet


def write_files(folder: Path) -> list[Path]:
    """JSON Lines, CSV, gzip and Parquet, among them damaged, empty, missing and unknown ones."""
    lines = [f'{{"text": "text {i}", "label": "{i % 3}"}}'.encode() for i in range(60)]
    lines[7], lines[30], lines[59] = b"no json", b"", b'{"text": "caf\xe9", "label": "a"}'
    contents = {
        "rows.jsonl": b"\xef\xbb\xbf" + b"\n".join(lines),
        "rows.csv": b'label,text\r\na,"two\nlines"\r\nb\r\n"open,c\r\n',
        "rows.jsonl.gz": gzip.compress(b"\n".join(lines)),
        "cut.jsonl.gz": gzip.compress(b"\n".join(lines))[:-20],
        "empty.jsonl": b"",
        "unknown.txt": b"text",
        "damaged.parquet": b"PAR1 and no more",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    labels = [None if i == 11 else i for i in range(20)]
    table = pyarrow.table({"text": [f"row {i}" for i in range(20)], "label": labels})
    pyarrow.parquet.write_table(table, folder / "rows.parquet", row_group_size=3)
    return [folder / name for name in (*contents, "rows.parquet", "missing.csv")]

"""`banyan kb`: loads, lists, rebuilds and deletes knowledge bases."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from services.cli.bars import bars
from services.cli.batches import batches
from services.cli.options import ApiKey, Url, connected
from shared.errors import AuthenticationError, ForbiddenError, InputError, NotFoundError

if TYPE_CHECKING:
    from services.cli.client import Platform
    from services.cli.knowledge.document_files import Piece

PATH = "/support/knowledge-bases"
_BATCH_FILES = 32
_BATCH_BYTES = 512 * 1024
_EXIT_REFUSED = 1


@dataclass
class Loaded:
    """What a load did: documents written, and a reason for every file that was refused."""

    documents: int = 0
    refused: list[str] = field(default_factory=list)


def load(
    path: Annotated[
        Path, typer.Argument(help="A file or a folder: md, html, txt, pdf, docx, csv, tsv, jsonl.")
    ],
    kb: Annotated[
        str | None, typer.Option("--kb", help="The knowledge base; it is made if there is none.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="en or zh, where the documents alone do not tell; zh reads both."),
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Load documents; prints a line for each that is refused, and then ends with code 1."""
    from services.cli.knowledge.document_files import find_files

    if kb is None:
        raise InputError(
            "which knowledge base is to be loaded? Name your own with --kb NAME, such as "
            f"`banyan kb load {path} --kb shop`; help-centre is the sample"
        )
    found = find_files(path)
    files = found.files
    console = Console(highlight=False, soft_wrap=True)
    with connected(url, key) as platform, bars(console) as progress:
        if language is not None:
            platform.put(f"{PATH}/{quote(kb, safe='')}", language=language)
        bar = progress.add_task(f"files into {kb}", total=len(files))
        loaded = load_files(platform, files, kb, lambda done: progress.update(bar, completed=done))
    for reason in loaded.refused:
        console.print(f"refused: {reason}", style="red", markup=False)
    for reason in found.reasons():
        console.print(f"passed over: {reason}", markup=False)
    count = f"{loaded.documents} document{'' if loaded.documents == 1 else 's'}"
    console.print(f"{count} loaded into {kb}, {len(loaded.refused)} refused")
    if loaded.documents:
        console.print(f'ask it: banyan ask "..." --kb {kb}', markup=False)
    if loaded.refused:
        raise typer.Exit(_EXIT_REFUSED)


def show(url: Url = None, key: ApiKey = None) -> None:
    """List the knowledge bases."""
    with connected(url, key) as platform:
        bases = platform.get(PATH)["knowledge_bases"]
    columns = ("knowledge base", "documents", "version", "language", "bundle")
    table = Table(*columns, box=None, pad_edge=False)
    for base in bases:
        figures = (str(base[key]) for key in ("documents", "version"))
        stated = " (stated)" if base["language_is_stated"] else ""
        language = f"{base['language'] or '-'}{stated}"
        table.add_row(base["name"], *figures, language, base["bundle"] or "-")
    Console(highlight=False).print(table)


def rebuild(
    kb: Annotated[str, typer.Option("--kb", help="The knowledge base.")] = "help-centre",
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Rebuild a knowledge base's index from its documents."""
    console = Console(highlight=False)
    with connected(url, key) as platform, console.status(f"embedding the documents of {kb}"):
        made = platform.post(f"{PATH}/{kb}/rebuild")
    console.print(f"{made['documents']} documents of {kb} embedded with {made['bundle']}")


def delete(
    kb: Annotated[str, typer.Argument(help="The knowledge base's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Delete a knowledge base with all of its documents; asks first."""
    console, path = Console(highlight=False), f"{PATH}/{quote(kb, safe='')}"
    with connected(url, key) as platform:
        base = platform.get(path)
        if base.get("name") != kb:
            raise NotFoundError(f"there is no knowledge base {kb!r}: `banyan kb list` shows them")
        count = f"{base['documents']} document{'' if base['documents'] == 1 else 's'}"
        if not yes and not typer.confirm(f"delete the knowledge base {kb} with its {count}?"):
            console.print(f"{kb} is kept")
            raise typer.Exit(_EXIT_REFUSED)
        platform.delete(path, confirm=kb)
    console.print(f"deleted {kb} with its {count}")


def load_files(
    platform: "Platform", files: list[Path], kb: str, on_files: Callable[[int], None]
) -> Loaded:
    """Sends files in batches; a batch that is refused is sent again a file at a time."""
    loaded = Loaded()
    done = {file: index + 1 for index, file in enumerate(files)}
    pieces = _pieces(files, loaded)
    for batch in batches(
        pieces, lambda piece: len(piece.content), most=_BATCH_FILES, most_bytes=_BATCH_BYTES
    ):
        _send(platform, kb, batch, loaded)
        on_files(done[batch[-1].path])
    on_files(len(files))
    return loaded


def _pieces(files: Iterable[Path], loaded: Loaded) -> "Iterator[Piece]":
    """Every file's pieces; of two files whose documents would have one id, the first."""
    from services.cli.knowledge.document_files import cut
    from services.support.ingest.ids import DerivedIds

    stems: dict[str, Path] = {}
    derived = DerivedIds()
    for file in files:
        try:
            pieces = list(cut(file, derived))
        except OSError as error:
            loaded.refused.append(f"{file}: {error.strerror}")
            continue
        except InputError as error:
            loaded.refused.append(str(error))
            continue
        first = stems.setdefault(file.stem, file)
        if first != file and pieces and not pieces[0].holds_rows:
            loaded.refused.append(f"{file}: has the same name, and so the same id, as {first}")
            continue
        yield from pieces


def _send(platform: "Platform", kb: str, batch: "list[Piece]", loaded: Loaded) -> None:
    from services.cli.client import patiently

    try:
        files = [(piece.name, piece.content) for piece in batch]
        path = f"{PATH}/{kb}/documents"
        loaded.documents += patiently(lambda: platform.upload(path, files))["documents"]
    except (AuthenticationError, ForbiddenError):
        raise
    except InputError as error:
        if len(batch) == 1:
            piece, reason = batch[0], str(error)
            named = reason if piece.name in reason else f"{piece.path}: {reason}"
            loaded.refused.append(named)
            return
        for piece in batch:
            _send(platform, kb, [piece], loaded)

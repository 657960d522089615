"""Mines hard negatives: python -m pipelines.mine --config FILE [--set key=value ...]

Reads pairs, finds with an embedding what is near to each query and does not answer it, and writes
JSON Lines that tasks of the kinds `embed` and `score` are trained on.
"""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
from pydantic import Field, PositiveInt
from rich.console import Console

from pipelines.command import CommandLine
from shared.config import Settings
from shared.errors import InputError
from shared.files import write_atomic
from shared.models.backbone import Backbone
from shared.models.builtin import ensure_embed
from shared.models.bundle import MODEL, Bundle
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import EmbedOutput, Float32s
from shared.training.data.formats import Columns
from shared.training.data.settings import Files, JsonLinesFile
from shared.training.data.sources import read_located
from shared.training.evaluation.answering import answer
from shared.training.evaluation.judgement import expect
from shared.training.tasks.embed.kind import EMBED
from shared.training.tasks.embed.mining import Mined, documents_of, mine


class MineSettings(Settings):
    """What is read, how hard the negatives are, and where they are written.

    `bundle` is the folder of the `embed` bundle that mines; without it the backbone's own
    embedding does. See `shared.training.tasks.embed.mining.mine` of the numbers.
    """

    files: Files
    output: JsonLinesFile
    backbone: BackboneConfig = BackboneConfig()
    bundle: Path | None = None
    negatives: PositiveInt = 4
    max_similarity: Annotated[float, Field(gt=0, le=2)] | None = 0.95
    data_dir: Path = Path("../shared/data")


def _run(settings: MineSettings, command: str, console: Console) -> int:
    mined = mine_file(settings)
    console.print(
        f"{len(mined.examples):,} queries with {settings.negatives} negatives each in "
        f"{settings.output}; the embedding finds an answer first for {mined.found_first:.1%}; "
        f"mean similarity {mined.positive_similarity:.3f} of the answers, "
        f"{mined.negative_similarity:.3f} of the negatives"
    )
    return 0


def mine_file(settings: MineSettings) -> Mined:
    """Reads, mines and writes.

    Raises:
        PlatformError: with the reason and the remedy; nothing is written then.
    """
    examples = read_located(
        settings.files, lambda file: EMBED.reader(file, Columns()), settings.data_dir
    )
    backbone = Backbone.load(settings.backbone)
    runners = Runners(backbone)
    with tempfile.TemporaryDirectory() as aside:
        bundle = _bundle(settings, backbone, Path(aside))
        runners.load(bundle)
    mined = mine(
        examples,
        *_vectors(runners, bundle, [each.query for each in examples], documents_of(examples)),
        negatives=settings.negatives,
        max_similarity=settings.max_similarity,
    )
    lines = [
        orjson.dumps({"query": each.query, "positive": positive, "negatives": each.negatives})
        for each in mined.examples
        for positive in each.positives
    ]
    write_atomic(settings.output, b"\n".join([*lines, b""]))
    return mined


def _bundle(settings: MineSettings, backbone: Backbone, aside: Path) -> Bundle:
    if settings.bundle is None:
        return ensure_embed(open_registry(aside), backbone)
    bundle = MODEL.read(settings.bundle)
    if bundle.manifest.kind is not EMBED.name:
        raise InputError(f"{bundle.id} is of kind {bundle.manifest.kind}: only embed finds texts")
    return bundle


def _vectors(
    runners: Runners, bundle: Bundle, queries: list[str], documents: list[str]
) -> tuple[Float32s, Float32s]:
    """Vectors of length 1, whatever the backbone's own are, of queries and of documents."""
    answered = answer(runners, bundle, [*queries, *documents], queries=len(queries))
    found = expect(answered.output, EmbedOutput).vectors
    vectors: Float32s = found / np.linalg.norm(found, axis=1, keepdims=True)
    return vectors[: len(queries)], vectors[len(queries) :]


main = CommandLine("mine", MineSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())

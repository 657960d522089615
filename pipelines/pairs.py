"""Measures how well an embedding tells texts that mean the same: python -m pipelines.pairs ...

    python -m pipelines.pairs --set files='{path: FILE, format: judged, columns: {query: a,
      document: b, label: same}}' backbone.source=FOLDER [bundle=FOLDER]

Reads pairs that are judged the same or not, and gives the ROC AUC and Spearman's correlation of the
cosines of their vectors with the judgement: by the backbone's own embedding, as before a training,
or by a bundle's.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from rich.console import Console
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from pipelines.command import CommandLine
from shared.config import Settings
from shared.errors import InputError
from shared.metrics.bootstrap import Indices, Interval, bootstrap
from shared.models.backbone import Backbone
from shared.models.builtin import ensure_embed
from shared.models.bundle import MODEL, Bundle
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import EmbedOutput, Float32s
from shared.training.data.candidates import Candidates
from shared.training.data.formats import Columns
from shared.training.data.settings import Files
from shared.training.data.sources import read_located
from shared.training.evaluation.answering import answer
from shared.training.evaluation.judgement import expect
from shared.training.tasks.embed.kind import EMBED
from shared.training.tasks.score.kind import SCORE

Bools = npt.NDArray[np.bool_]
Figure = Callable[[Indices], float]
"""A figure of the pairs at these places."""


class PairsSettings(Settings):
    """The pairs, and what embeds them: the folder of an `embed` bundle, or the backbone alone.

    `files` are read as kind `score` reads them: `judged` has a pair and 1 or 0 a row. Of the pairs
    the first `max_pairs` are taken (none: all). Both texts are embedded as queries.
    """

    files: Files
    backbone: BackboneConfig = BackboneConfig()
    bundle: Path | None = None
    max_pairs: Annotated[int, Field(ge=2)] | None = None
    resamples: int = Field(default=200, ge=100, le=100_000)
    data_dir: Path = Path("../shared/data")


@dataclass(frozen=True, slots=True)
class Told:
    """How well the cosines of pairs tell which are the same, by `bundle`."""

    bundle: str
    same: int
    auc: Interval
    spearman: Interval


def _run(settings: PairsSettings, command: str, console: Console) -> int:
    told = measure(settings)
    auc, spearman = told.auc, told.spearman
    console.print(
        f"{told.bundle}: {auc.n:,} pairs, {told.same:,} the same; ROC AUC {auc.value:.4f} "
        f"({auc.low:.4f} to {auc.high:.4f}), Spearman {spearman.value:.4f} ({spearman.low:.4f} to "
        f"{spearman.high:.4f})"
    )
    return 0


def measure(settings: PairsSettings) -> Told:
    """Reads, embeds and measures.

    Raises:
        PlatformError: with the reason and the remedy.
    """
    read = read_located(
        settings.files, lambda each: SCORE.reader(each, Columns()), settings.data_dir
    )
    pairs = read[: settings.max_pairs]
    same = np.array([bool(each.positives) for each in pairs])
    if same.all() or not same.any():
        raise InputError(
            f"files: all {len(pairs)} pairs are judged alike: give some that are the same, and "
            "some that are not"
        )
    backbone = Backbone.load(settings.backbone)
    runners = Runners(backbone)
    with tempfile.TemporaryDirectory() as aside:
        bundle = _bundle(settings, backbone, Path(aside))
        runners.load(bundle)
    cosines = _cosines(runners, bundle, pairs)
    return Told(
        bundle.id,
        int(same.sum()),
        _figure(lambda at: float(roc_auc_score(same[at], cosines[at])), same, settings, 0.0),
        _figure(lambda at: float(spearmanr(same[at], cosines[at]).statistic), same, settings, -1.0),
    )


def _figure(of: Figure, same: Bools, settings: PairsSettings, least: float) -> Interval:
    def of_resample(at: Indices) -> float:
        # A draw of one kind alone has no figure: there are enough pairs that it is never seen.
        return of(at) if 0 < same[at].sum() < len(at) else 0.0

    return bootstrap(of_resample, len(same), resamples=settings.resamples, bounds=(least, 1.0))


def _bundle(settings: PairsSettings, backbone: Backbone, aside: Path) -> Bundle:
    if settings.bundle is None:
        return ensure_embed(open_registry(aside), backbone)
    bundle = MODEL.read(settings.bundle)
    if bundle.manifest.kind is not EMBED.name:
        raise InputError(
            f"bundle: {bundle.id} is of kind {bundle.manifest.kind}: only embed gives vectors"
        )
    return bundle


def _cosines(runners: Runners, bundle: Bundle, pairs: Sequence[Candidates]) -> Float32s:
    """The cosine [n] of each pair's two texts."""
    texts = [text for each in pairs for text in (each.query, each.documents[0])]
    different = list(dict.fromkeys(texts))
    found = expect(answer(runners, bundle, different).output, EmbedOutput).vectors
    vectors = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    row_of = {text: row for row, text in enumerate(different)}
    rows = np.array([row_of[text] for text in texts]).reshape(-1, 2)
    cosines: Float32s = np.einsum("nd,nd->n", vectors[rows[:, 0]], vectors[rows[:, 1]])
    return cosines


main = CommandLine("pairs", PairsSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())

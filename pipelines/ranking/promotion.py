"""Rankers on their way to serving: candidate once trained, champion if every gate holds."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pipelines.ranking.gates import K, judge, ndcg
from pipelines.ranking.replay import LabelledQuery
from pipelines.ranking.train import Trained
from pipelines.ranking.train_settings import TrainSettings
from shared.artifacts.aliases import CANDIDATE
from shared.artifacts.promotion import GateResult, change_champion, promoting
from shared.errors import ArtifactError
from shared.metrics.bootstrap import bootstrap_mean
from shared.metrics.metric import Metric
from shared.ranking.arrays import Float32s
from shared.ranking.events import Event
from shared.ranking.rankers.blend import BLEND_WEIGHTS, LinearBlend
from shared.ranking.rankers.bundle import RANKER_FILE, RankerBundle, RankerManifest
from shared.ranking.rankers.inputs import ranker_input_names
from shared.ranking.rankers.registry import BLEND, Rankers, read_scorer
from shared.ranking.rankers.scorer import Scorer

LOGGER = logging.getLogger(__name__)


def fingerprint(events: Sequence[Event], items: Sequence[str], vectors: Float32s) -> str:
    """The SHA-256 of what is trained on: events in any order, and vectors [n, d] of n items."""
    digest = hashlib.sha256()
    for event in sorted(events, key=lambda event: (event.timestamp_ms, event.id)):
        digest.update(repr(event).encode("utf-8", "surrogatepass") + b"\0")
    for row in sorted(range(len(items)), key=items.__getitem__):
        digest.update(items[row].encode("utf-8", "surrogatepass") + b"\0" + vectors[row].tobytes())
    return digest.hexdigest()


def register(
    registry: Rankers,
    model: str,
    trained: Trained,
    last: Sequence[LabelledQuery],
    settings: TrainSettings,
    *,
    data_fingerprint: str,
    command: str,
) -> RankerBundle:
    """Writes a trained model as a bundle with what the last queries say, the model's candidate.

    Raises:
        ArtifactError: the bundle's place holds something corrupt.
    """
    manifest = RankerManifest(
        model=model,
        features=ranker_input_names(),
        blend=BLEND_WEIGHTS,
        data_fingerprint=data_fingerprint,
        metrics={
            name: Metric(**asdict(bootstrap_mean(ndcg(scorer, last))))
            for name, scorer in (
                (f"ndcg@{K}", trained.ranker),
                (f"blend_ndcg@{K}", LinearBlend()),
            )
        },
        settings={
            **settings.model_dump(mode="json"),
            "rounds_used": trained.rounds,
            "training_questions": trained.training_queries,
        },
        command=command,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )

    def write_files(folder: Path) -> None:
        (folder / RANKER_FILE).write_text(trained.trees, "utf-8")

    bundle = registry.write(manifest, write_files)
    registry.set_alias(model, CANDIDATE, bundle.id)
    return bundle


def promote(
    registry: Rankers,
    bundle_id: str,
    last: Sequence[LabelledQuery],
    margin: float,
    *,
    command: str,
) -> list[GateResult]:
    """Lets a bundle serve if every gate holds, which are returned; else nothing changes.

    It is judged beside the blend and beside the champion that serves now. A promotion leaves its
    evidence beside the aliases.

    Raises:
        NotFoundError: no bundle has the id.
        ArtifactError: the bundle is corrupt, or was trained on other features.
        ConflictError: another promotion or rollback is under way.
    """
    model = registry.bundle(bundle_id).manifest.model
    with promoting(registry.root):
        champion = registry.named(model)
        rivals = _rivals(registry, champion, bundle_id)
        gates = judge(read_scorer(registry, bundle_id), rivals, last, margin)
        if all(gate.holds for gate in gates) and champion != bundle_id:
            evidence = {
                "action": "promote",
                "command": command,
                "gates": [gate.model_dump() for gate in gates],
            }
            change_champion(
                registry, model, bundle_id, before=champion, evidence=evidence, at_s=time.time()
            )
    return gates


def _rivals(registry: Rankers, champion: str | None, bundle_id: str) -> Mapping[str, Scorer]:
    rivals: dict[str, Scorer] = {"the blend": LinearBlend()}
    if champion is not None and champion not in (BLEND, bundle_id):
        try:
            rivals[f"the champion {champion}"] = read_scorer(registry, champion)
        except ArtifactError as error:
            # It cannot serve either, so there is nothing that it could be better at.
            LOGGER.warning("the champion is not compared", extra={"reason": str(error)})
    return rivals

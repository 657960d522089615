import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ArtifactError, NotFoundError
from shared.training.data.candidates import Candidates
from shared.training.data.examples import AnyExample
from shared.training.publish.frozen import TABLE_FILE, as_lines, find_frozen, freeze, read_frozen
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.classify.kind import CLASSIFY, CLASSIFY_SEVERAL
from shared.training.tasks.embed.kind import EMBED
from shared.training.tasks.kind import Kind
from shared.training.tasks.kinds import KINDS
from shared.training.tasks.score.kind import SCORE
from shared.training.tasks.span.kind import SPAN
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.examples import Entity, TaggedExample
from shared.training.tasks.tag.kind import TAG

EXAMPLES: dict[Kind[Any], tuple[AnyExample, ...]] = {
    CLASSIFY: (Example("a", "x"), Example(("é\u2028", "b"), "y")),
    CLASSIFY_SEVERAL: (MultiLabelled("a", ("x", "y")),),
    TAG: (TaggedExample("Ada", (Entity(0, 3, "person"),)),),
    SPAN: (Question("who?", "Ada.", ("Ada",), 0), Question("why?", "Ada.")),
    SCORE: (Candidates("q", ("d",), ("n",)),),
    EMBED: (Candidates("q", ("d",)),),
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_examples_of_every_kind_survive(kind: Kind[Any], tmp_path: Path) -> None:
    freeze(tmp_path, "my-task", kind, EXAMPLES[kind], name="made", at_s=0.0)
    entry, examples = read_frozen(tmp_path, "my-task")
    assert examples == EXAMPLES[kind]
    assert entry.task_kind is kind


def test_a_set_is_found_by_its_task_and_verified(tmp_path: Path) -> None:
    entry = freeze(tmp_path, "my-task", CLASSIFY, EXAMPLES[CLASSIFY], name="made", at_s=0.0)

    assert read_frozen(tmp_path, "my-task") == (entry, EXAMPLES[CLASSIFY])
    assert entry.frozen_at == "1970-01-01T00:00:00+00:00"
    (path,) = tmp_path.glob("my-task/evaluations/*.jsonl.gz")
    assert path.name == f"{entry.sha256[:12]}.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "easier", "label": "x"}\n'))
    with pytest.raises(ArtifactError, match=r"is not what evaluations\.json says"):
        read_frozen(tmp_path, "my-task")
    path.write_bytes(b"no gzip")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_frozen(tmp_path, "my-task")


def test_another_set_replaces_the_entry_and_the_old_one_stays(tmp_path: Path) -> None:
    freeze(tmp_path, "my-task", CLASSIFY, EXAMPLES[CLASSIFY], name="made", at_s=0.0)
    freeze(tmp_path, "other", CLASSIFY, EXAMPLES[CLASSIFY][:1], name="other", at_s=0.0)
    freeze(tmp_path, "my-task", CLASSIFY, EXAMPLES[CLASSIFY][1:], name="new", at_s=1.0)

    assert read_frozen(tmp_path, "my-task")[0].name == "new"
    assert read_frozen(tmp_path, "other")[0].examples == 1
    assert len(list(tmp_path.glob("my-task/evaluations/*"))) == 2


def test_the_same_set_keeps_the_time_at_which_it_was_frozen(tmp_path: Path) -> None:
    first, again, renamed = (
        freeze(tmp_path, "my-task", CLASSIFY, EXAMPLES[CLASSIFY], name=name, at_s=at_s)
        for name, at_s in (("made", 0.0), ("made", 9.0), ("better", 18.0))
    )
    assert again == first
    assert find_frozen(tmp_path, "my-task") == renamed != first


def test_what_is_missing_or_malformed_is_said(tmp_path: Path) -> None:
    assert find_frozen(tmp_path, "my-task") is None
    with pytest.raises(NotFoundError, match="--freeze"):
        read_frozen(tmp_path, "my-task")
    (tmp_path / TABLE_FILE).write_text(json.dumps({"my-task": {"kind": "classify"}}))
    with pytest.raises(ArtifactError, match="malformed"):
        read_frozen(tmp_path, "my-task")


def test_what_a_teacher_says_judges_nothing() -> None:
    taught = Candidates("q", ("d",), ("n",), (1.5, -2.0), "judge@abc")
    untaught = b'{"query":"q","positives":["d"],"negatives":["n"]}\n'
    assert as_lines(SCORE, [taught]) == as_lines(SCORE, EXAMPLES[SCORE]) == untaught

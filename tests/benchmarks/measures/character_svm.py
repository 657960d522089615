"""A linear SVM on the characters of texts: what a trained bundle has to beat on the same sets.

    python -m tests.benchmarks.measures.character_svm var/data/TASK

It learns from the sets that `banyan train` or `pipelines.data` wrote for a task (train, choice and
calibration together, as nothing of it is chosen) and is judged on the gate.
"""

import json
import sys
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

_LEARNED = ("train", "choice", "calibration")
_NGRAMS = (1, 3)


def main(folder: Path) -> None:
    """Prints the accuracy on the gate."""
    learned = [row for part in _LEARNED for row in _rows(folder / f"{part}.jsonl")]
    judged = _rows(folder / "gate.jsonl")
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=_NGRAMS, sublinear_tf=True)
    model = LinearSVC()
    model.fit(vectorizer.fit_transform([text for text, _ in learned]), [c for _, c in learned])
    said = model.predict(vectorizer.transform([text for text, _ in judged]))
    right = sum(one == label for one, (_, label) in zip(said, judged, strict=True))
    print(f"accuracy {right / len(judged):.4f} on {len(judged)} of gate, from {len(learned)} rows")


def _rows(path: Path) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [(row["text"], row["label"]) for row in rows]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

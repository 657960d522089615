"""Requests of bank customers in three classes that a tiny model can tell apart."""

import json
import random
from pathlib import Path

_WORDS = {"card": ["card", "post"], "pin": ["pin", "code"], "rate": ["euro", "rate"]}


def write_requests(path: Path, rows: int, seed: int, end: str = "please") -> str:
    """A file of so many texts with their labels, as many of each class; returns its path."""
    generator = random.Random(seed)
    with path.open("w") as file:
        for i in range(rows):
            label = sorted(_WORDS)[i % 3]
            text = f"my {generator.choice(_WORDS[label])} number {i} {end}"
            file.write(json.dumps({"text": text, "label": label}) + "\n")
    return str(path)

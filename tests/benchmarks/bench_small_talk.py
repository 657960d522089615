"""Small talk of written help centres: `python -m tests.benchmarks.bench_small_talk FOLDER ...`.

A folder holds help centres in the form of `pipelines/help_centres`, or is one; `--only NAME` takes
those of these names. Of a row with `answerable: null` the last turn is small talk, of every other
one a question. `--words` asks words alone, without the backbone. Ends with 1 where more than
0.2 % of the questions are taken for small talk.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from services.support.answers.near_talk import NearTalk
from services.support.answers.small_talk import load_small_talk
from shared.models.tasks import EmbedOutput, Priority, TaskCall
from tests.harness.real_trunk import real_trunk

MOST_FALSE = 0.002
_TEXTS_A_CALL = 128


def messages(folders: Sequence[Path], only: Sequence[str]) -> list[tuple[str, bool]]:
    """Last turns, and whether each is small talk."""
    files = [file for folder in folders for file in sorted(folder.rglob("questions.jsonl"))]
    rows = [
        orjson.loads(line)
        for file in files
        if not only or file.parent.name in only
        for line in file.read_bytes().splitlines()
    ]
    return [(row["turns"][-1], row["answerable"] is None) for row in rows]


async def replies(texts: Sequence[str], *, words: bool) -> list[bool]:
    """Whether each text is taken for small talk, or handed over since it asks for a person."""
    talk = load_small_talk()
    found = [talk.reply(text) is not None for text in texts]
    if words:
        return found
    async with real_trunk() as trunk:
        near = NearTalk(talk, trunk)
        for start in range(0, len(texts), _TEXTS_A_CALL):
            part = texts[start : start + _TEXTS_A_CALL]
            call = TaskCall("embed", part, truncate=True)
            (output,) = await trunk.encode([call], app="benchmark", priority=Priority.BULK)
            assert isinstance(output, EmbedOutput)
            await near.prepare(output.bundle)
            unread = np.zeros(len(part)) if output.unread is None else output.unread
            for at, (text, vector) in enumerate(zip(part, output.vectors, strict=True)):
                reply = near.reply(text, vector, float(unread[at]), output.bundle)
                found[start + at] |= reply is not None
    return found


def main() -> int:
    """Prints what is missed, what is taken wrongly, and how many of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--words", action="store_true")
    given = parser.parse_args()
    asked = messages(given.folders, given.only)
    taken = asyncio.run(replies([text for text, _ in asked], words=given.words))
    judged = [(text, talk, said) for (text, talk), said in zip(asked, taken, strict=True)]
    false = [text for text, is_talk, is_taken in judged if is_taken and not is_talk]
    missed = [text for text, is_talk, is_taken in judged if is_talk and not is_taken]
    talk = sum(is_talk for _, is_talk in asked)
    for name, texts in (("question taken for small talk", false), ("small talk missed", missed)):
        for text in texts:
            print(f"{name}: {text}")
    print(f"questions taken for small talk: {len(false)} of {len(asked) - talk}")
    print(f"small talk missed: {len(missed)} of {talk}")
    return int(len(false) > MOST_FALSE * (len(asked) - talk))


if __name__ == "__main__":
    sys.exit(main())

"""What a further backbone costs the first one, idle and busy. Ratios of one run.

    python -m tests.benchmarks.bench_languages FOLDER [--rounds N]

FOLDER is the further backbone's (`banyan backbone fetch`). The trunk runs in this process, once
without it and once with it configured, and both take turns, because the machine's speed changes
from minute to minute. Bars: English with the further one idle at least 0.97 of English without it;
both languages at once at least 0.9 of the two apart; at most 450 MB more of memory.
"""

import argparse
import asyncio
import gc
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.backbone.config import BackboneSettings
from services.backbone.model import start_encoder
from services.support.answers.readings import Turn
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.service import open_service
from shared.memory import resident_bytes
from shared.models.backbones.prefixes import InputType
from shared.models.source import BackboneConfig
from shared.models.tasks import Priority, TaskCall
from shared.serving.encoder import Encoder
from shared.serving.idle_memory import give_back
from shared.text.passages import TextFormat
from tests.benchmarks.bench_adapters import headlines
from tests.harness.data import DATA

_CALLERS = 8
_TEXTS_A_CALL = 32
_MEGABYTE = 1e6


def questions(count: int) -> list[str]:
    """The first Chinese questions and passages of cmrc2018.trial, these cut to 120 characters."""
    found: dict[str, None] = {}
    with gzip.open(DATA / "zh" / "cmrc2018.trial.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found |= dict.fromkeys((str(row["question"]), str(row["context"])[:120]))
    return list(found)[:count]


async def hits_at_1(encoder: Encoder, count: int) -> float:
    """The share of cmrc2018.trial's questions whose passage the support application finds first.

    All of its passages are one knowledge base, each an article whose title is a number.
    """
    with gzip.open(DATA / "zh" / "cmrc2018.trial.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    ids = {text: f"passage-{n}" for n, text in enumerate(dict.fromkeys(r["context"] for r in rows))}
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        service = open_service(SupportSettings(state_dir=Path(folder)), encoder)
        documents = [
            Document(id_, id_, text, TextFormat.PLAIN, False, {}) for text, id_ in ids.items()
        ]
        await service.knowledge_bases.put("default", "cmrc", documents)
        base = await service.knowledge_bases.get("default", "cmrc")
        for row in rows[:count]:
            (first, *_) = await service.assistant.search(base, Turn((row["question"],)), 1)
            found += first.hit.entry.document_id == ids[row["context"]]
        await service.close()
    return found / len(rows[:count])


async def encode(encoder: Encoder, texts: Mapping[str, Sequence[str]]) -> None:
    """Has each task's texts embedded, by as many callers each, all at once."""

    async def caller(calls: "asyncio.Queue[TaskCall]") -> None:
        while not calls.empty():
            await encoder.encode([calls.get_nowait()], app="bench", priority=Priority.BULK)

    async with asyncio.TaskGroup() as callers:
        for task, own in texts.items():
            calls: asyncio.Queue[TaskCall] = asyncio.Queue()
            for start in range(0, len(own), _TEXTS_A_CALL):
                part = own[start : start + _TEXTS_A_CALL]
                calls.put_nowait(TaskCall(task, part, True, InputType.QUERY))
            for _ in range(_CALLERS):
                callers.create_task(caller(calls))


def seconds(encoder: Encoder, texts: Mapping[str, Sequence[str]]) -> float:
    """What that takes."""
    begun_s = time.perf_counter()
    asyncio.run(encode(encoder, texts))
    return time.perf_counter() - begun_s


def settled_bytes() -> int:
    """The process's memory without what is only waiting to be given back."""
    gc.collect()
    give_back()
    return resident_bytes()


def main() -> None:
    """Prints the figures and their bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--texts", type=int, default=2048)
    parser.add_argument("--questions", type=int, default=1002)
    arguments = parser.parse_args()
    english = {"embed": headlines(arguments.texts)}
    chinese = {"embed-zh": questions(arguments.texts // 2)}
    further = {"zh": BackboneConfig(source=str(arguments.folder.resolve()))}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        alone = start_encoder(BackboneSettings(state_dir=Path(one)))
        begun_s = time.perf_counter()
        both = start_encoder(BackboneSettings(state_dir=Path(two), backbones=further))
        start_s = time.perf_counter() - begun_s
        seconds(alone, english), seconds(both, english)
        idle = [seconds(alone, english) / seconds(both, english) for _ in range(arguments.rounds)]
        before = settled_bytes()
        first_call_s = seconds(both, {"embed-zh": chinese["embed-zh"][:1]})
        loaded = settled_bytes() - before
        seconds(both, chinese)
        used = settled_bytes() - before
        mixed = []
        for _ in range(arguments.rounds):
            apart = seconds(both, english) + seconds(both, chinese)
            mixed.append(apart / seconds(both, english | chinese))
        hits = [asyncio.run(hits_at_1(encoder, arguments.questions)) for encoder in (alone, both)]
        for encoder in (alone, both):
            encoder.close()
    print(f"{len(english['embed'])} English texts, {len(chinese['embed-zh'])} Chinese ones")
    print(f"start with it, not loaded: {start_s:.1f} s; the first call: {first_call_s:.1f} s")
    more, after = loaded / _MEGABYTE, used / _MEGABYTE
    print(f"memory: {more:.0f} MB more when loaded, {after:.0f} after all texts (at most 450)")
    print(f"English with it idle, to without it: {statistics.median(idle):.3f} (at least 0.97)")
    print(f"both at once, to the two apart: {statistics.median(mixed):.3f} (at least 0.9)")
    print(f"hit@1 of cmrc2018.trial without it: {hits[0]:.3f}, with it: {hits[1]:.3f}")


if __name__ == "__main__":
    main()

import json
import os
import time
from pathlib import Path

import pytest

from services.cli.shop.feedback import Counts, Sending, open_source, send_rows
from services.cli.shop.load import load_files
from services.cli.shop.rows import ITEMS as ROWS
from shared.errors import AuthenticationError, InputError, NotFoundError
from tests.services.cli.served import connected
from tests.services.cli.shop.recommendation_served import RecommendationServed

ITEMS = "item_id,title,price\ntent,Tent,189\npan,Pan,54\n"
EVENTS = (
    "user_id,item_id,timestamp,type\n"
    "u1,tent,2026-03-02T09:00:00Z,click\n"
    "u1,tent,2026-03-02T09:05:00Z,purchase\n"
    "u2,pan,1772442000,click\n"
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    path.write_text(ITEMS)
    return path


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    return path


def run(
    served: RecommendationServed,
    items: Path | None = None,
    events: Path | None = None,
    rejects: Path | None = None,
) -> int:
    with connected(served) as platform:
        return load_files(platform, items, events, rejects)


def rejected(path: Path) -> list[tuple[str, int, str]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(Path(row["file"]).name, row["row"], row["reason"]) for row in rows]


def test_items_and_events_are_loaded_and_counted(
    items: Path, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = RecommendationServed()

    assert run(served, items, events) == 0

    kinds = [event["event"] for event in served.events.values()]
    assert kinds == ["item"] * 2 + ["interaction"] * 3
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [items.name, "2", "0", "0", "0", "0", "0"] in lines
    assert [events.name, "3", "0", "0", "0", "0", "0"] in lines
    assert list(items.parent.glob("*.rejects*")) == []


def test_a_second_load_changes_nothing(
    items: Path, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = RecommendationServed()
    run(served, items, events)
    before = dict(served.events)
    capsys.readouterr()

    assert run(served, items, events) == 0

    assert served.events == before
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [items.name, "0", "0", "0", "2", "0", "0"] in lines


def test_an_item_without_a_time_is_of_the_file_s_and_a_later_file_holds(items: Path) -> None:
    served = RecommendationServed()
    os.utime(items, (1_700_000_000, 1_700_000_000))
    run(served, items)
    items.write_text(ITEMS.replace("189", "150"))
    os.utime(items, (1_700_000_001, 1_700_000_001))

    run(served, items)

    times = [event["timestamp"] for event in served.events.values() if event["item"] == "tent"]
    assert times == [1_700_000_000_000, 1_700_000_001_000]


def test_a_file_of_the_future_is_of_now(items: Path) -> None:
    served = RecommendationServed()
    ahead_s = time.time() + 10 * 86_400
    os.utime(items, (ahead_s, ahead_s))

    run(served, items)

    assert all(int(str(e["timestamp"])) <= time.time() * 1000 for e in served.events.values())


def test_bad_rows_are_in_the_rejects_file_and_the_rest_is_loaded(
    items: Path, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items.write_text(f"{ITEMS}mug,Mug,dear\ntent,Another,1\nshort\n")
    events.write_text(f"{EVENTS}u3,pan,soon,click\n")
    served = RecommendationServed()

    assert run(served, items, events) == 1

    assert len(served.events) == 5
    path = items.with_name("items.csv.rejects.jsonl")
    assert [row[:2] for row in rejected(path)] == [
        ("items.csv", 4), ("items.csv", 5), ("items.csv", 6), ("events.csv", 5),
    ]  # fmt: skip
    reasons = [row[2] for row in rejected(path)]
    assert reasons[0] == "the price 'dear' is not a number such as 12.50"
    assert "stands in row 2 already" in reasons[1]
    assert f"what was refused, and why: {path}" in capsys.readouterr().out


def test_a_rejects_file_of_a_load_before_is_gone_after_a_good_one(
    items: Path, tmp_path: Path
) -> None:
    rejects = tmp_path / "why.jsonl"
    good = items.read_text()
    items.write_text(f"{good}mug,Mug,dear\n")
    assert run(RecommendationServed(), items, rejects=rejects) == 1
    assert len(rejected(rejects)) == 1

    items.write_text(good)
    assert run(RecommendationServed(), items, rejects=rejects) == 0

    assert not rejects.exists()


def test_rows_that_the_platform_refuses_are_found_in_their_batch(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    names = [f"bad-{n}" if n in (7, 60) else f"item-{n}" for n in range(100)]
    path.write_text("item_id\n" + "".join(f"{name}\n" for name in names))
    served = RecommendationServed()

    assert run(served, path) == 1

    assert len(served.events) == 98
    found = rejected(path.with_name("items.csv.rejects.jsonl"))
    assert found == [("items.csv", 9, "an item is bad"), ("items.csv", 62, "an item is bad")]


def test_many_rows_go_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f'{{"item_id": {n}}}\n' for n in range(2500)))
    served = RecommendationServed()

    assert run(served, path) == 0

    assert served.batches == [1000, 1000, 500]


def test_large_rows_go_in_smaller_batches(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    text = "x" * 100_000
    path.write_text("".join(f'{{"item_id": {n}, "text": "{text}"}}\n' for n in range(30)))
    served = RecommendationServed()

    assert run(served, path) == 0

    assert served.batches == [10, 10, 10]


def test_a_busy_platform_is_waited_for(items: Path) -> None:
    served = RecommendationServed(busy=2)
    pauses: list[float] = []
    refused: list[str] = []
    counts = Counts()

    with connected(served) as platform:
        sending = Sending(platform, counts, lambda *why: refused.append(str(why)), pauses.append)
        send_rows(open_source(ROWS, items), sending, lambda done: None)

    assert pauses == [2, 2]
    assert (counts.stored, refused) == (2, [])


def test_a_conflict_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    item = {
        "event": "item",
        "id": "1",
        "timestamp": "2026-03-02T09:00:00Z",
        "item": "tent",
        "fields": [],
    }
    path.write_text(f"{json.dumps(item)}\n{json.dumps({**item, 'item': 'pan'})}\n")

    assert run(RecommendationServed(), path) == 1

    found = rejected(path.with_name("items.jsonl.rejects.jsonl"))
    assert {row[2] for row in found} == {"the id '1' is there with other content"}


def test_a_wrong_file_is_refused_before_anything_is_sent(items: Path, events: Path) -> None:
    served = RecommendationServed()
    events.write_text(EVENTS.replace("timestamp", "when"))

    with pytest.raises(InputError, match=r"events\.csv: the events need a column timestamp"):
        run(served, items, events)

    assert served.requests == []


@pytest.mark.parametrize("text", ['{"sku": 1}\n', '{\n{"sku": 1}\n'])
def test_json_lines_of_another_shape_are_refused_by_the_first(tmp_path: Path, text: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(text)

    with pytest.raises(InputError, match="the items need a column item_id; there are 'sku'"):
        run(RecommendationServed(), path)


def test_what_is_to_be_loaded_is_never_overwritten_by_rejects(items: Path) -> None:
    with pytest.raises(InputError, match="is a file to load"):
        run(RecommendationServed(), items, rejects=items)

    assert items.read_text() == ITEMS


def test_a_rejects_file_that_cannot_be_written_is_said(items: Path, tmp_path: Path) -> None:
    items.write_text(f"{ITEMS}mug,Mug,dear\n")

    with pytest.raises(InputError, match="name another with --rejects FILE"):
        run(RecommendationServed(), items, rejects=tmp_path / "no" / "such.jsonl")


def test_nothing_to_load_is_said() -> None:
    with pytest.raises(InputError, match="give --items FILE, --events FILE or both"):
        run(RecommendationServed())


def test_an_empty_file_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("")

    assert run(RecommendationServed(), path) == 0


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (404, NotFoundError)])
def test_a_refusal_of_the_whole_ends_the_load(
    items: Path, status: int, kind: type[Exception]
) -> None:
    served = RecommendationServed(status=status)

    with pytest.raises(kind):
        run(served, items)

    assert len(served.requests) == 1


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f'{{"item_id": {n}}}\n' for n in range(2500)))
    served = RecommendationServed()
    feedback = served._feedback

    def interrupted(events: list[dict[str, object]]) -> object:
        if served.batches:
            raise KeyboardInterrupt
        return feedback(events)

    monkeypatch.setattr(served, "_feedback", interrupted)
    assert run(served, path) == 130
    assert "the same command goes on" in capsys.readouterr().out
    monkeypatch.setattr(served, "_feedback", feedback)

    assert run(served, path) == 0

    assert len(served.events) == 2500

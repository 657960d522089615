"""Trends: the windows of one entity between two moments."""

from services.sentiment.reading import NewsReader
from services.sentiment.schemas import WINDOW_SIZES_S, TrendAnswer, TrendPoint, WindowName
from shared.errors import InputError
from shared.sentiment.watermark import Watermark
from shared.sentiment.windows import WindowCounts, window_start

DEFAULT_POINTS = 48
_NOTHING = WindowCounts()


def trend(
    reader: NewsReader,
    tenant: str,
    entity: str,
    window: WindowName,
    *,
    start: float | None,
    end: float | None,
    mark: Watermark,
    now_s: float,
    allowed_lateness_s: float,
    max_points: int,
) -> TrendAnswer:
    """The windows that touch `[start, end)`; blocks.

    Without `end` they reach up to the entity's newest text, without `start` 48 windows back.

    Raises:
        InputError: the times are in the wrong order, or more than `max_points` windows apart.
    """
    size_s = WINDOW_SIZES_S[window]
    if end is None:
        newest = reader.newest_window(tenant, entity, size_s)
        end = now_s if newest is None else newest + size_s
        end = max(end, start or 0.0)
    if start is None:
        start = max(0.0, end - DEFAULT_POINTS * size_s)
    if start > end:
        raise InputError(f"from {start:.0f} lies after to {end:.0f}: swap them", param="from")
    first = window_start(start, size_s)
    # `end` itself belongs to the next window.
    last = max(first, window_start(end - 1e-6, size_s)) + size_s
    number = (last - first) // size_s
    if number > max_points:
        raise InputError(
            f"{number} windows of {window} lie between from and to, at most {max_points} are "
            "given: ask for a shorter time or a longer window",
            param="from",
        )
    counts = reader.windows(tenant, entity, size_s, first, last)
    complete_s = float("-inf") if mark.time is None else mark.time - allowed_lateness_s
    points = [
        _point(start_s, size_s, counts.get(start_s, _NOTHING), complete_s)
        for start_s in range(first, last, size_s)
    ]
    return TrendAnswer(entity=entity, window=window, watermark=mark.time, points=points)


def _point(start_s: int, size_s: int, counts: WindowCounts, complete_s: float) -> TrendPoint:
    total = counts.total
    return TrendPoint(
        start=start_s,
        end=start_s + size_s,
        negative=counts.negative,
        neutral=counts.neutral,
        positive=counts.positive,
        total=total,
        share=round(counts.negative / total, 6) if total else None,
        score=round((counts.positive - counts.negative) / total, 6) if total else None,
        late=counts.late,
        final=start_s + size_s <= complete_s,
    )

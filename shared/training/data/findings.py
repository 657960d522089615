"""What of a data report somebody should know before a run: a few lines, the rest is in the file."""

from collections.abc import Iterable

from shared.training.data.overlaps import PARTS, TRAIN, Overlap
from shared.training.data.report import WHOLE, DataReport

NOTHING_FOUND = "nothing stands twice, no label is rare or written in two ways, no text is too long"
IMBALANCE = 10.0
"""From how many examples of the most frequent label for each of the rarest on this is told."""


def findings(report: DataReport) -> list[str]:
    """What was done to the parts, leaks between them, repeats in train, labels that differ in
    writing alone, rare labels and long texts: a line of each that there is.
    """
    overlaps = [(view, each) for view, of_view in report.overlaps.items() for each in of_view]
    leaks = [
        _repeated([(v, e) for v, e in overlaps if e.within == part != e.name], f"in {part} too")
        for part in PARTS
    ]
    repeats = [(v, each) for v, each in overlaps if each.within == TRAIN == each.name]
    lines = [
        *report.notes,
        *leaks,
        _repeated([(v, each) for v, each in repeats if v == WHOLE], "twice"),
        *map(str, report.variants),
        _rare_labels(report),
        _long_texts(report),
    ]
    return [line for line in lines if line]


def _repeated(found: Iterable[tuple[str, Overlap]], where: str) -> str:
    repeated = [(view, each) for view, each in found if each.exact + each.near]
    if not repeated:
        return ""
    parts = [
        f"{each.exact + each.near:,} of {each.texts:,} in {each.name} ({each.share:.1%}"
        f"{'' if view == WHOLE else f', by their {view}'})"
        for view, each in repeated
    ]
    contradicting = sum(each.contradicting for _, each in repeated)
    labels = f"; {contradicting:,} of them with another label" if contradicting else ""
    return f"{', '.join(parts)} stand {where}, exactly or nearly{labels}"


def _rare_labels(report: DataReport) -> str:
    train = report.sets[TRAIN]
    if train.imbalance < IMBALANCE:
        return ""
    rarest, *_, most = sorted(train.labels, key=lambda label: train.labels[label])
    counts = train.labels[most], train.labels[rarest]
    return f"{most!r} stands {counts[0]:,} times in train, {rarest!r} {counts[1]:,}"


def _long_texts(report: DataReport) -> str:
    parts = [
        f"{of_set.lengths.cut:,} of {of_set.examples:,} in {name}"
        for name, of_set in report.sets.items()
        if of_set.lengths.cut
    ]
    longest = report.sets[TRAIN].lengths.max_length
    return f"{', '.join(parts)} have more than {longest} tokens" if parts else ""

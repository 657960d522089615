"""What a drill found: one line for each thing that had to hold."""

from collections.abc import Collection
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.drills.outcome import DatabaseContent, Row

_SHOWN = 3


@dataclass(frozen=True)
class Check:
    """One thing that had to hold; `detail` says how it did not."""

    name: str
    expected: str
    found: str
    is_met: bool
    detail: str = ""


@dataclass
class Report:
    """All checks of a drill, and what happened in it."""

    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_met(self) -> bool:
        """Whether everything held."""
        return bool(self.checks) and all(check.is_met for check in self.checks)

    @property
    def faults(self) -> list[str]:
        """What did not hold."""
        return [
            f"{c.name}: {c.found}, not {c.expected}. {c.detail}"
            for c in self.checks
            if not c.is_met
        ]

    def equal(self, name: str, expected: object, found: object) -> None:
        """Two values that had to be equal."""
        self.checks.append(Check(name, str(expected), str(found), expected == found))

    def same_rows(self, name: str, expected: Collection[Row], found: Collection[Row]) -> None:
        """Two sets of rows that had to be equal, none of them twice."""
        wanted, had = set(map(repr, expected)), set(map(repr, found))
        missing, extra = sorted(wanted - had), sorted(had - wanted)
        twice = len(found) - len(had)
        parts = [
            *(f"missing {row}" for row in missing[:_SHOWN]),
            *(f"too many {row}" for row in extra[:_SHOWN]),
            *([f"{twice} rows stand twice"] if twice else []),
        ]
        differences = f"{len(found)} rows, {len(missing)} missing, {len(extra)} others"
        is_met = not parts and len(expected) == len(found)
        shown = f"{len(found)} rows, equal" if is_met else differences
        self.checks.append(Check(name, f"{len(expected)} rows", shown, is_met, "; ".join(parts)))

    def same_outcome(self, expected: DatabaseContent, found: DatabaseContent) -> None:
        """Two runs that had to end alike."""
        for name in ("scores", "mentions", "windows", "alerts", "changes", "partitions", "counts"):
            self.same_rows(f"{name} as undisturbed", getattr(expected, name), getattr(found, name))

    def show(self, title: str) -> None:
        """Prints the table."""
        console = Console()
        table = Table("had to hold", "expected", "found", "held", title=title)
        for check in self.checks:
            table.add_row(check.name, check.expected, check.found, "yes" if check.is_met else "NO")
        for note in self.notes:
            console.print(note)
        console.print(table)
        for fault in self.faults:
            console.print(f"[bold]FAULT[/bold] {fault}", markup=True, highlight=False)

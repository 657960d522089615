"""One consumer in its own process, to be killed and frozen.

`python -m tests.drills.consumer PLAN.json` reads until its standard input is closed: by whoever
started it, or by the kernel when that one is gone.
"""

import sys
from contextlib import closing
from pathlib import Path

from shared.telemetry import configure_logging
from tests.drills.hosting import migrated_database, running_stream
from tests.drills.plan import ConsumerPlan


def main() -> None:
    """Runs the stream."""
    configure_logging("drill")
    plan = ConsumerPlan.model_validate_json(Path(sys.argv[1]).read_bytes())
    # The drill has made the tables: migrating would fail while a frozen member holds the lock,
    # where the platform would start the process again.
    with (
        closing(migrated_database(plan.database_url)) as database,
        running_stream(plan, database),
    ):
        sys.stdin.read()


if __name__ == "__main__":
    main()

"""A node of a Kafka of three is killed and comes back; the result is that of a calm run.

    python -m tests.drills.nodes [--database sqlite|postgresql] [--records 20000] [--seed N]

Three times, at random moments, a node drawn at random is killed and back after some seconds, while
two consumers read 20,000 tweets. The exit code is 1 where the result is not that of an undisturbed
run.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.drills.disturbances import Wishes
from tests.drills.kill import Drill, run
from tests.harness.places import missing

NODES = 3
KILLS = 3


def main() -> int:
    """Reads the command line, runs the drill and prints what held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    arguments = parser.parse_args()
    if reason := missing("kafka", arguments.database):
        parser.error(reason)
    drill = Drill(
        broker="kafka",
        database=arguments.database,
        wishes=Wishes(kills=0, freezes=0, broker_kills=KILLS),
        records=arguments.records,
        nodes=NODES,
        seed=arguments.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = run(drill, Path(folder))
    report.show(
        f"nodes drill: {drill.records} records, {NODES} nodes, {drill.database}, seed {drill.seed}"
    )
    return 0 if report.is_met else 1


if __name__ == "__main__":
    sys.exit(main())

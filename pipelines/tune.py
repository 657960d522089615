"""Searches for the best settings of a fine-tuning configuration, by Ray Tune and ASHA.

    python -m pipelines.tune --config FILE [--set key=value ...]
    python -m pipelines.tune --set base=FINETUNE.yaml trials=12 \\
        space.lora.rank.choice=[4,8,16] \\
        space.optimisation.encoder_learning_rate.loguniform=[1e-4,3e-3]

Any key of `pipelines.finetune` may be tried. Each trial trains on its own worker and is
stopped where most others were better at the same epoch. After an interruption the same command
continues: trials that ended are not run again, the others go on at their last valid checkpoint.
"""

import sys

from rich.console import Console

from pipelines.command import CommandLine
from pipelines.tuning.settings import TuneSettings
from shared.models.threads import share_cores


def run(settings: TuneSettings, command: str, console: Console) -> int:
    """Searches, writes the table and the best configuration, and says what next."""
    share_cores()
    from pipelines.tuning.tuning import tune

    tune(settings, console=console)
    return 0


main = CommandLine("tune", TuneSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())

"""What a model says of prepared rows: the same code measures dev in the loop and sets after it.

Notation of shapes: r rows, t tokens of all rows, b rows and s columns of a batch, c outputs.
"""

import numpy as np
import torch

from shared.models.tasks import Float32s
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.batching import shard, sorted_batches
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel

_BATCH_TOKENS = 4096


def predict(model: TunedModel, arrays: TokenArrays, pad_id: int, worker: Worker) -> Float32s:
    """Logits, or vectors without a head; the workers share the rows, and each gets them all.

    [r, c], a line for each row; or [t, c], a line for each of `arrays.tokens`, where the head
    reads tokens.
    """
    lines = len(arrays.tokens) if model.reads_tokens else arrays.rows
    outputs = torch.zeros((lines, model.outputs), device=worker.device)
    model.eval()
    with torch.inference_mode():
        for batch in sorted_batches(arrays.row_lengths, np.arange(arrays.rows), _BATCH_TOKENS):
            mine = shard(batch, worker.rank, worker.world)
            if mine.counts:
                found = forward(model, arrays, mine.indices, pad_id, worker).float()
                place = mine.indices
                if model.reads_tokens:
                    positions, present = arrays.token_positions(mine.indices)
                    found = found[torch.from_numpy(present).to(worker.device)]
                    place = positions[present]
                outputs[torch.from_numpy(place).to(worker.device)] = found
    return worker.sum(outputs).cpu().numpy()


def forward(
    model: torch.nn.Module, arrays: TokenArrays, rows: Int64s, pad_id: int, worker: Worker
) -> torch.Tensor:
    """The model's outputs [b, c] or [b, s, c] for the rows at `rows` [b]."""
    inputs = [*arrays.padded(rows, pad_id), arrays.padded_types(rows)]
    outputs: torch.Tensor = model(
        *(None if each is None else torch.from_numpy(each).to(worker.device) for each in inputs)
    )
    return outputs

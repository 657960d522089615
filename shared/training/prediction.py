"""What a model says of prepared rows: the same code measures dev in the loop and sets after it.

Notation of shapes: u targets of all rows, b rows and w targets of a batch, c a head's outputs.
"""

import numpy as np
import torch

from shared.models.tasks import Float32s
from shared.training.arrays import Int64s, TokenArrays
from shared.training.batching import shard, sorted_batches
from shared.training.model import AdaptedModel
from shared.training.workers import Worker

_BATCH_TOKENS = 4096


def predict(model: AdaptedModel, arrays: TokenArrays, pad_id: int, worker: Worker) -> Float32s:
    """Logits [u, c], a line for each target; the workers share the rows, and each gets them all."""
    logits = torch.zeros((len(arrays.targets), model.outputs), device=worker.device)
    model.eval()
    with torch.inference_mode():
        for batch in sorted_batches(arrays.lengths, np.arange(len(arrays)), _BATCH_TOKENS):
            mine = shard(batch, worker.rank, worker.world)
            if mine.counts:
                positions, present = arrays.target_positions(mine.indices)
                found = forward(model, arrays, mine.indices, pad_id, worker)
                own = torch.from_numpy(present).to(worker.device)
                rows = torch.from_numpy(positions[present]).to(worker.device)
                logits[rows] = found.float().view(*own.shape, -1)[own]
    summed: Float32s = worker.sum(logits).cpu().numpy()
    return summed


def forward(
    model: torch.nn.Module, arrays: TokenArrays, indices: Int64s, pad_id: int, worker: Worker
) -> torch.Tensor:
    """The model's logits [b, c] or [b, w, c] for the rows at `indices` [b]."""
    inputs = [*arrays.padded(indices, pad_id), arrays.padded_types(indices)]
    logits: torch.Tensor = model(
        *(None if each is None else torch.from_numpy(each).to(worker.device) for each in inputs)
    )
    return logits

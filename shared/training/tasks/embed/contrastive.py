"""The contrastive loss: a query's vector comes near that of its document, and leaves the others.

Notation of shapes: b rows, k of them for each example, q queries, m different documents, d the
vectors' width.
"""

import numpy as np
import torch
import torch.distributed
from torch import Tensor
from torch.distributed.nn.functional import all_gather

from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.workers import Worker


class Contrastive:
    """Cross-entropy of each query's own document among all documents of a batch, by cosine.

    An example's rows are its query, its document, and k - 2 that do not answer it; the documents
    of the other examples do not answer it either. Where no text stands twice this equals
    sentence-transformers' `MultipleNegativesRankingLoss` (tested), which fits the loop not: it
    wants as many examples on every worker, and takes the same document in two examples for a wrong
    answer to each. Here a text counts once, and a document that is the query itself not at all.

    Workers show each other their documents, with gradients, so that any number of them takes the
    steps that one takes. With `accumulation` the batch is the micro-batch.

    Source: https://arxiv.org/abs/1705.00652 (section 4.4).
    """

    def __init__(self, scale: float, worker: Worker) -> None:
        self._scale = scale
        self._worker = worker

    def total(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """The sum of the losses of vectors [b, d] of the rows at `rows` [b], whole examples."""
        k = arrays.rows_per_example
        vectors = torch.nn.functional.normalize(outputs.float(), dim=1)
        texts = torch.from_numpy(arrays.targets[arrays.target_offsets[rows]]).to(outputs.device)
        is_document = torch.arange(len(rows), device=outputs.device) % k > 0
        documents, numbers = self._of_all_workers(vectors[is_document], texts[is_document])
        different, first = np.unique(numbers.cpu().numpy(), return_index=True)
        pool = torch.from_numpy(different).to(outputs.device)
        kept = torch.from_numpy(first).to(outputs.device)
        logits = self._scale * vectors[::k] @ documents[kept].T
        own, queries = texts[1::k, None], texts[::k, None]
        logits = logits.masked_fill((pool == queries) & (pool != own), -torch.inf)
        return torch.nn.functional.cross_entropy(
            logits, torch.searchsorted(pool, texts[1::k].contiguous()), reduction="sum"
        )

    def weight(self, arrays: TokenArrays, rows: Int64s) -> float:
        """What a batch's total is divided by to give its mean: its examples."""
        return len(rows) / arrays.rows_per_example

    def _of_all_workers(self, vectors: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The documents [m, d] of every worker's rows, and their numbers [m], in order of rank."""
        world = self._worker.world
        if world == 1:
            return vectors, numbers
        counts = [torch.zeros(1, dtype=torch.int64, device=vectors.device) for _ in range(world)]
        torch.distributed.all_gather(counts, counts[0].new_tensor([len(vectors)]))
        sizes = [int(count) for count in counts]
        # Shards differ by a row, and gathering wants tensors of one shape.
        missing = max(sizes) - len(vectors)
        padded = torch.nn.functional.pad(vectors, (0, 0, 0, missing))
        shown = [torch.zeros_like(numbers.new_empty(max(sizes))) for _ in range(world)]
        torch.distributed.all_gather(shown, torch.nn.functional.pad(numbers, (0, missing)))
        gathered = all_gather(padded)  # type: ignore[no-untyped-call]
        return (
            torch.cat([part[:size] for part, size in zip(gathered, sizes, strict=True)]),
            torch.cat([part[:size] for part, size in zip(shown, sizes, strict=True)]),
        )

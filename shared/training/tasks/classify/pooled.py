"""Classifiers that are a linear head on pooled vectors, found without epochs.

Notation of shapes: n texts, d the pooled vectors' width, c classes.
"""

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression

from shared.models.backbone import Backbone
from shared.models.heads import Head
from shared.models.tasks import Float32s
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.methods.tuning import Tuned
from shared.training.tasks.prediction import predict

_MAX_ITERATIONS = 2000


def pooled_vectors(tuned: Tuned, backbone: Backbone, arrays: TokenArrays) -> Float32s:
    """What a `classify` head reads of each row, [n, d]."""
    reader = TunedModel.pooling(tuned, backbone).to(backbone.device)
    return predict(reader, arrays, backbone.pad_id, Worker(0, 1, backbone.device))


def set_regression(head: Head, vectors: Float32s, targets: Int64s, inverse_l2: float) -> None:
    """Sets a head to the logistic regression of classes [n] on vectors [n, d].

    The vectors are divided by their mean length first, so that `inverse_l2` (the higher, the less
    the weights are held small) means the same on every backbone; the head has it multiplied in.
    """
    scale = _mean_length(vectors)
    fitted = LogisticRegression(C=inverse_l2, max_iter=_MAX_ITERATIONS)
    fitted.fit(vectors / scale, targets)
    weight, bias = fitted.coef_ / scale, fitted.intercept_
    if len(weight) == 1:
        # Of two classes only the second's logit is fitted; the first's is 0.
        weight, bias = np.vstack([0 * weight, weight]), np.concatenate([[0.0], bias])
    _set(head, weight, bias)


def set_prototypes(head: Head, vectors: Float32s, targets: Int64s, similarity_scale: float) -> None:
    """Sets a head to the cosine with the mean direction of each class's vectors [n, d].

    A logit is about `similarity_scale` times that cosine: exactly, for a text whose vector has the
    mean length. The order of the classes does not depend on the length.
    """
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    sums = np.zeros((int(targets.max()) + 1, vectors.shape[1]), np.float64)
    np.add.at(sums, targets, directions)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    weight = sums * (similarity_scale / _mean_length(vectors))
    _set(head, weight, np.zeros(len(sums)))


def _mean_length(vectors: Float32s) -> float:
    return float(np.linalg.norm(vectors, axis=1).mean())


def _set(head: Head, weight: npt.NDArray[np.float64], bias: npt.NDArray[np.float64]) -> None:
    with torch.no_grad():
        head.linear.weight.copy_(torch.from_numpy(weight))
        head.linear.bias.copy_(torch.from_numpy(bias))

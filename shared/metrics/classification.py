"""Quality of predicted classes, with bootstrap confidence intervals.

Notation of shapes: n examples, c classes. Classes are indices 0..c-1.
"""

import numpy as np
import numpy.typing as npt

from shared.metrics.bootstrap import SHARE, Interval, bootstrap, bootstrap_mean

Classes = npt.NDArray[np.int64]


def accuracy(truth: Classes, predicted: Classes, *, resamples: int = 1000) -> Interval:
    """The share of examples [n] whose class is right."""
    return bootstrap_mean(truth == predicted, resamples=resamples)


def macro_f1(truth: Classes, predicted: Classes, *, resamples: int = 1000) -> Interval:
    """The mean over classes of F1; a class that is neither true nor predicted is left out.

    Equals scikit-learn's `f1_score(average="macro")` on the classes that appear.
    """
    return bootstrap(
        lambda indices: f1_of_classes(truth[indices], predicted[indices]),
        len(truth),
        resamples=resamples,
        bounds=SHARE,
    )


def f1_of_classes(truth: Classes, predicted: Classes) -> float:
    """Macro-F1 without an interval: the mean F1 of the classes in `truth` or `predicted`.

    F1 is 2 TP / (true count + predicted count), which needs no division by zero.
    """
    c = int(max(truth.max(), predicted.max())) + 1
    right = np.bincount(truth[truth == predicted], minlength=c)
    support = np.bincount(truth, minlength=c) + np.bincount(predicted, minlength=c)
    present = support > 0
    return float((2.0 * right[present] / support[present]).mean())

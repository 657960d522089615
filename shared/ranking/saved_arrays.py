"""Lists of different lengths as arrays, so that a state can be saved without pickled objects.

Whatever is kept so is one array with everything behind each other, and the lengths of its parts.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import ArtifactError
from shared.ranking.arrays import Int64s

Arrays = dict[str, npt.NDArray[Any]]
"""Arrays of numbers by name; nothing in them is an object."""


def prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """The same arrays under longer names."""
    return {f"{prefix}.{name}": one for name, one in arrays.items()}


def under(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """The arrays that `prefixed` gave longer names, under their own."""
    start = f"{prefix}."
    return {name.removeprefix(start): one for name, one in arrays.items() if name.startswith(start)}


def texts(name: str, values: Sequence[str]) -> Arrays:
    """Texts as UTF-8 and the bytes of each."""
    encoded = [value.encode("utf-8", "surrogatepass") for value in values]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return {name: np.frombuffer(b"".join(encoded), np.uint8), f"{name}.lengths": lengths}


def read_texts(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    """What `texts` made arrays of.

    Raises:
        ArtifactError: the lengths are not those of the texts.
    """
    content = arrays[name].tobytes()
    return [
        content[start:end].decode("utf-8", "surrogatepass")
        for start, end in _spans(arrays[f"{name}.lengths"], len(content))
    ]


def parts(name: str, values: Sequence["array[Any]"]) -> Arrays:
    """Arrays of one type code behind each other, and the length of each."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    return {name: joined(values), f"{name}.lengths": lengths}


def joined(values: Sequence["array[Any]"]) -> npt.NDArray[Any]:
    """Arrays of one type code behind each other; of none it is an array of bytes."""
    kind = np.dtype(values[0].typecode if values else np.uint8)
    return np.frombuffer(b"".join(values), kind)


def read_parts(
    name: str, arrays: Mapping[str, npt.NDArray[Any]], typecode: str
) -> Iterator["array[Any]"]:
    """What `parts` put behind each other.

    Raises:
        ArtifactError: the lengths are not those of the arrays.
    """
    yield from split(arrays[name], arrays[f"{name}.lengths"], typecode)


def split(values: npt.NDArray[Any], lengths: Int64s, typecode: str) -> Iterator["array[Any]"]:
    """Arrays of these lengths, out of one that has them behind each other.

    Raises:
        ArtifactError: the lengths are not those of the arrays.
    """
    content = values.tobytes()
    size = array(typecode).itemsize
    for start, end in _spans(lengths * size, len(content)):
        part = array(typecode)
        part.frombytes(content[start:end])
        yield part


def _spans(lengths: Int64s, size: int) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(lengths)
    if len(lengths) and (int(ends[-1]) != size or int(lengths.min()) < 0):
        raise ArtifactError(f"parts of {int(ends[-1])} bytes in {size}: the snapshot is of no use")
    yield from zip((ends - lengths).tolist(), ends.tolist(), strict=True)

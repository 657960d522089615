"""Which rows may be found, in the form in which FAISS asks for it."""

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from shared.ranking.arrays import Bools


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows by a mask [n]: the same as bits, the lowest of a byte first, and their number."""

    mask: Bools
    bits: npt.NDArray[np.uint8]
    count: int

    @classmethod
    def of(cls, mask: Bools) -> "Selection":
        """The rows at which `mask` [n] is true."""
        return cls(mask, np.packbits(mask, bitorder="little"), int(np.count_nonzero(mask)))

    def parameters(self) -> faiss.SearchParameters:
        """Parameters of a search that compares the selected rows alone; a row past n is none."""
        parameters = faiss.SearchParameters()
        parameters.sel = self.selector()
        return parameters

    def selector(self) -> faiss.IDSelectorBitmap:
        """The bits as FAISS's selector."""
        # This form keeps the array alive; the stub knows the other one alone, which does not.
        return faiss.IDSelectorBitmap(self.bits)  # type: ignore[call-arg, arg-type]

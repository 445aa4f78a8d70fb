"""Arrays that an adapter reads on demand."""

from __future__ import annotations

import numpy as np

from fusionbench.images.names import shown
from fusionbench.types import DataError, FusionBenchError, LazyArray


def read_lazy(source: LazyArray) -> np.ndarray:
    """What a lazy array reads, in the machine's byte order.

    Raises:
        DataError: The adapter raised whatever it may, or some of the values are masked out.
    """
    name = shown(source)
    try:
        values = source.read()
        if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
            raise DataError(f"{name}: some of its values are masked out.", hint="Fill them first.")
        array = np.asarray(values)
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    except FusionBenchError:
        raise
    except MemoryError as error:
        raise DataError(f"{name}: not enough memory to read it.") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{name}: cannot be read ({type(error).__name__}: {reason}).") from error

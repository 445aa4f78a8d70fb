"""Reading checkpoints without executing what is in them, and putting them into networks.

What a file is, is decided by its first bytes, not by its name: authors call PyTorch files ``.pth``,
``.pt``, ``.model``, ``.ckpt`` or ``.pkl``.
"""

from __future__ import annotations

import pickle
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from fusionbench.nn.tensorflow_bundle import bundle_index, read_bundle
from fusionbench.types import WeightsError, first_line

CONTAINER_KEYS = ("state_dict", "model", "model_state_dict", "net", "network", "params", "weights")

# Containers and number types that official files hold beside their tensors (epoch counters, best scores, optimizer
# state). None of them runs code of the file. Files written with numpy 1 name its old modules.
_HARMLESS: list[Any] = [
    OrderedDict,
    np.dtype,
    *(kind for kind in vars(np.dtypes).values() if isinstance(kind, type) and issubclass(kind, np.dtype)),
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
    (np._core.multiarray.scalar, "numpy._core.multiarray.scalar"),
]
_allow_list_lock = threading.Lock()  # torch keeps its allow-list in a global


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint file holds, on the CPU: a mapping of names to tensors, possibly nested.

    Reads PyTorch files (``torch.load`` with ``weights_only=True``), safetensors, and TensorFlow
    bundles (any of a bundle's files; tensors in PyTorch layout, see :func:`from_tensorflow`).

    Raises:
        WeightsError: The file is absent, damaged, of an unknown format, or a pickle of objects.
    """
    path = Path(path)
    index = bundle_index(path)
    if index is not None:
        return from_tensorflow(read_bundle(index))
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if len(head) == 9 and head[8:] == b"{":
        return _read_safetensors(path)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch(path)
    raise WeightsError(
        f"{path}: neither a PyTorch checkpoint nor safetensors nor a TensorFlow bundle.",
        hint="Is the download complete? Pages sometimes deliver an HTML page or a Git LFS pointer instead.",
    )


def read_state_dict(
    path: Path, *, container_keys: Sequence[str] = CONTAINER_KEYS, only: str | None = None
) -> dict[str, Tensor]:
    """The state dict in a checkpoint file, on the CPU, without ``module.`` prefixes.

    Args:
        path: A file that :func:`read_checkpoint` reads.
        container_keys: Names under which training scripts nest the state dict; the first present wins.
        only: Take exactly this member of the file, for files with one state dict for each sub-network.

    Raises:
        WeightsError: The file cannot be read or holds no state dict.
    """
    checkpoint: Any = read_checkpoint(path)
    if only is not None:
        if not isinstance(checkpoint.get(only), Mapping):
            raise WeightsError(f"{path}: no part {only!r}; it holds {_some(checkpoint)}.")
        checkpoint = checkpoint[only]
    while not _is_state_dict(checkpoint):
        key = next((key for key in container_keys if isinstance(checkpoint.get(key), Mapping)), None)
        if key is None:
            raise WeightsError(f"{path}: holds no state dict; its entries are {_some(checkpoint)}.")
        checkpoint = checkpoint[key]
    state = dict(checkpoint)
    while all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def load_into(
    module: nn.Module,
    state: Mapping[str, Tensor],
    *,
    path: Path | str,
    rename: Callable[[str], str | None] | None = None,
) -> None:
    """Load a state dict into a network; every tensor must find its place.

    Batch counters (``num_batches_tracked``) may be missing: files written by old PyTorch lack them.

    Args:
        module: The network; left unchanged if anything does not fit. One built on the ``meta`` device
            takes over the tensors of ``state`` instead of copying them, which halves the peak memory.
        state: Names and tensors, as in the file.
        path: Named in error messages.
        rename: Maps a name of the file to a name of the network; None drops the tensor.

    Raises:
        WeightsError: Names missing, unexpected tensors, other shapes, or values that are not finite.
    """
    renamed = {name: tensor for old, tensor in state.items() if (name := rename(old) if rename else old) is not None}
    own = module.state_dict()
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    problems = []
    if missing := own.keys() - renamed.keys() - optional:
        problems.append(f"missing: {_some(name for name in own if name in missing)}")
    if unexpected := renamed.keys() - own.keys():
        problems.append(f"unexpected: {_some(name for name in renamed if name in unexpected)}")
    both = [name for name in own if name in renamed]
    if misshaped := [name for name in both if own[name].shape != renamed[name].shape]:
        shapes = (f"{name} {tuple(renamed[name].shape)} instead of {tuple(own[name].shape)}" for name in misshaped)
        problems.append(f"other shape: {_some(shapes)}")
    if infinite := [name for name in both if renamed[name].is_floating_point() and not renamed[name].isfinite().all()]:
        problems.append(f"not finite: {_some(infinite)}")
    if problems:
        raise WeightsError(
            f"{path}: does not fit {type(module).__name__}; " + "; ".join(problems) + ".",
            hint="Are these the weights of this method, variant and task?",
        )
    module.load_state_dict(renamed, strict=False, assign=any(tensor.is_meta for tensor in own.values()))


def from_tensorflow(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """TensorFlow variables in PyTorch's layout: 4-D kernels HWIO to OIHW, 2-D ones in,out to out,in.

    ``/`` in names becomes ``.``; everything else keeps name and shape.
    """
    axes = {4: (3, 2, 0, 1), 2: (1, 0)}
    return {
        name.replace("/", "."): torch.from_numpy(
            np.array(array.transpose(axes[array.ndim]) if array.ndim in axes else array, order="C")
        )
        for name, array in arrays.items()
    }


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file: {error}.") from error


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        with _allow_list_lock, torch.serialization.safe_globals(_HARMLESS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"objects of {refused[1]}" if refused else "more than tensors"
        raise WeightsError(
            f"{path}: pickles {what}; reading it would run code of the file, so it is refused.",
            hint="If you trust its source, load it where its own code is installed and save only the state dict: "
            "torch.save(model.state_dict(), FILE).",
        ) from error
    except Exception as error:  # a damaged file can fail in any way inside the reader
        raise WeightsError(
            f"{path}: not a readable PyTorch checkpoint: {first_line(error)}", hint="Is the download complete?"
        ) from error
    if isinstance(found, Tensor) or not isinstance(found, Mapping):
        raise WeightsError(f"{path}: holds a {type(found).__name__}, not a mapping of names to tensors.")
    return dict(found)


def _is_state_dict(found: Mapping[str, Any]) -> bool:
    return bool(found) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items())


def _some(names: Iterable[Any], most: int = 5) -> str:
    names = [str(name) for name in names]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "nothing") + rest

"""Reading checkpoints without executing what is in them, and putting them into networks.

What a file is, is decided by its first bytes, not by its name: authors call PyTorch files ``.pth``,
``.pt``, ``.model``, ``.ckpt`` or ``.pkl``.
"""

from __future__ import annotations

import pickle
import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from fusionbench.files import open_regular
from fusionbench.printable import some_of
from fusionbench.types import WeightsError, first_line
from fusionbench.weights import foreign
from fusionbench.weights.recognition import CONTENT_KEY, begins_safetensors, metadata, numbers_sha256
from fusionbench.weights.tensorflow_bundle import bundle_index, read_bundle
from fusionbench.weights.unwrapping import (
    CONTAINER_KEYS,
    LEADING,
    PARALLEL,
    bare_names,
    buried_prefix,
    find_state,
    is_number,
)

# What torch.save begins its older format with: a pickled number of its own.
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


class _Inert:
    """Stands for a NumPy array of a training's history, which nothing here reads."""

    def __init__(self, *arguments: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


# Containers and number types that official files hold beside their tensors (epoch counters, best scores, optimizer
# state). None of them runs code of the file. Files written with numpy 1 name its old modules.
_HARMLESS: list[Any] = [
    OrderedDict,
    np.dtype,
    *(kind for kind in vars(np.dtypes).values() if isinstance(kind, type) and issubclass(kind, np.dtype)),
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]  # not in its stubs
    (np._core.multiarray.scalar, "numpy._core.multiarray.scalar"),  # type: ignore[attr-defined]  # not in its stubs
    (_Inert, "numpy.core.multiarray._reconstruct"),
    (_Inert, "numpy._core.multiarray._reconstruct"),
    (_Inert, "numpy.ndarray"),
]
_allow_list_lock = threading.Lock()  # torch keeps its allow-list in a global
_RESAVE = "load it where its own code is installed and save only the state dict: torch.save(model.state_dict(), FILE)."


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
    if path.is_dir():
        raise WeightsError(f"{path} is a folder.", hint="Give the file with the weights inside it.")
    try:
        with open_regular(path) as file:
            head = file.read(512)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if begins_safetensors(head):
        return _read_safetensors(path)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch(path, head)
    reason, hint = foreign.explain(path, head)
    raise WeightsError(f"{path} {reason}", hint=hint)


def read_state_dict(
    path: Path, *, container_keys: Sequence[str] = CONTAINER_KEYS, only: str | None = None
) -> dict[str, Tensor]:
    """The state dict in a checkpoint file, on the CPU, under the network's own names as far as they can be told.

    Prefixes that wrappers put before all names (``module.``, ``_orig_mod.``, ``model.``, ...) are taken off, and
    what lies beside the tensors is left out; see :mod:`fusionbench.weights.unwrapping`.

    Args:
        path: A file that :func:`read_checkpoint` reads.
        container_keys: Names under which training scripts nest the state dict; the first present wins.
        only: Take exactly this member of the file, for files with one state dict for each sub-network.

    Raises:
        WeightsError: The file cannot be read or holds no state dict.
    """
    return read_entries(path, container_keys=container_keys, only=only)[0]


def read_entries(
    path: Path, *, container_keys: Sequence[str] = CONTAINER_KEYS, only: str | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """As :func:`read_state_dict`, and what lies beside the tensors and their containers, by name.

    Raises:
        WeightsError: The file cannot be read or holds no state dict.
    """
    checkpoint: Any = read_checkpoint(path)
    if only is not None:
        if not isinstance(checkpoint.get(only), Mapping):
            raise WeightsError(f"{path}: no part {only!r}; it holds {_some(checkpoint)}.")
        checkpoint = checkpoint[only]
    leading = LEADING if only is None else PARALLEL
    found = find_state(checkpoint, container_keys, name=str(path), leading=leading)
    if found is None:
        raise WeightsError(f"{path}: holds no state dict; its entries are {_some(checkpoint)}.")
    return found


def load_into(
    module: nn.Module,
    state: Mapping[str, Tensor],
    *,
    path: Path | str,
    rename: Callable[[str], str | None] | None = None,
) -> None:
    """Load a state dict into a network; every tensor must find its place.

    Tensors take the network's precision, whatever the file's. Wrappers around the file's network or this one
    (DataParallel, ``torch.compile``, ...) do not matter. Batch counters (``num_batches_tracked``) may be missing:
    files written by old PyTorch lack them.

    Args:
        module: The network; left unchanged if anything does not fit. One built on the ``meta`` device
            takes over the tensors of ``state`` instead of copying them, which halves the peak memory.
        state: Names and tensors, as in the file.
        path: Named in error messages.
        rename: Maps a name of the file to a name of the network; None drops the tensor.

    Raises:
        WeightsError: Names missing, unexpected tensors, other shapes or types, or values that are not finite.

    Warns:
        UserWarning: A single number that lay beside the network's tensors was left out.
    """
    renamed = {name: tensor for old, tensor in state.items() if (name := rename(old) if rename else old) is not None}
    own = module.state_dict()
    renamed = _without_numbers(_aligned(renamed, own), own, path)
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    problems = []
    if missing := own.keys() - renamed.keys() - optional:
        problems.append(f"missing: {_some(name for name in own if name in missing)}")
    if unexpected := renamed.keys() - own.keys():
        problems.append(f"unexpected: {_some(name for name in renamed if name in unexpected)}")
    # A counter that lost its last digits in a file of half precision counts nothing that matters here.
    inexact = [name for name in optional & renamed.keys() if not _converts(renamed[name], own[name].dtype)]
    renamed = {name: tensor for name, tensor in renamed.items() if name not in inexact}
    both = [name for name in own if name in renamed]
    if unplain := [name for name in both if not _is_plain(renamed[name])]:
        problems.append(f"quantized or sparse: {_some(unplain)}")
        both = [name for name in both if name not in unplain]
    if misshaped := [name for name in both if own[name].shape != renamed[name].shape]:
        shapes = (f"{name} {tuple(renamed[name].shape)} instead of {tuple(own[name].shape)}" for name in misshaped)
        problems.append(f"other shape: {_some(shapes)}")
    if mistyped := [name for name in both if not _converts(renamed[name], own[name].dtype)]:
        types = (f"{name} {_type(renamed[name])} instead of {_type(own[name])}" for name in mistyped)
        problems.append(f"other type: {_some(types)}")
        both = [name for name in both if name not in mistyped]
    renamed |= {name: renamed[name].to(own[name].dtype) for name in both}
    if infinite := [name for name in both if renamed[name].is_floating_point() and not renamed[name].isfinite().all()]:
        problems.append(f"not finite: {_some(infinite)}")
    if problems:
        prefix = buried_prefix(own.keys() - optional, renamed)
        raise WeightsError(
            f"{path}: does not fit {_called(module)}; " + "; ".join(problems) + ".",
            hint="Are these the weights of this method, variant and task?"
            if prefix is None
            else f"All of the network's names are there behind the prefix {prefix!r}: save that part alone.",
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
        stated = metadata(path).get(CONTENT_KEY)
        if stated is not None and numbers_sha256(path) != stated:
            raise WeightsError(
                f"{path}: is damaged: its numbers are not those that were written.",
                hint="Make it again: fusionbench weights add, or weights convert.",
            )
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file: {error}.", hint="Is the download complete?"
        ) from error


def _read_torch(path: Path, head: bytes) -> dict[str, Any]:
    if head.startswith(b"PK"):
        other = foreign.explain_zip(path)
        if other is not None:
            raise WeightsError(f"{path} {other[0]}", hint=other[1])
        damaged = foreign.damaged_member(path)
        if damaged is not None:
            raise WeightsError(
                f"{path}: is damaged: the checksum of its part {damaged!r} differs.", hint="Download or copy it again."
            )
    elif not head.startswith(_LEGACY):
        raise WeightsError(
            f"{path}: is a Python pickle that torch.save did not write; reading it would run code, so it is refused.",
            hint=f"Is the download complete? If you trust its source, {_RESAVE}",
        )
    try:
        with _allow_list_lock, torch.serialization.safe_globals(_HARMLESS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"objects of {refused[1]}" if refused else "more than tensors"
        raise WeightsError(
            f"{path}: pickles {what}; reading it would run code of the file, so it is refused.",
            hint=f"If you trust its source, {_RESAVE}",
        ) from error
    except Exception as error:  # a damaged file can fail in any way inside the reader
        reason = first_line(error)
        # torch's own advice, to read files without its protection, is not for a file that is merely unreadable.
        if not reason or "weights_only" in reason:
            reason = f"its contents are damaged or of a kind that torch does not read safely ({type(error).__name__})"
        raise WeightsError(
            f"{path}: not a readable PyTorch checkpoint: {reason}", hint="Is the download complete?"
        ) from error
    if isinstance(found, Tensor) or not isinstance(found, Mapping):
        raise WeightsError(f"{path}: holds a {type(found).__name__}, not a mapping of names to tensors.")
    return dict(found)


def _aligned(state: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state under the network's names, both compared without their wrappers' prefixes."""
    if own.keys() <= state.keys():
        return state
    ours = {bare: name for name, bare in bare_names(own).items()}
    return {ours.get(bare, bare): state[name] for name, bare in bare_names(state).items()}


def _without_numbers(state: dict[str, Tensor], own: Mapping[str, Tensor], path: Path | str) -> dict[str, Tensor]:
    """Without single numbers that the network does not have; counters go silently, others with a warning."""
    beside = [name for name, tensor in state.items() if name not in own and is_number(name, tensor)]
    if measured := [name for name in beside if state[name].is_floating_point()]:
        warnings.warn(f"{path}: left out, a number beside the weights: {_some(measured)}.", stacklevel=3)
    return {name: tensor for name, tensor in state.items() if name not in beside}


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_quantized


def _converts(tensor: Tensor, kind: torch.dtype) -> bool:
    """Whether a tensor can take another type without becoming something else."""
    if tensor.is_complex() or kind.is_complex:
        return tensor.dtype == kind
    if kind.is_floating_point:
        return tensor.is_floating_point()
    if not tensor.is_floating_point():
        return True
    # Counters and indices, in a file all of whose entries were converted: right where they are exact.
    exact = 2 / torch.finfo(tensor.dtype).eps
    values = tensor.double()
    return bool(((values == values.round()) & (values.abs() <= exact)).all())


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _called(module: nn.Module) -> str:
    """The class of a network, also where torch.compile wraps it."""
    return type(getattr(module, "_orig_mod", module)).__name__


def _some(names: Iterable[Any], most: int = 5) -> str:
    return some_of(names, most) or "nothing"

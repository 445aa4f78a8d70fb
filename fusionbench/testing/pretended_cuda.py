"""A pretended CUDA device: its tensors say that they live there, compute on the CPU, and refuse what CUDA refuses.

Within ``pretended()`` torch sees one CUDA device. A tensor made on it or moved to it wraps a CPU tensor. An operator
called with tensors of both devices raises what CUDA raises; so do ``.numpy()`` on such a tensor and operators that
have no kernel for CUDA in torch's own table. Values are real, so that code which depends on data runs, and results
can be compared with the CPU's. What does not show: limits of single kernels (shared memory, rare dtypes), speed, and
the backward pass, whose engine asks a build for CUDA for its streams.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import torch
import yaml
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CUDA = torch.device("cuda", 0)
_CPU = torch.device("cpu")
_BYTES = 2**36

_GUARD = """
#include <c10/core/impl/DeviceGuardImplInterface.h>
C10_REGISTER_GUARD_IMPL(CUDA, c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA>);
"""

# Operators that take a tensor of the CPU beside those of CUDA: copies, and indices.
_BOTH_DEVICES = {
    "aten::copy_", "aten::_to_copy", "aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_",
    "aten::set_", "aten::lift_fresh", "aten::_local_scalar_dense",
}  # fmt: skip
_INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
# Operators in which not even a number may come from the CPU.
_STRICT = {"aten::mm", "aten::bmm", "aten::addmm", "aten::cat", "aten::convolution"}
_ANY_BACKEND = {
    "CUDA", "CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional", "CompositeImplicitAutograd",
}  # fmt: skip


def missing_parts() -> str:
    """What the pretended device lacks on this machine; empty where it works."""
    if torch.version.cuda is None and _compiler() is None:
        return "no C++ compiler, which the pretended device needs once"
    return ""


def _compiler() -> str | None:
    return shutil.which(os.environ.get("CXX") or "c++")


@cache
def prepare(folder: Path) -> None:
    """Give a CPU build of torch the device guard that it lacks for CUDA; it does nothing."""
    if torch.version.cuda is not None:
        return
    source, library, torch_folder = folder / "guard.cpp", folder / "guard.so", Path(torch.__file__).parent
    source.write_text(_GUARD)
    compiler = _compiler()
    assert compiler is not None
    flags = ["-O0", "-shared", "-fPIC", "-std=c++20", f"-I{torch_folder / 'include'}"]
    libraries = [f"-L{torch_folder / 'lib'}", "-lc10", f"-Wl,-rpath,{torch_folder / 'lib'}"]
    command = [compiler, *flags, str(source), *libraries, "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    ctypes.CDLL(str(library))


@cache
def _without_kernel() -> frozenset[str]:
    """Operators that have a kernel for the CPU and none that serves CUDA."""
    generator = find_spec("torchgen")
    assert generator is not None
    assert generator.origin is not None
    table = Path(generator.origin).parent / "packaged" / "ATen" / "native" / "native_functions.yaml"
    lacking: set[str] = set()
    delegates: dict[str, str] = {}
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where there is one: the table is long
    for function in safe(table.read_text(encoding="utf-8")).get_single_data():
        name = function["func"].partition("(")[0]
        backends = {key.strip() for keys in function.get("dispatch", {}) for key in keys.split(",")}
        if "structured_delegate" in function:
            delegates[name] = function["structured_delegate"]
        elif "CPU" in backends and not backends & _ANY_BACKEND:
            lacking.add(name)
    return frozenset(lacking | {name for name, delegate in delegates.items() if delegate in lacking})


class PretendedTensor(Tensor):
    """A tensor on the pretended device; ``held`` is where its values are."""

    held: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> PretendedTensor:
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=CUDA,
            requires_grad=inner.requires_grad,
        )
        made.held = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # as torch tells it to

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch declares its placeholder
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if PretendedDevice.active is None:
            raise RuntimeError("a tensor of the pretended device outlived it")
        with PretendedDevice.active:
            return func(*args, **(kwargs or {}))

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]  # torch names its keyword in a way of its own
        return f"PretendedTensor({self.held})"

    def numpy(self, *_: Any, **__: Any) -> Any:
        """Refused, as of a tensor on a device."""
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory."
        )

    __array__ = numpy

    def tolist(self) -> Any:
        """The values."""
        return self.held.tolist()

    def data_ptr(self) -> int:
        """Of the tensor below."""
        return self.held.data_ptr()

    def is_shared(self) -> bool:
        """Not between processes."""
        return False

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        made: Tensor = self.detach().clone()
        if getattr(self, "_is_param", False):
            made = torch.nn.Parameter(made, self.requires_grad)
        memo[id(self)] = made
        return made


class PretendedDevice(TorchDispatchMode):
    """Carries out what is asked of the pretended device, or refuses it.

    Attributes:
        operators: How many operators it has carried out.
    """

    active: ClassVar[PretendedDevice | None] = None

    def __init__(self) -> None:
        super().__init__()
        self._mode_key = torch._C._TorchDispatchModeKey.FAKE  # keeps torch from starting CUDA
        self.operators = 0

    @classmethod
    def is_infra_mode(cls) -> bool:
        """It stands below modes that only watch, such as a counter of operators."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        ours = [tensor for tensor in tensors if isinstance(tensor, PretendedTensor)]
        wanted = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        to_cuda = wanted is not None and wanted.type == "cuda"
        if not ours and not to_cuda:
            return func(*args, **kwargs)
        self.operators += 1
        name = func._schema.name
        if ours:
            _refuse_other_devices(name, args, tensors)
        _refuse_missing_kernel(func)
        if name == "aten::_fused_sdp_choice":
            return 0  # the plain formula: fused kernels are a device's own
        inner_args, inner_kwargs = tree_map(_inner, args), tree_map(_inner, kwargs)
        if to_cuda:
            inner_kwargs["device"] = _CPU
        inner_kwargs.pop("pin_memory", None)
        if name == "aten::_softmax" and inner_args[2]:  # from half to float: CUDA has the kernel, the CPU does not
            inner_args = (inner_args[0].float(), inner_args[1], False)
        result = func(*inner_args, **inner_kwargs)
        stays = isinstance(args[0], PretendedTensor) if name == "aten::copy_" else wanted is None or to_cuda
        known = {id(tensor.held): tensor for tensor in ours}

        def wrapped(value: Any) -> Any:
            if not isinstance(value, Tensor) or isinstance(value, PretendedTensor):
                return value
            if id(value) in known:  # in place
                return known[id(value)]
            return PretendedTensor(value) if stays else value

        return tree_map(wrapped, result)


def _inner(value: Any) -> Any:
    return value.held if isinstance(value, PretendedTensor) else value


def _refuse_other_devices(name: str, args: Any, tensors: list[Tensor]) -> None:
    if name in _INDEXING and not isinstance(args[0], PretendedTensor):
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
    if name in _BOTH_DEVICES:
        return
    foreign = [tensor for tensor in tensors if not isinstance(tensor, PretendedTensor)]
    if any(tensor.dim() > 0 or name in _STRICT for tensor in foreign):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! ({name})"
        )


def _refuse_missing_kernel(func: Any) -> None:
    overload = func._schema.overload_name
    if f"{func._schema.name.removeprefix('aten::')}{'.' if overload else ''}{overload}" in _without_kernel():
        raise NotImplementedError(f"Could not run '{func._schema.name}' with arguments from the 'CUDA' backend.")


def _no_grad(*_: Any, **__: Any) -> torch.no_grad:
    return torch.no_grad()


class _Properties:
    name = "pretended"
    total_memory = _BYTES
    major, minor = 9, 0
    multi_processor_count = 100


_ANSWERS: dict[str, Any] = {
    "is_available": lambda: True,
    "is_initialized": lambda: True,
    "_lazy_init": lambda: None,
    "device_count": lambda: 1,
    "current_device": lambda: 0,
    "get_device_name": lambda *_: "pretended",
    "get_device_properties": lambda *_: _Properties(),
    "get_device_capability": lambda *_: (9, 0),
    "is_bf16_supported": lambda *_, **__: True,
    "synchronize": lambda *_: None,
    "empty_cache": lambda: None,
    "mem_get_info": lambda *_: (_BYTES, _BYTES),
    "memory_allocated": lambda *_: 2**20,
    "max_memory_allocated": lambda *_: 2**20,
    "max_memory_reserved": lambda *_: 2**20,
    "reset_peak_memory_stats": lambda *_: None,
    "manual_seed_all": lambda *_: None,
}


@contextmanager
def pretended() -> Iterator[PretendedDevice]:
    """One pretended CUDA device, for as long as the context lasts; ``prepare`` comes first."""
    device = PretendedDevice()
    run = threading.Thread.run

    def run_inside(thread: threading.Thread) -> None:
        with device:  # a mode belongs to a thread
            run(thread)

    with ExitStack() as stack:
        for name, answer in _ANSWERS.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, answer))
        # A wrapper has no version counter, which inference mode asks for.
        stack.enter_context(mock.patch.object(torch, "inference_mode", _no_grad))
        stack.enter_context(mock.patch.object(threading.Thread, "run", run_inside))
        stack.callback(
            torch.__future__.set_overwrite_module_params_on_conversion,
            torch.__future__.get_overwrite_module_params_on_conversion(),
        )
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        torch._C._ensureCUDADeviceGuardSet()
        # torch.tensor(..., device="cuda") goes through the mode.
        stack.callback(torch._C._set_only_lift_cpu_tensors, torch._C._only_lift_cpu_tensors())
        torch._C._set_only_lift_cpu_tensors(True)
        stack.callback(setattr, PretendedDevice, "active", None)
        PretendedDevice.active = device
        with device:
            yield device

"""Weights and inputs of the golden cases: a function of names and shapes, so that no file holds them.

The rules are those of ``reference/golden/README.md``.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.helpers.shared import shared_path


def golden_weight(name: str, shape: tuple[int, ...], *, gain: float = 1.0) -> Tensor:
    """The value of one tensor of a state dict."""
    last = name.rpartition(".")[2]
    if last == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    w = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    tenth = np.float32(0.1)
    if last == "running_mean":
        w = tenth * w
    elif last == "running_var":
        w = 1 + tenth * np.abs(w)
    elif last in ("temperature", "scale"):
        w = 1 + tenth * w
    elif w.ndim >= 2:
        w = w * np.float32(gain / math.sqrt(math.prod(shape[1:])))
    elif last in ("bias", "in_proj_bias"):
        w = tenth * w
    elif w.shape == (1,):
        w = np.float32(0.25) + tenth * w
    else:
        w = 1 + tenth * w
    return torch.from_numpy(np.ascontiguousarray(w, dtype=np.float32))


def fill_golden(
    module: torch.nn.Module, *, gain: float = 1.0, aliases: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Give a module its golden weights; the SHA-256 over names and bytes in state-dict order.

    Args:
        module: The network; may be on the ``meta`` device.
        gain: Of the method's json.
        aliases: First components of names -> those of the module they share.
    """
    digest = hashlib.sha256()
    state = module.state_dict()
    for name, tensor in state.items():
        first, dot, rest = name.partition(".")
        value = golden_weight(aliases.get(first, first) + dot + rest, tuple(tensor.shape), gain=gain)
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
        state[name] = value
    module.load_state_dict(state, assign=any(tensor.is_meta for tensor in module.parameters()))
    return digest.hexdigest()


def golden_input(seed: str, shape: tuple[int, ...], *, normal: bool = False) -> Tensor:
    """An input made from its seed string, float32."""
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    values = rng.standard_normal(shape) if normal else rng.random(shape)
    return torch.from_numpy(values.astype(np.float32))


class GoldenMethod:
    """Cases and expected arrays of one method; skips the test where they are absent.

    Attributes:
        gain: The same for all networks of the method.
        sha256: Digest of the filled weights; a mapping where the method has several networks.
    """

    def __init__(self, method: str) -> None:
        self.description: dict[str, Any] = json.loads(shared_path("reference", "golden", f"{method}.json").read_text())
        self.arrays: Mapping[str, np.ndarray] = np.load(shared_path("reference", "golden", f"{method}.npz"))
        self.gain = _gain(self.description["gain"])
        self.sha256: Any = self.description["weights_sha256"]
        self.cases: dict[str, dict[str, Any]] = {case["name"]: case for case in self.description["cases"]}

    def inputs(self, case: str) -> dict[str, Tensor]:
        """The inputs of a case by name; stored 8-bit images as 1 x 1 x H x W in [0, 1]."""
        found = {}
        for name, entry in self.cases[case]["inputs"].items():
            if entry["source"] == "stored":
                found[name] = torch.from_numpy(self.arrays[entry["key"]].astype(np.float32) / 255)[None, None]
            else:
                found[name] = golden_input(entry["seed"], tuple(entry["shape"]), normal="normal" in entry["source"])
        return found

    def expected(self, case: str, output: str) -> Tensor:
        """An expected output."""
        return torch.from_numpy(self.arrays[self.cases[case]["outputs"][output]["key"]])


def _gain(value: Any) -> float:
    if isinstance(value, Mapping):
        (value,) = set(value.values())
    return math.sqrt(2) if value == "sqrt(2)" else float(value)


def manifest(method: str, network: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of an official state dict, in order."""
    description = json.loads(shared_path("reference", f"{method}.state_dict.json").read_text())
    return {name: tuple(entry["shape"]) for name, entry in description["networks"][network]["tensors"].items()}


def shapes(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a network's state dict, in order."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}

"""What training code wraps around a state dict: containers, prefixes of names, numbers beside the tensors."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

# Averaged weights come first: where a file has both, its authors evaluate those (BasicSR, timm, YOLO).
AVERAGED_KEYS = (
    "params_ema",
    "ema",
    "model_ema",
    "ema_model",
    "state_dict_ema",
    "model_state_dict_ema",
    "ema_state_dict",
    "netG_ema",
    "net_g_ema",
    "g_ema",
    "G_ema",
)
CONTAINER_KEYS = (
    *AVERAGED_KEYS,
    "state_dict",
    "model_state_dict",
    "model",
    "model_state",
    "net",
    "net_state_dict",
    "network",
    "network_state_dict",
    "params",
    "parameters",
    "weights",
    "module",
    "generator",
    "generator_state_dict",
    "netG",
    "netG_state_dict",
    "net_g",
    "G",
    "G_state_dict",
    "gen",
)

# Inserted wherever a part of a network is compiled, sharded or checkpointed; no network's own names.
_INSERTED = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"})
# Put before all names by a module that holds the network: DataParallel, Lightning, averaging, GAN training.
PARALLEL = frozenset({"module"})
LEADING = PARALLEL | frozenset(
    {"model", "_model", "net", "network", "generator", "netG", "net_g", "G", "ema", "ema_model", "state_dict"}
)


def find_state(
    found: Mapping[str, Any],
    container_keys: Sequence[str] = CONTAINER_KEYS,
    *,
    name: str,
    leading: frozenset[str] = LEADING,
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The state dict inside what a file holds, and what lies beside its tensors; None without one.

    Args:
        found: The file's contents.
        container_keys: Names under which a state dict is looked for; the first present wins.
        name: What messages call the file.
        leading: Words before all names that are a wrapper's. A part of a network may have such names of its own.

    Warns:
        UserWarning: The file holds averaged weights beside plain ones.
    """
    result = _search(found, container_keys, name, set())
    if result is None:
        return None
    state, beside = result
    bare = bare_names(state, leading)
    return {bare[key]: tensor for key, tensor in state.items()}, beside


def bare_names(state: Mapping[str, Tensor], leading: frozenset[str] = LEADING) -> dict[str, str]:
    """Each name without what wrappers put into and before all names.

    Single numbers without a dot in their name (``n_averaged``, ``step``) need not have the prefix.
    """
    bare = {key: ".".join(part for part in key.split(".") if part not in _INSERTED) for key in state}
    while True:
        carrying = [key for key in state if not is_number(bare[key], state[key])]
        first = {bare[key].partition(".")[0] for key in carrying}
        dotted = all("." in bare[key] for key in carrying)
        if len(first) != 1 or not dotted or not first <= leading:
            break
        prefix = f"{first.pop()}."
        bare = {key: value.removeprefix(prefix) for key, value in bare.items()}
    return bare if len(set(bare.values())) == len(bare) else {key: key for key in state}


def is_number(name: str, tensor: Tensor) -> bool:
    """Whether an entry is a single number of the training beside the network's tensors (``epoch``, ``best_loss``)."""
    return "." not in name and tensor.ndim == 0


def buried_prefix(own: Iterable[str], names: Iterable[str]) -> str | None:
    """The prefix behind which a file holds all of a network's names among others; None if there is none."""
    own, names = set(own), set(names)
    if not own:
        return None
    sample = max(own, key=len)
    for name in names:
        prefix = name.removesuffix(sample)
        if name.endswith(f".{sample}") and own <= {n.removeprefix(prefix) for n in names if n.startswith(prefix)}:
            return prefix
    return None


def _search(
    found: Mapping[str, Any], keys: Sequence[str], name: str, seen: set[int]
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    if id(found) in seen:  # a pickled mapping may contain itself
        return None
    seen.add(id(found))
    inner = {key: _search(found[key], keys, name, seen) for key in keys if isinstance(found.get(key), Mapping)}
    states = {key: state for key, state in inner.items() if state is not None}
    if states:
        key = next(iter(states))
        same = [other for other, state in states.items() if other != key and state[0].keys() == states[key][0].keys()]
        if key in AVERAGED_KEYS and same:
            warnings.warn(
                f"{name}: holds averaged weights ({key}) beside {same[0]}; the averaged ones are used.", stacklevel=2
            )
        state, beside = states[key]
        return state, {k: v for k, v in found.items() if k != key} | beside
    state = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if any(not is_number(key, tensor) for key, tensor in state.items()):
        return state, {key: value for key, value in found.items() if key not in state}
    single = [key for key, value in found.items() if isinstance(value, Mapping) and _is_plain(value)]
    if len(single) == 1:
        return _search(found[single[0]], keys, name, seen)
    return None


def _is_plain(found: Mapping[Any, Any]) -> bool:
    """Whether a mapping holds tensors by name, and not only single numbers."""
    tensors = [(key, value) for key, value in found.items() if isinstance(key, str) and isinstance(value, Tensor)]
    return any(not is_number(key, tensor) for key, tensor in tensors)

"""Which methods share a process: they then fuse sample by sample, and much of the work on a sample is done once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fusionbench.runs.config import RunConfig
from fusionbench.runs.matrix import Pairing
from fusionbench.weights.recognition import data_file

# Bytes of weights that are in memory together at most.
_TOGETHER = 2**30


def leaders(pairings: Iterable[Pairing], config: RunConfig) -> Mapping[tuple[str, str], str]:
    """By method and data set, the method in whose process it runs: its own, or the first of those that share one.

    Methods share if they say that they do (:attr:`fusionbench.MethodSpec.shares_process`), read no text features, are
    not compiled, and their weights fit into memory together.

    Args:
        pairings: All of the run.
        config: Its settings.
    """
    found: dict[tuple[str, str], str] = {}
    open_to: dict[str, tuple[str, int]] = {}
    for pairing in pairings:
        method, dataset, spec = pairing.method.key, pairing.dataset.key, pairing.spec
        if config.compile or spec.text != "none" or not spec.shares_process:
            found[method, dataset] = method
            continue
        size = 0 if pairing.weights is None else data_file(pairing.weights).stat().st_size
        leader, held = open_to.get(dataset, (method, 0))
        if held + size > _TOGETHER:
            leader, held = method, 0
        open_to[dataset] = leader, held + size
        found[method, dataset] = leader
    return found

"""What is known about a method and a data set before anything is computed: what is lacking, what a reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fusionbench.isolation.environments import interpreter_of
from fusionbench.runs.matrix import Pairing
from fusionbench.types import FusionBenchError, UsageError, WeightsError, resolve
from fusionbench.weights.recognition import examine


def examined(pairings: Sequence[Pairing], precision: str) -> tuple[list[Pairing], list[str]]:
    """Check what pairings of one method need, and mark those whose rows have to say more than their method.

    Args:
        pairings: Of one method with its data sets.
        precision: That of the run.

    Returns:
        The pairings with their marks, and remarks for the user.

    Raises:
        UsageError: Something is missing that the method needs for every sample.
        WeightsError: The weights are damaged.
    """
    found, remarks = [], []
    for pairing in pairings:
        _require(pairing)
        remark, mark = "", ""
        if pairing.weights is not None:
            remark, mark = examine(pairing.spec, pairing.weights, pairing.dataset.task, pairing.method.options)
        remarks += [remark] if remark else []
        found.append(replace(pairing, marks=", ".join(filter(None, (pairing.marks, mark)))))
    if pairings and precision != "float32" and not pairings[0].spec.lowers_precision:
        remarks.append(f"{pairings[0].method.key} computes in float32: --precision is for learned methods")
    return found, list(dict.fromkeys(remarks))


def _require(pairing: Pairing) -> None:
    spec, dataset = pairing.spec, pairing.dataset
    if spec.text == "required" and all(sample.features() is None for sample in dataset.samples):
        raise UsageError(
            f"method {spec.name} needs text features, and no sample of {dataset.key} has any.",
            hint="Make them with `fusionbench text`, or point --text-features to a folder of .npy files.",
        )
    if spec.isolated is not None:
        interpreter_of(spec, pairing.method.options)  # now, as no time limit of a sample is running
    if spec.requirements is None:
        return
    check = resolve(spec.requirements, owner=f"method {spec.name}")
    try:
        check(pairing.method.options, pairing.weights, dataset)
    except (UsageError, WeightsError):
        raise
    except FusionBenchError as error:
        raise UsageError(f"{spec.name} on {dataset.key}: {error.message}", hint=error.hint) from error
    except Exception as error:
        line = (str(error).strip().splitlines() or [""])[0]
        raise UsageError(
            f"{spec.name}: its requirements could not be checked: {type(error).__name__}: {line}"
        ) from error

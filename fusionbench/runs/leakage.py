"""Which samples of a run its weights were trained on, by the bytes of their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fusionbench.data.names import loose
from fusionbench.data.splits import SplitList, packaged_list
from fusionbench.runs.matrix import Pairing
from fusionbench.runs.preflight import SampleFacts
from fusionbench.weights.recognition import recognise


def training_list(pairing: Pairing) -> SplitList | None:
    """What the weights of a pairing were trained on; None where no list of it is known.

    Raises:
        DataError: The list is damaged.
    """
    if pairing.weights is None or not pairing.weights.is_file():
        return None
    weight = recognise(pairing.spec, pairing.weights)
    if weight is None or not weight.training_list:
        return None
    return packaged_list(f"of what {pairing.spec.name} was trained on", weight.training_list)


def marked(
    pairings: Sequence[Pairing], facts: Mapping[str, Mapping[str, SampleFacts]]
) -> tuple[list[Pairing], list[str]]:
    """Mark the pairings whose samples include some that the method was trained on.

    A sample is known by the bytes of any of its sources, and in a data set that the method names among its training
    data by its id as well, since copies may be encoded anew.

    Args:
        pairings: Of a run.
        facts: Facts by data set key and sample id.

    Returns:
        The pairings, with marks for tables, and remarks for the user.

    Raises:
        DataError: A list is damaged.
    """
    found, remarks = [], []
    for pairing in pairings:
        listed = training_list(pairing)
        if listed is not None:
            seen = _seen(pairing, listed, facts[pairing.dataset.key])
            if seen:
                mark = f"trained on {seen} of its {len(pairing.dataset.samples)} samples"
                remarks.append(f"{pairing.method.key} on {pairing.dataset.key} was {mark}: its scores there say little")
                pairing = replace(pairing, marks=", ".join(filter(None, (pairing.marks, mark))))
        found.append(pairing)
    return found, remarks


def _seen(pairing: Pairing, listed: SplitList, facts: Mapping[str, SampleFacts]) -> int:
    digests = {digest for entry in listed.entries for digest in entry.sha256}
    by_name = pairing.dataset.request.name in pairing.spec.training_data
    ids = {loose(entry.id) for entry in listed.entries} if by_name else set()
    return sum(
        loose(sample.id) in ids or not digests.isdisjoint(facts[sample.id].sha256[: len(sample.sources)])
        for sample in pairing.dataset.samples
    )

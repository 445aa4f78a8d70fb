"""What weights were trained on, known by their digests, and which samples of a run, by the bytes of their images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fusionbench.data.names import loose
from fusionbench.data.splits import SplitList, packaged_list
from fusionbench.runs.matrix import Pairing
from fusionbench.runs.preflight import SampleFacts
from fusionbench.types import MethodSpec
from fusionbench.weights.recognition import published_by, weights_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is known of how a pairing's method was trained.

    Attributes:
        weights: SHA-256 of its weights, of published ones as it is published, whoever uses them under which name.
        data: Names of data sets that its author, or the publisher of these weights, says it was trained on.
        listed: The images that these weights were trained on; None where no list of them is known.
    """

    weights: str = ""
    data: tuple[str, ...] = ()
    listed: SplitList | None = None


def training_of(pairing: Pairing, known: Iterable[MethodSpec]) -> Training:
    """What is known of the training of a pairing's weights.

    Args:
        pairing: The method with the file of its weights.
        known: The methods whose published weights it may be, besides its own.

    Raises:
        DataError: A list is damaged.
    """
    spec, path = pairing.spec, pairing.weights
    if path is None or not path.is_file():
        return Training(data=tuple(spec.training_data))
    published = published_by((spec, *(other for other in known if other.name != spec.name)), path)
    data = dict.fromkeys((*spec.training_data, *(name for owner, _ in published for name in owner.training_data)))
    place = next((weight.training_list for _, weight in published if weight.training_list), "")
    return Training(
        weights=published[0][1].sha256[0] if published else weights_digest(spec, path),
        data=tuple(data),
        listed=packaged_list(f"of what {spec.name} was trained on", place) if place else None,
    )


def marked(
    pairings: Sequence[Pairing], facts: Mapping[str, Mapping[str, SampleFacts]], known: Iterable[MethodSpec]
) -> tuple[list[Pairing], list[str], dict[str, dict[str, dict[str, object]]]]:
    """Mark the pairings whose samples include some that the method was trained on.

    A sample is known by the bytes of any of its sources, and in a data set that is named among the training data by its
    id as well, since copies may be encoded anew.

    Args:
        pairings: Of a run.
        facts: Facts by data set key and sample id.
        known: The methods whose published weights may have been used.

    Returns:
        The pairings, with marks for tables, remarks for the user, and by method and data set what results record:
        ``weights`` and ``data`` of :class:`Training`, and ``seen``, the ids of samples trained on, None where no list
        is known.

    Raises:
        DataError: A list is damaged.
    """
    found, remarks = [], []
    recorded: dict[str, dict[str, dict[str, object]]] = {}
    for pairing in pairings:
        training = training_of(pairing, known)
        seen = None if training.listed is None else _seen(pairing, training, facts[pairing.dataset.key])
        if seen:
            mark = f"trained on {len(seen)} of its {len(pairing.dataset.samples)} samples"
            remarks.append(f"{pairing.method.key} on {pairing.dataset.key} was {mark}: its scores there say little")
            pairing = replace(pairing, marks=", ".join(filter(None, (pairing.marks, mark))))
        if training != Training():
            entry: dict[str, object] = {"weights": training.weights, "data": list(training.data), "seen": seen}
            recorded.setdefault(pairing.method.key, {})[pairing.dataset.key] = entry
        found.append(pairing)
    return found, remarks, recorded


def _seen(pairing: Pairing, training: Training, facts: Mapping[str, SampleFacts]) -> list[str]:
    entries = () if training.listed is None else training.listed.entries
    digests = {digest for entry in entries for digest in entry.sha256}
    by_name = pairing.dataset.request.name in training.data
    ids = {loose(entry.id) for entry in entries} if by_name else set()
    return [
        sample.id
        for sample in pairing.dataset.samples
        if loose(sample.id) in ids or not digests.isdisjoint(facts[sample.id].sha256[: len(sample.sources)])
    ]

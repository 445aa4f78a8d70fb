"""Folders of fused images that other code wrote, as methods of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.configuration.assignments import OwnedOptions, assignments, rivals
from fusionbench.data.opening import registered
from fusionbench.plugins import current_plugins
from fusionbench.runs.config import DatasetRequest, MethodRequest
from fusionbench.types import UsageError
from fusionbench.types.complaints import Complaints

PRECOMPUTED = "precomputed"
"""The method that hands out the images of a folder."""


def fused_request(folder: Path, label: str, options: Mapping[str, Any]) -> MethodRequest:
    """The method that hands out the fused images of a folder; labelled like the folder if ``label`` is empty."""
    given = {"folder": str(folder.absolute()), **options}
    return MethodRequest(name=PRECOMPUTED, label=label or folder.resolve().name, options=given)


def fused_requests(
    folders: Sequence[Path],
    labels: Sequence[str],
    dataset: str,
    options: Sequence[str],
    *,
    dataset_options: Sequence[str] = (),
    complaints: Complaints,
) -> tuple[tuple[MethodRequest, ...], DatasetRequest]:
    """What a command says of fused images and of the data set that they were made from.

    Args:
        folders: Of fused images.
        labels: One for each folder, or none.
        dataset: ``[LABEL=]NAME[@SPLIT][=ROOT]``.
        options: ``[NAME.]KEY=VALUE``, of the data set, or of the matching of one folder or of all.
        dataset_options: ``KEY=VALUE``, of the data set: an earlier spelling.
        complaints: Where to note options that belong to nothing.

    Raises:
        UsageError: Something cannot be understood, or there are more or fewer labels than folders.
        UnknownNameError: No such data set.
    """
    if labels and len(labels) != len(folders):
        raise UsageError(
            f"{len(folders)} folders but {len(labels)} names: give --name once for each --fused, or never."
        )
    source = DatasetRequest.parse(dataset)
    matching = set(current_plugins().methods[PRECOMPUTED].options)
    opening = set(registered(source.name).options)
    given = OwnedOptions.read(options, ownerless=True).handed(source.name, opening - matching)
    requests = [
        fused_request(folder, label, {}) for folder, label in zip(folders, labels or [""] * len(folders), strict=True)
    ]
    of_matching = dict.fromkeys((PRECOMPUTED, *(request.key for request in requests)), matching)
    of_opening = dict.fromkeys((source.name, source.key), opening)
    of_dataset = assignments(dataset_options, "--dataset-option")
    of_dataset |= given.of(source.name, source.key, owned=True, rivals=rivals(of_opening, of_matching))
    others = rivals(of_matching, of_opening)
    requests = [
        dataclasses.replace(request, options={**request.options, **given.of(PRECOMPUTED, request.key, rivals=others)})
        for request in requests
    ]
    known = [source.name, source.key, PRECOMPUTED, *(request.key for request in requests)]
    for owner in given.strangers(known):
        hint = f"Here: {', '.join(dict.fromkeys(known))}."
        complaints.add(
            UsageError(f"--option names {owner!r}, which is no data set and no --fused of this command.", hint=hint)
        )
    return tuple(requests), dataclasses.replace(source, options=of_dataset)

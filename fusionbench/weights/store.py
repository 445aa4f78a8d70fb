"""The user's weights folder: adding downloaded files to it, converting them, checking what is there."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from fusionbench.atomic import replacing
from fusionbench.images.hashing import file_sha256
from fusionbench.isolation.method import build
from fusionbench.types import (
    ChecksWeights,
    FusionBenchError,
    MethodError,
    MethodSpec,
    MetricSpec,
    WeightsError,
    WeightSpec,
    described,
    raised_at,
    resolve,
)
from fusionbench.weights import hub
from fusionbench.weights.checkpoints import read_checkpoint, read_state_dict
from fusionbench.weights.finding import Owner, how_to_get, installed_file, named_weights, weights_folder
from fusionbench.weights.metrics import load_metric
from fusionbench.weights.published import published
from fusionbench.weights.recognition import (
    CONTENT_KEY,
    SOURCE_KEY,
    data_file,
    is_published,
    is_safetensors,
    numbers_sha256,
    recognise,
)
from fusionbench.weights.tensorflow_bundle import bundle_index

_SAFETENSORS = ".safetensors"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about a file of weights.

    Attributes:
        path: The file.
        origin: ``official`` (its digest is a published one), ``unknown`` (it is not), or ``unpublished``
            (no digest is known to compare with).
        problem: Why the network does not take it; empty if it does.
    """

    path: Path
    origin: str
    problem: str = ""


def add(spec: Owner, source: Path, *, name: str | None = None, force: bool = False) -> tuple[WeightSpec, Path]:
    """Put a downloaded file into the weights folder, after checking what it is and that the network takes it.

    Args:
        spec: The method or metric.
        source: The file as published, or any file of a TensorFlow bundle.
        name: Which of its weights it is; recognised by its digest if not given.
        force: Take a file whose digest is not one of the published ones, and replace one that is there.

    Returns:
        Which weights it is, and the file it was stored as.

    Raises:
        WeightsError: The file is unreadable, unknown, does not fit the network, or is there already.
    """
    source = _existing(source)
    if isinstance(spec, MethodSpec):
        read_checkpoint(source)  # what cannot be read at all is told first; metrics may have files of other kinds
    weight = _identify(spec, source, name, force)
    check(spec, weight, source)
    target = weights_folder() / spec.name / weight.filename
    if target.exists() and not force:
        raise WeightsError(f"{target} exists already.", hint="Replace it with --force.")
    if target.suffix == _SAFETENSORS and not is_safetensors(source):
        convert(source, target)
    else:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    return weight, target


def convert(source: Path, target: Path) -> None:
    """Write the state dict of a checkpoint as safetensors, in PyTorch's layout, with its source's digest.

    Raises:
        WeightsError: The source cannot be read safely, or the target cannot be written.
    """
    source = _existing(source)
    # Checkpoints may hold one tensor under two names, which safetensors refuses: each becomes one of its own.
    state = {
        name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in read_state_dict(source).items()
    }
    metadata = {"source": source.name, SOURCE_KEY: file_sha256(data_file(source))}
    try:
        with replacing(target) as temporary:
            safetensors.torch.save_file(state, temporary)
            metadata[CONTENT_KEY] = numbers_sha256(temporary)
            safetensors.torch.save_file(state, temporary, metadata=metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{target}: cannot be written: {error}.") from error


def verify_installed(names: Sequence[str] = ()) -> Iterator[tuple[Owner, WeightSpec, Verdict]]:
    """Verify what is installed.

    Args:
        names: Of methods and metrics; all where there are none.

    Raises:
        UnknownNameError, UsageError: As of :func:`fusionbench.weights.published.owner`.
    """
    for spec, weight in published(names):
        path = installed_file(spec, weight)
        if path is not None:
            yield spec, weight, verify(spec, weight, path)


def verify(spec: Owner, weight: WeightSpec, path: Path) -> Verdict:
    """Compare a file with the published digest and load it into the network."""
    origin = "unpublished"
    if weight.sha256:
        origin = "official" if is_published(weight, path) else "unknown"
    try:
        check(spec, weight, path)
    except FusionBenchError as error:
        return Verdict(path, origin, str(error))
    return Verdict(path, origin)


def check(spec: Owner, weight: WeightSpec, path: Path) -> None:
    """Load a file into the network on the CPU; one of several that a metric reads together, once all are there.

    Raises:
        WeightsError: It does not fit.
    """
    try:
        if isinstance(spec, MethodSpec):
            _check_method(spec, weight, path)
            return
        files = {each.name: path if each is weight else installed_file(spec, each) for each in spec.weights}
        there = {name: file for name, file in files.items() if file is not None}
        if there.keys() == files.keys():
            _check_metric(spec, there)
    except FusionBenchError:
        raise
    except Exception as error:
        raise WeightsError(f"{spec.name}: {path} could not be loaded: {described(error)}{raised_at(error)}.") from error


def _check_metric(spec: MetricSpec, files: Mapping[str, Path]) -> None:
    load_metric(spec.key, resolve(spec.function, owner=f"metric {spec.key}"), torch.device("cpu"), files)


def _check_method(spec: MethodSpec, weight: WeightSpec, path: Path) -> None:
    options = {name: option.default for name, option in spec.options.items()}
    options |= {name: values[0] for name, values in weight.when.items()}
    method = build(spec, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a run says them
        if isinstance(method, ChecksWeights):
            method.check_weights(weight.name, path)
            return
        try:
            method.load(torch.device("cpu"), path)
        except MethodError as error:  # what code in another environment raises has no type here
            raise WeightsError(f"{path}: {error.message}", hint=error.hint) from error


def fetch_named(spec: Owner, name: str | None) -> Iterator[Path]:
    """Download the weights of a name, all without one, and add them.

    Raises:
        WeightsError, MissingExtraError: As of :func:`fetch`, or none are called so.
    """
    for weight in spec.weights if name is None else (named_weights(spec, name),):
        yield fetch(spec, weight)


def fetch(spec: Owner, weight: WeightSpec) -> Path:
    """Download weights that their authors publish on the Hugging Face hub, and add them.

    Those that are not published there and are here already, such as weights that ship with their plugin, stay.

    Raises:
        WeightsError: They are neither published there nor here, or the download fails.
        MissingExtraError: The client is not installed.
    """
    here = installed_file(spec, weight)
    if weight.hub is None:
        if here is not None:
            return here
        raise WeightsError(
            f"{spec.name}: weights {weight.name!r} cannot be fetched: their authors do not publish them on the hub.",
            hint=how_to_get(spec, weight),
        )
    repository, filename, revision = weight.hub
    found = hub.fetch(f"{hub.PREFIX}{repository}@{revision}:{filename}", default_file=filename)
    return add(spec, found, name=weight.name, force=here is not None)[1]


def _existing(path: Path) -> Path:
    """The file itself, or the index of the bundle that is meant."""
    found = bundle_index(path) or path
    if not found.is_file():
        raise WeightsError(f"{path}: no such file or TensorFlow checkpoint.")
    return found


def _identify(spec: Owner, source: Path, name: str | None, force: bool) -> WeightSpec:
    if not spec.weights:
        raise WeightsError(f"{spec.name} needs no weights.")
    named = [] if name is None else [named_weights(spec, name)]
    names = ", ".join(weight.name for weight in spec.weights)
    recognised = recognise(spec, source)
    if recognised is not None and recognised in (named or [recognised]):
        return recognised
    if recognised is not None and not force:
        raise WeightsError(f"{source} is {recognised.name!r} of {spec.name}, not {name!r}.")
    candidates = named or (list(spec.weights) if len(spec.weights) == 1 else [])
    if not candidates:
        raise WeightsError(
            f"{source}: not recognised as any of {spec.name}'s published weights ({names}).",
            hint="Say which they are with --name NAME, and --force to take a file with another digest.",
        )
    if candidates[0].sha256 and not force:
        raise WeightsError(
            f"{source}: its SHA-256 is not that of the published weights {candidates[0].name!r} of {spec.name}.",
            hint="If it is your own training, or the authors have published a new file: --force.",
        )
    return candidates[0]

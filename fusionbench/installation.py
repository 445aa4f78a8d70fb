"""What an installation has and what is wrong with it: versions, devices, plugins, data, weights."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

import torch

import fusionbench
import fusionbench.metrics.native
import fusionbench.nn.native
from fusionbench.data import open_dataset
from fusionbench.isolation.environments import environments_folder, kept, present, probed
from fusionbench.native import Native
from fusionbench.plugins import current_plugins
from fusionbench.printable import counted
from fusionbench.runs.provenance import environment
from fusionbench.types import FusionBenchError, WeightsError, described
from fusionbench.weights.finding import installed_file, weights_folder
from fusionbench.weights.published import published
from fusionbench.weights.recognition import examine

_EXTRA = re.compile(r"""([\w.-]+).*;\s*extra\s*==\s*["']([\w-]+)["']""")
_FOR_DEVELOPERS = ("all", "docs", "test")  # and the one that is several others


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        text: What it is and, of a problem, what to do about it.
        problem: Whether something is wrong.
    """

    text: str
    problem: bool = False


def examined(data_root: Path | None = None) -> Iterator[Finding]:
    """Everything there is to say of the installation, in the order in which it is found out.

    Args:
        data_root: Also look for data sets in this folder.
    """
    yield from _versions()
    yield from _devices()
    yield from _plugins()
    yield from _data(data_root)
    yield from _weights()
    yield from _environments()


def _versions() -> Iterator[Finding]:
    facts = environment(["cpu"])
    yield Finding(f"fusionbench {fusionbench.__version__} in {Path(fusionbench.__file__).parent}")
    yield Finding(f"Python {facts['python']} on {facts['machine']['system']}, {facts['machine']['cores']} cores")
    yield Finding("  " + ", ".join(f"{name} {version}" for name, version in facts["libraries"].items()))
    yield Finding(f"  torch uses {torch.get_num_threads()} threads")
    yield Finding(f"  native kernel of the metrics: {fusionbench.metrics.native.NATIVE.state()}")
    yield Finding(f"  native kernel of the networks: {fusionbench.nn.native.NATIVE.state()}")
    for extra, missing in absent_of_extras().items():
        told = f"lacks {', '.join(missing)}: pip install 'fusionbench[{extra}]'" if missing else "installed"
        yield Finding(f"  extra {extra}: {told}")


def absent_of_extras() -> dict[str, list[str]]:
    """By each extra that users may want, as the package itself names them, what of it is not installed."""
    found: dict[str, list[str]] = {}
    for requirement in metadata.requires("fusionbench") or ():
        match = _EXTRA.fullmatch(requirement)
        if match is None or match[2] in _FOR_DEVELOPERS:
            continue
        missing = found.setdefault(match[2], [])
        try:
            metadata.version(match[1])
        except metadata.PackageNotFoundError:
            missing.append(match[1])
    return found


def _devices() -> Iterator[Finding]:
    if not torch.cuda.is_available():
        built = torch.version.cuda
        reason = "this torch is built for CPUs only" if built is None else "no driver or device is visible"
        yield Finding(f"CUDA: none ({reason}); methods run on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding(f"cuda:{index}: {properties.name}, {properties.total_memory / 2**30:.1f} GiB")


def _plugins() -> Iterator[Finding]:
    found = current_plugins()
    yield Finding(
        f"plugins: {len(found.origins)} loaded, with {len(found.methods)} methods, {len(found.datasets)} data sets, "
        f"{len(found.metrics)} metric definitions"
    )
    for failure in found.failures:
        yield Finding(f"{failure}", problem=True)
    for name, module in found.modules().items():
        yield from _kernel_of_plugin(name, module)


def _kernel_of_plugin(name: str, module: ModuleType) -> Iterator[Finding]:
    """The state of the native library that a plugin's package has in its package ``native``, if it has one."""
    place = f"{module.__name__}.native"
    if not hasattr(module, "__path__") or importlib.util.find_spec(place) is None:
        return
    try:
        native = getattr(importlib.import_module(place), "NATIVE", None)
    except Exception as error:
        yield Finding(f"{place} cannot be imported: {described(error)}", problem=True)
        return
    if isinstance(native, Native):
        yield Finding(f"  native kernel of {name}: {native.state()}")


def _data(root: Path | None) -> Iterator[Finding]:
    if root is None:
        yield Finding("data sets: give --data-root DIR to look for them")
        return
    if not root.is_dir():
        yield Finding(f"--data-root {root} is no folder.", problem=True)
        return
    for name, spec in current_plugins().datasets.items():
        if not spec.needs_root or not any((root / folder).is_dir() for folder in spec.folders):
            continue
        try:
            dataset = open_dataset(name, data_root=root)
        except FusionBenchError as error:
            yield Finding(f"  {name}: {error.message}")
            continue
        remarks = f", {counted(len(dataset.problems), 'remark')}" if dataset.problems else ""
        yield Finding(f"  {name}: {counted(len(dataset.samples), 'sample')}{remarks}")


def _weights() -> Iterator[Finding]:
    known = list(published())
    present = [(spec, weight, path) for spec, weight in known if (path := installed_file(spec, weight)) is not None]
    shipped = sum(path == weight.package_file for _, weight, path in present)
    yield Finding(
        f"weights: {len(present)} of {len(known)} known files are here, {shipped} of them ship with the suite; the "
        f"folder for others is {weights_folder()}; `fusionbench weights list` says which"
    )
    for spec, _, path in present:
        try:
            remark, _ = examine(spec, path, None)
        except WeightsError as error:
            yield Finding(str(error), problem=True)
            continue
        if remark:
            yield Finding(f"  {remark}")
    if os.environ.get("FUSIONBENCH_PLUGINS"):
        yield Finding(f"FUSIONBENCH_PLUGINS: {os.environ['FUSIONBENCH_PLUGINS']}")


def _environments() -> Iterator[Finding]:
    """Of isolated methods: what those that are registered have, and what nobody needs."""
    isolated = [spec for spec in current_plugins().methods.values() if spec.isolated is not None]
    unused = set(kept())
    if isolated or unused:
        yield Finding(f"environments of isolated methods: {len(unused)} in {environments_folder()}")
    for spec in isolated:
        try:
            path = present(spec, {})
            if path is None:
                yield Finding(f"  {spec.name}: not made yet; its first run does it")
                continue
            found = probed(path)
        except FusionBenchError as error:
            yield Finding(str(error), problem=True)
            continue
        unused -= {folder for folder in unused if path.is_relative_to(folder)}
        numpy = found.packages.get("numpy")
        if numpy is None:
            yield Finding(f"method {spec.name}: {path} has no NumPy; install it there.", problem=True)
        else:
            yield Finding(f"  {spec.name}: {path}, Python {found.python}, NumPy {numpy}")
    for folder in sorted(unused):
        yield Finding(f"  {folder}: of no method that is registered; it may be removed")

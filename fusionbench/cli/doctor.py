"""``fusionbench doctor``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from fusionbench.cli.options import plugin_option

_EXTRAS = {
    "text": ("transformers",),
    "train": ("accelerate", "h5py", "tensorboard"),
    "plot": ("matplotlib",),
}


@click.command("doctor")
@click.option("--data-root", metavar="DIR", help="Also look for data sets in this folder.")
@plugin_option
def command(data_root: str | None, plugins: tuple[str, ...]) -> None:
    """Check the installation: versions, devices, plugins, data, weights; say what to do about problems."""
    problems = [*_versions(), *_devices(), *_plugins(), *_data(data_root), *_weights()]
    for problem in problems:
        click.echo(click.style("problem: ", fg="red") + problem)
    click.echo("no problems found" if not problems else f"{len(problems)} problems found")
    sys.exit(1 if problems else 0)


def _versions() -> list[str]:
    import torch

    import fusionbench
    from fusionbench.metrics import native
    from fusionbench.runs.provenance import environment

    facts = environment("cpu")
    click.echo(f"fusionbench {fusionbench.__version__} in {Path(fusionbench.__file__).parent}")
    click.echo(f"Python {facts['python']} on {facts['machine']['system']}, {facts['machine']['cores']} cores")
    click.echo("  " + ", ".join(f"{name} {version}" for name, version in facts["libraries"].items()))
    click.echo(f"  torch uses {torch.get_num_threads()} threads; native kernel of the metrics: {native.state()}")
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        state = "installed" if not missing else f"absent: pip install 'fusionbench[{extra}]'"
        click.echo(f"  extra {extra}: {state}")
    return []


def _devices() -> list[str]:
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        reason = "this torch is built for CPUs only" if built is None else "no driver or device is visible"
        click.echo(f"CUDA: none ({reason}); methods run on the CPU")
        return []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        click.echo(f"cuda:{index}: {properties.name}, {properties.total_memory / 2**30:.1f} GiB")
    return []


def _plugins() -> list[str]:
    from fusionbench.plugins import current_plugins

    found = current_plugins()
    click.echo(
        f"plugins: {len(found.origins)} loaded, with {len(found.methods)} methods, {len(found.datasets)} data sets, "
        f"{len(found.metrics)} metric definitions"
    )
    return [f"{failure}" for failure in found.failures]


def _data(data_root: str | None) -> list[str]:
    from fusionbench.data import open_dataset
    from fusionbench.plugins import current_plugins
    from fusionbench.types import FusionBenchError

    if data_root is None:
        click.echo("data sets: give --data-root DIR to look for them")
        return []
    root = Path(data_root)
    if not root.is_dir():
        return [f"--data-root {root} is no folder."]
    for name, spec in current_plugins().datasets.items():
        if not spec.needs_root or not any((root / folder).is_dir() for folder in spec.folders):
            continue
        try:
            dataset = open_dataset(name, data_root=root)
            remarks = f", {len(dataset.problems)} remarks" if dataset.problems else ""
            click.echo(f"  {name}: {len(dataset.samples)} samples{remarks}")
        except FusionBenchError as error:
            click.echo(f"  {name}: {error.message}")
    return []


def _weights() -> list[str]:
    from fusionbench.plugins import current_plugins
    from fusionbench.types import WeightsError
    from fusionbench.weights.finding import installed_file, weights_folder
    from fusionbench.weights.recognition import examine

    problems = []
    known = [(spec, weight) for spec in current_plugins().methods.values() for weight in spec.weights]
    present = [(spec, weight, path) for spec, weight in known if (path := installed_file(spec, weight)) is not None]
    shipped = sum(path == weight.package_file for _, weight, path in present)
    click.echo(
        f"weights: {len(present)} of {len(known)} known files are here, {shipped} of them ship with the suite; the "
        f"folder for others is {weights_folder()}; `fusionbench weights list` says which"
    )
    for spec, _, path in present:
        try:
            remark, _ = examine(spec, path, None)
            if remark:
                click.echo(f"  {remark}")
        except WeightsError as error:
            problems.append(str(error))
    if os.environ.get("FUSIONBENCH_PLUGINS"):
        click.echo(f"FUSIONBENCH_PLUGINS: {os.environ['FUSIONBENCH_PLUGINS']}")
    return problems

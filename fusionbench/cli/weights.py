"""``fusionbench weights``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench.cli.options import plugin_option

if TYPE_CHECKING:
    from fusionbench.types import MethodSpec, WeightSpec


@click.group("weights")
def command() -> None:
    """Where the weights of learned methods come from and which are here.

    Nothing is downloaded except by `fetch`, and no checkpoint's code is ever executed.
    """


@command.command("list")
@click.argument("methods", nargs=-1)
@plugin_option
def list_(methods: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """List published weights: what is installed, and where to get the rest."""
    from fusionbench.weights.finding import installed_file

    for spec, weight in _published(methods):
        found = installed_file(spec, weight)
        tasks = ", ".join(weight.tasks or spec.tasks)
        click.echo(f"{spec.name} {weight.name} ({tasks}): {found or 'not installed'}")
        size = f", {weight.size} bytes" if weight.size else ""
        click.echo(f"    {', '.join(weight.official) or weight.filename}{size}; licence: {weight.licence}")
        click.echo(f"    {weight.page}")
        for digest in weight.sha256:
            click.echo(f"    sha256 {digest}")


@command.command()
@click.argument("method", required=False)
@plugin_option
def where(method: str | None, plugins: tuple[str, ...]) -> None:
    """Print the weights folder, or the installed files of METHOD; exit status 1 if one is missing."""
    from fusionbench.weights.finding import how_to_get, installed_file, weights_folder

    if method is None:
        click.echo(str(weights_folder()))
        return
    missing = False
    for spec, weight in _published((method,)):
        found = installed_file(spec, weight)
        if found is None:
            missing = True
            click.echo(f"{weight.name}: not installed. {how_to_get(spec, weight)}", err=True)
        else:
            click.echo(str(found))
    if missing:
        raise SystemExit(1)


@command.command()
@click.argument("method")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Which of the method's weights FILE is; recognised by its digest if not given.")
@click.option("--force", is_flag=True, help="Take a file with another digest, and replace an installed one.")
@plugin_option
def add(method: str, file: Path, name: str | None, force: bool, plugins: tuple[str, ...]) -> None:
    """Check a downloaded FILE and copy it into the weights folder.

    FILE is what the authors publish; of a TensorFlow checkpoint any of its files, or their common prefix.
    """
    from fusionbench.weights import store as weights_store

    weight, stored = weights_store.add(method_with_weights(method), file, name=name, force=force)
    click.echo(f"{method} {weight.name}: {stored}")


@command.command()
@click.argument("methods", nargs=-1)
@plugin_option
def verify(methods: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """Check installed weights: published digest, and that the network takes them. Exit status 1 if one fails."""
    from fusionbench.weights import store as weights_store
    from fusionbench.weights.finding import installed_file

    origins = {
        "official": "as published",
        "unknown": "not a published file or a conversion of one",
        "unpublished": "no digest is published",
    }
    failed = False
    for spec, weight in _published(methods):
        path = installed_file(spec, weight)
        if path is None:
            continue
        verdict = weights_store.verify(spec, weight, path)
        failed |= bool(verdict.problem)
        state = f"FAILED: {verdict.problem}" if verdict.problem else "loads"
        click.echo(f"{spec.name} {weight.name}: {state}; {origins[verdict.origin]} ({path})")
    if failed:
        raise SystemExit(1)


@command.command()
@click.argument("method")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.safetensors",
    help="The file to write.",
)
@plugin_option
def convert(method: str, checkpoint: Path, output: Path, plugins: tuple[str, ...]) -> None:
    """Convert a CHECKPOINT of METHOD (TensorFlow or PyTorch) to safetensors, in PyTorch's layout."""
    from fusionbench.weights import store as weights_store

    spec = method_with_weights(method)
    weights_store.convert(checkpoint, output)
    verdict = weights_store.verify(spec, spec.weights[0], output)
    if verdict.problem:
        click.echo(f"warning: {verdict.problem}", err=True)
    click.echo(str(output))


@command.command()
@click.argument("method")
@click.option("--name", help="Only these weights of the method.")
@plugin_option
def fetch(method: str, name: str | None, plugins: tuple[str, ...]) -> None:
    """Download weights that their authors publish on the Hugging Face hub."""
    from fusionbench.weights import store as weights_store
    from fusionbench.weights.finding import choose_weights

    spec = method_with_weights(method)
    wanted = spec.weights if name is None else (choose_weights(spec, None, name),)
    for weight in wanted:
        click.echo(str(weights_store.fetch(spec, weight)))


def method_with_weights(name: str) -> MethodSpec:
    """A method that has weights.

    Raises:
        UnknownNameError: There is no such method.
        UsageError: It has none.
    """
    from fusionbench.plugins import current_plugins
    from fusionbench.types import UsageError

    spec = current_plugins().methods[name]
    if not spec.weights:
        raise UsageError(f"method {name} needs no weights.")
    return spec


def _published(names: Sequence[str]) -> Iterator[tuple[MethodSpec, WeightSpec]]:
    from fusionbench.plugins import current_plugins

    methods = current_plugins().methods
    for spec in [method_with_weights(name) for name in names] or methods.values():
        for weight in spec.weights:
            yield spec, weight

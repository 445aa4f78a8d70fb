"""``fusionbench weights``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import plugin_option


@click.group("weights")
def command() -> None:
    """Where the weights of learned methods and metrics come from and which are here.

    Nothing is downloaded except by `fetch`, and no checkpoint's code is ever executed.
    """


@command.command("list")
@click.argument("names", nargs=-1, metavar="[METHOD|METRIC]...")
@plugin_option
def list_(names: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """List published weights: what is installed, and where to get the rest."""
    from fusionbench.types import MethodSpec
    from fusionbench.weights.finding import installed_file
    from fusionbench.weights.published import published

    for spec, weight in published(names):
        found = installed_file(spec, weight)
        used = ", ".join(weight.tasks or spec.tasks) if isinstance(spec, MethodSpec) else "metric"
        click.echo(f"{spec.name} {weight.name} ({used}): {found or 'not installed'}")
        size = f", {weight.size} bytes" if weight.size else ""
        click.echo(f"    {', '.join(weight.official) or weight.filename}{size}; licence: {weight.licence}")
        click.echo(f"    {weight.page}")
        for digest in weight.sha256:
            click.echo(f"    sha256 {digest}")


@command.command()
@click.argument("name", required=False, metavar="[METHOD|METRIC]")
@plugin_option
def where(name: str | None, plugins: tuple[str, ...]) -> None:
    """Print the weights folder, or the installed files of a method or metric; exit status 1 if one is missing."""
    from fusionbench.weights.finding import how_to_get, installed_file, weights_folder
    from fusionbench.weights.published import published

    if name is None:
        click.echo(str(weights_folder()))
        return
    missing = False
    for spec, weight in published((name,)):
        found = installed_file(spec, weight)
        if found is None:
            missing = True
            click.echo(f"{weight.name}: not installed. {how_to_get(spec, weight)}", err=True)
        else:
            click.echo(str(found))
    if missing:
        raise SystemExit(1)


@command.command()
@click.argument("owner", metavar="METHOD|METRIC")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Which of its weights FILE is; recognised by its digest if not given.")
@click.option("--force", is_flag=True, help="Take a file with another digest, and replace an installed one.")
@plugin_option
def add(owner: str, file: Path, name: str | None, force: bool, plugins: tuple[str, ...]) -> None:
    """Check a downloaded FILE and copy it into the weights folder.

    FILE is what the authors publish; of a TensorFlow checkpoint any of its files, or their common prefix.
    """
    from fusionbench.weights import published, store

    spec = published.owner(owner)
    weight, stored = store.add(spec, file, name=name, force=force)
    click.echo(f"{spec.name} {weight.name}: {stored}")


@command.command()
@click.argument("names", nargs=-1, metavar="[METHOD|METRIC]...")
@plugin_option
def verify(names: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """Check installed weights: published digest, and that the network takes them. Exit status 1 if one fails."""
    from fusionbench.weights import store

    origins = {
        "official": "as published",
        "unknown": "not a published file or a conversion of one",
        "unpublished": "no digest is published",
    }
    failed = False
    for spec, weight, verdict in store.verify_installed(names):
        failed |= bool(verdict.problem)
        state = f"FAILED: {verdict.problem}" if verdict.problem else "loads"
        click.echo(f"{spec.name} {weight.name}: {state}; {origins[verdict.origin]} ({verdict.path})")
    if failed:
        raise SystemExit(1)


@command.command()
@click.argument("owner", metavar="METHOD|METRIC")
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
def convert(owner: str, checkpoint: Path, output: Path, plugins: tuple[str, ...]) -> None:
    """Convert a CHECKPOINT (TensorFlow or PyTorch) to safetensors, in PyTorch's layout."""
    from fusionbench.weights import published, store

    spec = published.owner(owner)
    store.convert(checkpoint, output)
    verdict = store.verify(spec, spec.weights[0], output)
    if verdict.problem:
        click.echo(f"warning: {verdict.problem}", err=True)
    click.echo(str(output))


@command.command()
@click.argument("owner", metavar="METHOD|METRIC")
@click.option("--name", help="Only these of its weights.")
@plugin_option
def fetch(owner: str, name: str | None, plugins: tuple[str, ...]) -> None:
    """Download weights that their authors publish on the Hugging Face hub."""
    from fusionbench.weights import published, store

    for path in store.fetch_named(published.owner(owner), name):
        click.echo(str(path))

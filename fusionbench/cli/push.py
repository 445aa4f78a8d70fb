"""``fusionbench push``: runs and weights on the Hugging Face hub."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench.cli.options import F, names_option, plugin_option

if TYPE_CHECKING:
    from fusionbench.publishing.package import Package


@click.group("push")
def command() -> None:
    """Publish a run, or weights, on the Hugging Face hub.

    Log in with `hf auth login`, or set HF_TOKEN. There is no option for the token, which would stay in the shell's
    history and in the records of runs.
    """


def _common(function: F) -> F:
    for option in (
        click.option("--dry-run", is_flag=True, help="Show the card and the files, and send nothing."),
        click.option("--force", is_flag=True, help="Write over a card that fusionbench did not make."),
        click.option("--private", is_flag=True, help="A repository that is made now is seen by its owners alone."),
    ):
        function = option(function)
    return function


@command.command("run", short_help="Publish the results of a run.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--author", default="", metavar="NAME", help="Who made the results.")
@click.option("--licence", default="", metavar="ID", help="Licence of the results by the hub's name, as cc-by-4.0.")
@click.option("--images", is_flag=True, help="Also the fused images; may you publish them?")
@_common
@plugin_option
def push_run(
    run: Path,
    repository: str,
    author: str,
    licence: str,
    images: bool,
    private: bool,
    force: bool,
    dry_run: bool,
    plugins: tuple[str, ...],
) -> None:
    """Publish the results of RUN as a data set: scores with digests, tables, a card; fused images if asked for.

    `results.json` and `results.zip` are what `fusionbench leaderboard --rescore` reads.
    """
    from fusionbench.publishing.runs import run_package

    def made(place: Path) -> Package:
        return run_package(run, place, author=author, licence=licence, pictures=images)

    _publish(made, repository, private=private, force=force, dry_run=dry_run)


@command.command("weights", short_help="Publish weights with a model card.")
@click.argument("method")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--licence", required=True, metavar="ID", help="Licence of the weights by the hub's name, as apache-2.0.")
@click.option("--name", help="Which of the method's weights FILE is; not needed where there is one.")
@click.option("--run", type=click.Path(path_type=Path), help="A run whose results of METHOD stand in the card.")
@names_option("--trained-on", help_text="Data sets that they were trained on.")
@click.option("--republish", is_flag=True, help="Publish a file that its authors have published already.")
@_common
@plugin_option
def push_weights(
    method: str,
    file: Path,
    repository: str,
    licence: str,
    name: str | None,
    run: Path | None,
    trained_on: tuple[str, ...] | None,
    republish: bool,
    private: bool,
    force: bool,
    dry_run: bool,
    plugins: tuple[str, ...],
) -> None:
    """Publish the weights FILE of METHOD as a model, after trying that the network takes them.

    They are published as safetensors; `--weights METHOD=hf:OWNER/NAME` finds them.
    """
    from fusionbench.publishing.weights import weights_package
    from fusionbench.weights.published import method_with_weights

    spec = method_with_weights(method)

    def made(place: Path) -> Package:
        return weights_package(
            spec,
            file,
            place,
            repository,
            licence=licence,
            name=name,
            run=run,
            trained_on=trained_on or (),
            republish=republish,
        )

    _publish(made, repository, private=private, force=force, dry_run=dry_run)


def _publish(made: Callable[[Path], Package], repository: str, *, private: bool, force: bool, dry_run: bool) -> None:
    from fusionbench.publishing.sending import check_repository, publish

    check_repository(repository)
    with tempfile.TemporaryDirectory(prefix="fusionbench-") as place:
        package = made(Path(place))
        if dry_run:
            click.echo(package.card)
            for name, path in package.files.items():
                click.echo(f"{name}: {path.stat().st_size} bytes")
        else:
            click.echo(publish(package, repository, private=private, force=force))

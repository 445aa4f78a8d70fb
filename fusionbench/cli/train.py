"""``fusionbench train``: train a method that brings a trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench import terminal
from fusionbench.cli.options import plugin_option

if TYPE_CHECKING:
    from fusionbench.training.loop import Progress


@click.command("train")
@click.argument("method")
@click.option("--config", required=True, metavar="FILE.yaml|NAME", help="Settings; a file or one the method brings.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the training; default: trainings/METHOD.")
@click.option("--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting. Repeatable.")
@click.option("--fresh", is_flag=True, help="Start again instead of going on from the last checkpoint.")
@click.option("--show", is_flag=True, help="Print the configuration with all changes and stop.")
@plugin_option
def command(
    method: str,
    config: str,
    out: Path | None,
    changes: tuple[str, ...],
    fresh: bool,
    show: bool,
    plugins: tuple[str, ...],
) -> None:
    """Train METHOD. The same command again goes on where it was interrupted, with the same result.

    \b
    fusionbench train film --config released --set data.root=VLFDataset
    fusionbench run -m film --weights trainings/film/weights.safetensors -d roadscene
    """
    import yaml

    from fusionbench.plugins import current_plugins
    from fusionbench.training.configured import read_config, train_configured

    spec = current_plugins().methods[method]
    settings = read_config(config, spec, changes)
    if show:
        click.echo(yaml.safe_dump(settings, sort_keys=False), nl=False)
        return
    folder = out or Path("trainings") / method
    result = train_configured(spec, settings, out=folder, fresh=fresh, progress=_show)
    click.echo(err=True)
    for name, value in result.scores.items():
        click.echo(f"{name}: {value:.4f}")
    click.echo(f"weights: {result.weights}")
    if result.best is not None:
        click.echo(f"best: {result.best}")


def _show(progress: Progress) -> None:
    remaining = (progress.steps - progress.step) * progress.seconds_per_step
    line = (
        f"epoch {progress.epoch + 1}/{progress.epochs} step {progress.step}/{progress.steps} "
        f"loss {progress.losses['loss/total']:.4f}, {remaining / 3600:.1f} h left"
    )
    terminal.overwrite(line)

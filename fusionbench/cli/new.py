"""``fusionbench new``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.printable import command_line


@click.command("new")
@click.argument(
    "kind", type=click.Choice(["method", "dataset", "metric", "exporter", "text-encoder"], case_sensitive=False)
)
@click.argument("name")
@click.option(
    "--dir",
    "parent",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the project's folder is made.",
)
@click.option(
    "--task",
    default="IVF",
    show_default=True,
    type=click.Choice(["IVF", "MIF", "MEF", "MFF"], case_sensitive=False),
    help="Of a method or data set.",
)
@click.option("--isolated", is_flag=True, help="A method with an environment of its own, such as another NumPy.")
def command(kind: str, name: str, parent: Path, task: str, isolated: bool) -> None:
    """Begin a plugin: a package that installs, is found and passes its tests at once.

    It has an entry point, a working example to replace, a test that holds it against its contract, a README with a
    citation and a workflow for GitHub.
    """
    from fusionbench.scaffold import Project, write_project
    from fusionbench.types import Task

    folder = write_project(Project(kind, name, Task(task.upper()), isolated), parent)
    click.echo(f"Wrote {folder}. Next:")
    click.echo(f"  {command_line('pip', 'install', '-e', folder)}")
    click.echo(f"  {command_line('python', '-m', 'pytest', folder)}")
    if kind != "text-encoder":
        click.echo(f"  fusionbench check {kind}:{name}")

"""``fusionbench cite``: what to cite for a run."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import plugin_option


@click.command(name="cite")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A .bib file to write.")
@plugin_option
def command(runs: tuple[Path, ...], output: Path | None, plugins: tuple[str, ...]) -> None:
    """Print the BibTeX of all that a RUN rests on: its methods, data sets and metrics, and this suite.

    Without a run, that of the suite alone.
    """
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.run_view import load_run
    from fusionbench.reports.sources import bibtex, sources
    from fusionbench.reports.writing import write_text

    text = bibtex(sources([load_run(path) for path in runs], current_plugins()))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)

"""``fusionbench text check``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tokenizer", help="Hub id or folder; BLIP-2's vocabulary, which is embedded, if not given.")
def command(paths: tuple[Path, ...], tokenizer: str | None) -> None:
    """Find out how the features of given paragraphs were made, from their token counts.

    PATHS is a VLF folder with Text/ and TextFeature/, or one .npy file and its one or two .txt files. Whether
    FILM's authors applied LAVIS's caption preprocessing (lower case, no punctuation, 50 words) is not known: hold their
    files against both here.
    """
    from fusionbench_film.text.checking import cases_of, check

    finding = check(cases_of(paths), tokenizer=tokenizer)
    click.echo(f"{finding.cases} samples, features {', '.join(map(str, finding.widths))} wide")
    for item in finding.hypotheses:
        given, counted = item.example
        click.echo(
            f"  {item.fits:>6} of {finding.cases} fit  {item.text}, {item.joining}  "
            f"(first sample: {given} tokens given, {counted} expected)"
        )
    click.echo(finding.verdict)

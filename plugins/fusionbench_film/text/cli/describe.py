"""``fusionbench text describe``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import plugin_option
from fusionbench_film.text.cli.shared import FOLDER, dataset_options, open_chosen, report_failures

_PART = "NAME[:OPTION=VALUE,...]"


@click.command()
@plugin_option
@dataset_options
@click.option("--describe", "describer", metavar=_PART, help="Part that writes the paragraph straight from the image.")
@click.option("--caption", metavar=_PART, help="Captioner.")
@click.option("--dense", metavar=_PART, help="Dense captioner.")
@click.option("--segment", metavar=_PART, help="Segmenter.")
@click.option("--write", "writer", metavar=_PART, help="Paragraph writer.")
@click.option("--prompt", metavar="NAME", help="A prompt of the package instead of the task's own, such as direct.")
@click.option(
    "--prompt-path",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="Your own prompt, or a folder with one for each task (`fusionbench text prompts --copy` makes it).",
)
@click.option("--out", type=FOLDER, required=True, help="VLF folder that is made or continued.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--limit", type=click.IntRange(1), help="Only the first samples.")
@click.option("--retry-failed", is_flag=True, help="Try images again that failed in an earlier run.")
@click.option("--dry-run", is_flag=True, help="Estimate requests, tokens and cost of the writer, and stop.")
def command(
    plugins: tuple[str, ...],
    dataset: str,
    data_root: Path | None,
    options: tuple[str, ...],
    data_options: tuple[str, ...],
    describer: str | None,
    caption: str | None,
    dense: str | None,
    segment: str | None,
    writer: str | None,
    prompt: str | None,
    prompt_path: Path | None,
    out: Path,
    device: str,
    limit: int | None,
    retry_failed: bool,
    dry_run: bool,
) -> None:
    """Write a paragraph about every source image of a data set.

    Without any part it uses --describe statistics: measurements in words, no model and no download. The chain of
    the paper is --caption blip2 --dense grit --segment sam --write openai. The same command again continues where it
    was stopped; nothing is computed or paid for twice. docs/text.md lists all parts.
    """
    from fusionbench_film.text.chain import Chain
    from fusionbench_film.text.describing import describe
    from fusionbench_film.text.providers import choose

    if not any((describer, caption, dense, segment, writer)):
        describer = "statistics"
    chain = Chain(
        describer=choose("describer", describer) if describer else None,
        caption=choose("captioner", caption) if caption else None,
        dense=choose("dense_captioner", dense) if dense else None,
        segment=choose("segmenter", segment) if segment else None,
        writer=choose("writer", writer) if writer else None,
        prompt=prompt,
        prompt_path=prompt_path,
    )
    opened = open_chosen(dataset, data_root, options, data_options)
    if dry_run:
        from fusionbench_film.text.llm.estimate import estimate

        click.echo(str(estimate(opened, chain, limit=limit)))
        return
    from fusionbench.cli.progress import stage_bars
    from fusionbench_film.text.models.loading import pick_device

    with stage_bars() as progress:
        outcome = describe(
            opened,
            chain,
            out,
            device=pick_device(device),
            limit=limit,
            retry_failed=retry_failed,
            progress=progress,
        )
    for stage, seconds in outcome.seconds.items():
        click.echo(
            f"{stage}: {outcome.computed[stage]} computed, {outcome.reused[stage]} from the store, {seconds:.1f} s"
        )
    click.echo(f"{outcome.written} paragraphs of chain {outcome.label} in {out / 'Text'}")
    if outcome.failed:
        report_failures([tuple(failure) for failure in outcome.failed])
        raise click.exceptions.Exit(1)

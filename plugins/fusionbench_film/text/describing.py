"""Images to paragraphs: the stages one after the other, then the files of the VLF folder."""

from __future__ import annotations

from pathlib import Path

from fusionbench.locking import locked
from fusionbench.plugins import current_plugins
from fusionbench.types import Dataset
from fusionbench_film.text.chain import Chain, record_chain
from fusionbench_film.text.contracts import Progress, silent
from fusionbench_film.text.pictures import sources
from fusionbench_film.text.stages import PARAGRAPH, Item, Outcome, Stages
from fusionbench_film.text.store import LOCK, PictureRow, Store
from fusionbench_film.vlf.layout import VlfFolder, flat_name, flat_names, side, write_text


def dataset_title(dataset: Dataset) -> str:
    """The name of a data set's folder in the VLF layout: as papers print it, where it is registered."""
    spec = current_plugins().datasets.get(dataset.name)
    return flat_name(spec.title or spec.name if spec else dataset.name)


def describe(
    dataset: Dataset,
    chain: Chain,
    out: Path,
    *,
    device: str = "cpu",
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Describe every source image of a data set; continue where an earlier run was cut off.

    Args:
        dataset: An open data set.
        chain: The parts.
        out: VLF folder; paragraphs go to ``Text/``, everything else into its store.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        limit: Only the first so many samples.
        retry_failed: Try images again that failed in an earlier run.
        progress: Told how far each stage is.

    Raises:
        UsageError: Another process works in the folder.
        FusionBenchError: A model cannot be loaded, or the store cannot be used. What concerns single images is
            recorded in the outcome and in the store instead.
    """
    if chain.writer:
        chain.writer.make()  # Its options are checked before the hours that the other stages may take.
    samples = list(dataset.samples)[:limit]
    title, names = dataset_title(dataset), flat_names(sample.id for sample in samples)
    prompt = chain.prompt_for(dataset.task) if chain.writer else None
    outcome = Outcome(chain.label)
    with locked(out, LOCK), Store(out) as store:
        run = Stages(store, outcome, device, retry_failed, progress)
        items = run.identify(sources(samples))
        if chain.describer:
            run.look(PARAGRAPH, chain.describer, items)
        for stage, provider in chain.finders.items():
            run.look(stage, provider, items)
        if chain.writer and prompt:
            run.write(chain.writer, prompt, items)
        folder = VlfFolder(out)
        for item in items:
            _settle(store, folder, outcome, chain, title, names[item.source.sample], item)
        record_chain(folder, dataset.task, title, chain, prompt)
    return outcome


def _settle(store: Store, folder: VlfFolder, outcome: Outcome, chain: Chain, title: str, name: str, item: Item) -> None:
    """Write the paragraph's file, or note why there is none."""
    source = item.source
    folder_name = side(source.task, source.index)
    path = folder.text(source.task, title, folder_name, name)
    store.put_picture(
        PictureRow(
            task=source.task,
            dataset=title,
            name=name,
            folder=folder_name,
            sample=source.sample,
            role=source.role,
            source=str(source.source),
            image=item.content,
            chain=chain.label,
            stages=item.keys,
        )
    )
    paragraph = item.outputs.get(PARAGRAPH)
    if paragraph and paragraph.ok:
        write_text(path, paragraph.value + "\n")
        outcome.written += 1
        return
    path.unlink(missing_ok=True)  # A paragraph of another chain must not pass for one of this.
    if failure := item.failure:
        outcome.failed.append((source.name, failure.stage, failure.error))

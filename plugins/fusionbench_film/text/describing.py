"""Images to paragraphs: the stages one after the other, each result durable as soon as it exists."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fusionbench.plugins import current_plugins
from fusionbench.types import Dataset, FusionBenchError, Task, UsageError
from fusionbench_film.text.contracts import Findings, Picture, Region, WriteRequest, Written, iou
from fusionbench_film.text.pictures import SourceImage, ahead, sources
from fusionbench_film.text.prompts import Prompt, read_prompt
from fusionbench_film.text.providers import ChosenProvider
from fusionbench_film.text.store import Output, PictureRow, Store, digest
from fusionbench_film.text.vlf import VlfFolder, flat_name, flat_names, side, write_text

PARAGRAPH, PROMPT = "paragraph", "prompt"


class Progress(Protocol):
    """Told how far a stage is; ``done`` counts from 0 to ``total``."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report."""


def silent(stage: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Which parts describe an image: either a describer alone, or a writer fed by up to three finders.

    Attributes:
        describer: Writes the paragraph straight from the image.
        caption, dense, segment: Find what the writer's prompt says.
        writer: Writes the paragraph from the prompt.
        prompt: Prompt file, folder or name; the package's own for the task if None.
    """

    describer: ChosenProvider | None = None
    caption: ChosenProvider | None = None
    dense: ChosenProvider | None = None
    segment: ChosenProvider | None = None
    writer: ChosenProvider | None = None
    prompt: str | None = None

    def __post_init__(self) -> None:
        finders = [part for part in (self.caption, self.dense, self.segment) if part]
        if self.describer and (finders or self.writer):
            raise UsageError(
                "--describe makes the whole paragraph; leave out --caption, --dense, --segment and --write."
            )
        if not self.describer and not self.writer:
            raise UsageError(
                "no part writes the paragraph.", hint="Add --write openai, transformers or template, or use --describe."
            )
        if self.writer and not finders and not self.writer.options.get("attach"):
            raise UsageError(
                f"{self.writer.name} would write about an image of which it knows nothing.",
                hint="Add --caption, --dense or --segment, or attach the image: --write openai:attach=yes.",
            )

    @property
    def finders(self) -> dict[str, ChosenProvider]:
        """Stage -> provider, in the order of the paper: from the whole to the fine."""
        stages = {"caption": self.caption, "dense": self.dense, "masks": self.segment}
        return {stage: provider for stage, provider in stages.items() if provider}

    @property
    def label(self) -> str:
        """The honest name of what comes out: its parts, ``blip2+florence2+sam+openai``."""
        parts = [self.describer] if self.describer else [*self.finders.values(), self.writer]
        return "+".join(dict.fromkeys(part.name for part in parts if part))

    def identity(self) -> dict[str, Any]:
        """All parts with versions and options, as plain data."""
        parts = {**self.finders, "describer": self.describer, "writer": self.writer}
        return {stage: part.identity() for stage, part in parts.items() if part}


@dataclass(slots=True)
class Outcome:
    """What a run of ``describe`` did.

    Attributes:
        label: Name of the chain.
        written: Paragraphs that now lie in the VLF folder.
        computed: Stage -> results computed in this run.
        reused: Stage -> results that were in the store.
        failed: ``(sample/role, stage, error)``.
        seconds: Stage -> wall time.
    """

    label: str
    written: int = 0
    computed: dict[str, int] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Item:
    source: SourceImage
    content: str
    keys: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)

    @property
    def failure(self) -> Output | None:
        return next((output for output in self.outputs.values() if not output.ok), None)


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
        FusionBenchError: A model cannot be loaded, or the store cannot be used. What concerns single images is
            recorded in the outcome and in the store instead.
    """
    samples = list(dataset.samples)[:limit]
    title, names = dataset_title(dataset), flat_names(sample.id for sample in samples)
    prompt = read_prompt(dataset.task, chain.prompt) if chain.writer else None
    outcome = Outcome(chain.label)
    with Store(out) as store:
        run = _Run(store, outcome, device, retry_failed, progress)
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
        _record_chain(folder, dataset.task, title, chain, prompt)
    return outcome


def _settle(
    store: Store, folder: VlfFolder, outcome: Outcome, chain: Chain, title: str, name: str, item: _Item
) -> None:
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


def _record_chain(folder: VlfFolder, task: Task, title: str, chain: Chain, prompt: Prompt | None) -> None:
    record = {
        "label": chain.label,
        "parts": chain.identity(),
        "prompt": {"name": prompt.name, "version": prompt.version} if prompt else None,
    }
    write_text(folder.chain("Text", task, title), json.dumps(record, indent=2) + "\n")


def chain_label(folder: VlfFolder, task: str, dataset: str) -> str:
    """How the paragraphs of a data set were made; ``unknown`` where nothing says so."""
    try:
        label = json.loads(folder.chain("Text", task, dataset).read_text(encoding="utf-8"))["label"]
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"
    return label if isinstance(label, str) and label else "unknown"


@dataclass(slots=True)
class _Run:
    """One run over the items: looks up, computes and stores."""

    store: Store
    outcome: Outcome
    device: str
    retry_failed: bool
    progress: Progress

    def identify(self, images: Sequence[SourceImage]) -> list[_Item]:
        """Hash all images; those that cannot be read become failures."""
        items: list[_Item] = []
        for image, content in ahead(SourceImage.content, images, window=16):
            if isinstance(content, Exception):
                unread = Output(key="", stage="decode", image="", provider="", error=_reason(content))
                items.append(_Item(image, "", outputs={"decode": unread}))
            else:
                items.append(_Item(image, content))
            self.progress("hash", len(items), len(images))
        return items

    def look(self, stage: str, provider: ChosenProvider, items: Sequence[_Item]) -> None:
        """Run a provider that looks at images over all items that have no result of it yet."""
        identity = provider.identity()
        for item in items:
            if not item.failure:
                item.keys[stage] = digest(
                    stage=stage, image=item.content, provider=identity, kind=_kind(stage, provider, item.source)
                )
        with self._timed(stage):
            missing = self._reuse(stage, items)
            if not missing:
                return
            worker = provider.make()
            call = worker.describe if provider.spec.kind in ("captioner", "describer") else worker.regions
            worker.load(self.device)
            try:
                done = 0
                for batch in self._decoded(stage, provider, missing):
                    self._compute(stage, provider, call, batch)
                    done += len(batch)
                    self.progress(stage, done, len(missing))
            finally:
                worker.close()
            self._share(stage, items)

    def _decoded(
        self, stage: str, provider: ChosenProvider, items: Sequence[_Item]
    ) -> Iterator[list[tuple[_Item, Picture]]]:
        batch: list[tuple[_Item, Picture]] = []
        decode = ahead(lambda item: item.source.decode(), items, window=2 * provider.batch_size)
        for item, picture in decode:
            if isinstance(picture, Exception):
                self._fail(stage, provider, item, picture, 0.0)
            else:
                batch.append((item, picture))
            if len(batch) == provider.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _compute(
        self,
        stage: str,
        provider: ChosenProvider,
        call: Callable[[Sequence[Picture]], Sequence[Any]],
        batch: list[tuple[_Item, Picture]],
    ) -> None:
        """Run one batch; if it fails, in halves, so that one image never costs another its result."""
        start = time.perf_counter()
        try:
            values = call([picture for _, picture in batch])
            if len(values) != len(batch):
                raise ValueError(f"{provider.name} returned {len(values)} results for {len(batch)} images")
            plain = [_plain(value) for value in values]
        except Exception as error:
            if len(batch) == 1:
                self._fail(stage, provider, batch[0][0], error, time.perf_counter() - start)
                return
            middle = len(batch) // 2
            self._compute(stage, provider, call, batch[:middle])
            self._compute(stage, provider, call, batch[middle:])
            return
        seconds = (time.perf_counter() - start) / len(batch)
        for (item, _), value in zip(batch, plain, strict=True):
            item.outputs[stage] = self._output(stage, provider, item, value=value, seconds=seconds)
        self.store.put([item.outputs[stage] for item, _ in batch])
        self.outcome.computed[stage] += len(batch)

    def write(self, provider: ChosenProvider, prompt: Prompt, items: Sequence[_Item]) -> None:
        """Let the writer turn findings into paragraphs."""
        requests: dict[str, WriteRequest] = {}
        for item in items:
            if item.failure:
                continue
            request = self._request(provider, prompt, item)
            item.keys[PARAGRAPH] = request.key
            requests[request.key] = request
            self._keep_prompt(item, request)
        self.store.put(item.outputs[PROMPT] for item in items if PROMPT in item.outputs)
        with self._timed(PARAGRAPH):
            missing = self._reuse(PARAGRAPH, items)
            if not missing:
                return
            by_key = {item.keys[PARAGRAPH]: item for item in missing}
            worker = provider.make()
            worker.load(self.device)
            try:
                for done, written in enumerate(worker.write([requests[key] for key in by_key]), start=1):
                    self._keep(provider, by_key[written.key], written)
                    self.progress(PARAGRAPH, done, len(missing))
            finally:
                worker.close()
            self._share(PARAGRAPH, items)

    def _request(self, provider: ChosenProvider, prompt: Prompt, item: _Item) -> WriteRequest:
        findings = findings_of({stage: output.value for stage, output in item.outputs.items()}, _size(item))
        user = prompt.render(findings, item.source.role)
        looks = bool(provider.options.get("attach"))
        key = digest(
            stage=PARAGRAPH,
            image=item.content if looks else "",
            provider=provider.identity(),
            system=prompt.system,
            user=user,
        )
        return WriteRequest(
            key=key,
            system=prompt.system,
            user=user,
            findings=findings,
            role=item.source.role,
            task=item.source.task,
            picture=item.source.decode if looks else None,
        )

    def _keep_prompt(self, item: _Item, request: WriteRequest) -> None:
        """Prompts are stored as they were sent, so that a later change of their file does not change the record."""
        value = {"system": request.system, "user": request.user}
        item.keys[PROMPT] = digest(stage=PROMPT, **value)
        item.outputs[PROMPT] = Output(key=item.keys[PROMPT], stage=PROMPT, image=item.content, provider="", value=value)

    def _keep(self, provider: ChosenProvider, item: _Item, written: Written) -> None:
        output = Output(
            key=written.key,
            stage=PARAGRAPH,
            image=item.content,
            provider=json.dumps(provider.identity()),
            value=written.paragraph or None,
            error=written.error,
            retry=written.retry,
            tokens_in=written.tokens_in,
            tokens_out=written.tokens_out,
            attempts=written.attempts,
        )
        item.outputs[PARAGRAPH] = output
        self.store.put([output])
        self.outcome.computed[PARAGRAPH] += 1

    def _reuse(self, stage: str, items: Sequence[_Item]) -> list[_Item]:
        """Fill in stored results; return one item for each result that is missing."""
        self.outcome.computed[stage] = 0
        missing: dict[str, _Item] = {}
        reused = 0
        for item in items:
            if item.failure or stage not in item.keys:
                continue
            stored = self.store.get(item.keys[stage])
            if stored and (stored.ok or not (self.retry_failed or stored.retry)):
                item.outputs[stage] = stored
                reused += 1
            else:
                missing.setdefault(item.keys[stage], item)
        self.outcome.reused[stage] = reused
        return list(missing.values())

    def _share(self, stage: str, items: Sequence[_Item]) -> None:
        """Give equal images the result that was computed for one of them."""
        for item in items:
            if stage in item.keys and stage not in item.outputs and (stored := self.store.get(item.keys[stage])):
                item.outputs[stage] = stored

    def _fail(self, stage: str, provider: ChosenProvider, item: _Item, error: Exception, seconds: float) -> None:
        item.outputs[stage] = self._output(stage, provider, item, error=_reason(error), seconds=seconds)
        self.store.put([item.outputs[stage]])

    def _output(self, stage: str, provider: ChosenProvider, item: _Item, **fields: Any) -> Output:
        identity = json.dumps(provider.identity())
        return Output(key=item.keys[stage], stage=stage, image=item.content, provider=identity, **fields)

    def _timed(self, stage: str) -> _Stopwatch:
        return _Stopwatch(self.outcome.seconds, stage)


@dataclass(slots=True)
class _Stopwatch:
    seconds: dict[str, float]
    stage: str
    start: float = 0.0

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.stage] = time.perf_counter() - self.start


def findings_of(values: dict[str, Any], size: tuple[int, int]) -> Findings:
    """Stored stage results as findings; masks take the labels of the dense captions that they lie in."""
    dense = tuple(Region.from_json(region) for region in values.get("dense") or ())
    masks = tuple(labelled(Region.from_json(region), dense) for region in values.get("masks") or ())
    return Findings(caption=values.get("caption") or "", dense=dense, masks=masks, size=size)


def labelled(mask: Region, dense: Sequence[Region], *, overlap: float = 0.5) -> Region:
    """A mask with the phrase of the box that overlaps it most (intersection over union at least ``overlap``)."""
    best = max(dense, key=lambda region: iou(mask.box, region.box), default=None)
    if mask.label or best is None or iou(mask.box, best.box) < overlap:
        return mask
    return Region.from_json({**mask.to_json(), "label": best.label})


def _kind(stage: str, provider: ChosenProvider, source: SourceImage) -> list[str]:
    """What a result depends on beside the image's content: nothing, for most finders."""
    if provider.spec.by_file:
        return [source.role, Path(str(source.source)).name]
    return [source.task, source.role] if stage == PARAGRAPH else []


def _size(item: _Item) -> tuple[int, int]:
    from fusionbench.images import probe_image

    info = probe_image(item.source.source)
    return info.height, info.width


def _plain(value: str | Sequence[Region]) -> Any:
    return value if isinstance(value, str) else [region.to_json() for region in value]


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, FusionBenchError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:500]

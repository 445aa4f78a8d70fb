"""The stages over all images: each result is looked up, else computed, and durable as soon as it exists."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.types import FusionBenchError
from fusionbench_film.text.contracts import Picture, Progress, Region, WriteRequest, Written
from fusionbench_film.text.findings import findings_of
from fusionbench_film.text.pictures import SourceImage, ahead
from fusionbench_film.text.prompts import Prompt
from fusionbench_film.text.providers import ChosenProvider
from fusionbench_film.text.store import Output, Store, digest

PARAGRAPH, PROMPT = "paragraph", "prompt"


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
class Item:
    source: SourceImage
    content: str
    keys: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)

    @property
    def failure(self) -> Output | None:
        return next((output for output in self.outputs.values() if not output.ok), None)


@dataclass(slots=True)
class Stages:
    """One run over the items: looks up, computes and stores."""

    store: Store
    outcome: Outcome
    device: str
    retry_failed: bool
    progress: Progress

    def identify(self, images: Sequence[SourceImage]) -> list[Item]:
        """Hash all images; those that cannot be read become failures."""
        items: list[Item] = []
        for image, content in ahead(SourceImage.content, images, window=16):
            if isinstance(content, Exception):
                unread = Output(key="", stage="decode", image="", provider="", error=_reason(content))
                items.append(Item(image, "", outputs={"decode": unread}))
            else:
                items.append(Item(image, content))
            self.progress("hash", len(items), len(images))
        return items

    def look(self, stage: str, provider: ChosenProvider, items: Sequence[Item]) -> None:
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
        self, stage: str, provider: ChosenProvider, items: Sequence[Item]
    ) -> Iterator[list[tuple[Item, Picture]]]:
        batch: list[tuple[Item, Picture]] = []
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
        batch: list[tuple[Item, Picture]],
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

    def write(self, provider: ChosenProvider, prompt: Prompt, items: Sequence[Item]) -> None:
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

    def _request(self, provider: ChosenProvider, prompt: Prompt, item: Item) -> WriteRequest:
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

    def _keep_prompt(self, item: Item, request: WriteRequest) -> None:
        """Prompts are stored as they were sent, so that a later change of their file does not change the record."""
        value = {"system": request.system, "user": request.user}
        item.keys[PROMPT] = digest(stage=PROMPT, **value)
        item.outputs[PROMPT] = Output(key=item.keys[PROMPT], stage=PROMPT, image=item.content, provider="", value=value)

    def _keep(self, provider: ChosenProvider, item: Item, written: Written) -> None:
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

    def _reuse(self, stage: str, items: Sequence[Item]) -> list[Item]:
        """Fill in stored results; return one item for each result that is missing."""
        self.outcome.computed[stage] = 0
        missing: dict[str, Item] = {}
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

    def _share(self, stage: str, items: Sequence[Item]) -> None:
        """Give equal images the result that was computed for one of them."""
        for item in items:
            if stage in item.keys and stage not in item.outputs and (stored := self.store.get(item.keys[stage])):
                item.outputs[stage] = stored

    def _fail(self, stage: str, provider: ChosenProvider, item: Item, error: Exception, seconds: float) -> None:
        item.outputs[stage] = self._output(stage, provider, item, error=_reason(error), seconds=seconds)
        self.store.put([item.outputs[stage]])

    def _output(self, stage: str, provider: ChosenProvider, item: Item, **fields: Any) -> Output:
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


def _kind(stage: str, provider: ChosenProvider, source: SourceImage) -> list[str]:
    """What a result depends on beside the image's content: nothing, for most finders."""
    if provider.spec.by_file:
        return [source.role, Path(str(source.source)).name]
    return [source.task, source.role] if stage == PARAGRAPH else []


def _size(item: Item) -> tuple[int, int]:
    from fusionbench.images import probe_image

    info = probe_image(item.source.source)
    return info.height, info.width


def _plain(value: str | Sequence[Region]) -> Any:
    return value if isinstance(value, str) else [region.to_json() for region in value]


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, FusionBenchError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:500]

"""What a process needs to execute units of work: plugins, data sets, loaded methods."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.devices import pick_device
from fusionbench.fusing import Fuser, load_fuser
from fusionbench.fusing.process_state import shared_process
from fusionbench.plugins import Plugins
from fusionbench.runs.config import MethodRequest, RunConfig
from fusionbench.runs.events import Event
from fusionbench.runs.opening import OpenedDataset, open_request
from fusionbench.runs.plan import metrics_of
from fusionbench.runs.stream import stream
from fusionbench.runs.units import Unit
from fusionbench.types import Sample

_GPU_BATCH = 8


@dataclass(slots=True)
class Session:
    """Executes units of work in this process.

    Args:
        config: The run's settings.
        plugins: The registered methods, data sets and metrics.
        folder: The run folder.
        opened: Data sets that are open already, by key.
    """

    config: RunConfig
    plugins: Plugins
    folder: Path
    opened: dict[str, OpenedDataset] = field(default_factory=dict)
    _samples: dict[str, Mapping[str, Sample]] = field(default_factory=dict)

    def execute(self, unit: Unit) -> Iterator[Event]:
        """The events of one unit of work, as they happen."""
        device = pick_device(self.config.device)
        dataset = self._dataset(unit.dataset)
        if unit.dataset not in self._samples:
            self._samples[unit.dataset] = {sample.id: sample for sample in dataset.samples}
        batch_size = self.config.batch_size or (_GPU_BATCH if device.type == "cuda" else 1)

        def load(method: str) -> Fuser:
            return self._load(method, dataset)

        yield from stream(
            unit,
            self._samples[unit.dataset],
            load,
            metrics_of(self.config, self.plugins),
            self.config,
            self.folder,
            batch_size=batch_size,
            device=device,
        )

    def _dataset(self, key: str) -> OpenedDataset:
        if key not in self.opened:
            request = next(request for request in self.config.datasets if request.key == key)
            self.opened[key] = open_request(request, self.config)
        return self.opened[key]

    def _load(self, key: str, dataset: OpenedDataset) -> Fuser:
        matching = (request for request in self.config.methods if request.key == key)
        request = next(matching, MethodRequest(name=key))
        spec = self.plugins.methods[request.name]
        remarks: list[str] = []
        with shared_process(spec, remarks):
            fuser = load_fuser(
                spec,
                device=pick_device(self.config.device),
                task=dataset.task,
                weights=Path(request.weights) if request.weights else None,
                options=request.options,
                precision=self.config.precision,
                compiled=self.config.compile,
                colour_mode=self.config.colour,
            )
            fuser.prepare(dataset)
        for remark in remarks:
            warnings.warn(remark, stacklevel=2)
        return fuser

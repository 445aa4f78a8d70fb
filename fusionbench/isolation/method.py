"""What the harness calls of an isolated method; the work is done in a process of the method's environment."""

from __future__ import annotations

import importlib.util
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench.isolation import runner
from fusionbench.isolation.environments import clean_environment, interpreter_of
from fusionbench.isolation.process import IsolatedProcess, Lost
from fusionbench.types import Batch, Method, MethodError, MethodSpec, PluginError, resolve

# Seconds that getting ready may take on top of the time for an image, as in runs.
_START_UP = 60.0


def build(spec: MethodSpec, options: Mapping[str, Any]) -> Method:
    """A new method, not loaded: of its class, or one that talks with its environment.

    Args:
        spec: The method.
        options: All of its options, parsed.

    Raises:
        PluginError: Its code cannot be found. Whatever a class of the plugin raises passes through.
    """
    if spec.isolated is None:
        found: Method = resolve(spec.factory, owner=f"method {spec.name}")(**options)
        return found
    return IsolatedMethod(spec, options)


class IsolatedMethod:
    """A :class:`fusionbench.Method` whose code is executed in a process of its own environment.

    A process that ended, or took too long, is replaced by a fresh one for the next batch.

    Args:
        spec: With its :class:`fusionbench.Isolated`.
        options: All options, parsed.

    Attributes:
        resident, peak: Bytes that the process had in memory when it last answered, and the most that it ever had; None
            where that is not known.
        versions: Of Python and NumPy there; empty before ``load``.

    Raises:
        PluginError: The factory names no file.
    """

    def __init__(self, spec: MethodSpec, options: Mapping[str, Any]) -> None:
        self._spec = spec
        self._options = options
        self._file, self._name = source_of(spec)
        self._device = torch.device("cpu")
        self._weights: Path | None = None
        self._seed = _seed()
        self._process: IsolatedProcess | None = None
        self._lock = threading.Lock()
        self.resident: int | None = None
        self.peak: int | None = None
        self.versions: dict[str, str] = {}

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Start the process and let it load the method.

        Raises:
            UsageError: Its environment cannot be made.
            MethodError: The process ended, took too long, or the method's own code failed.
        """
        # Also for a process that takes the place of one that died.
        self._device, self._weights, self._seed = device, weights, _seed()
        self._stop()
        self._start()

    def fuse(self, batch: Batch) -> Tensor:
        """Fuse there; the result is on the device of the sources.

        Raises:
            MethodError: The process ended, took too long, or the method's own code failed.
            MemoryError: It has not enough memory.
        """
        with self._lock:  # one conversation at a time
            return self._fused(batch)

    def _fused(self, batch: Batch) -> Tensor:
        process = self._process or self._start()
        arrays = [source.detach().float().cpu().contiguous() for source in batch.sources]
        features = [None if text is None else text.detach().float().cpu().contiguous() for text in batch.text]
        request = {
            "do": "fuse",
            "seed": _seed(),
            "task": str(batch.task),
            "ids": list(batch.ids),
            "sources": len(arrays),
            "text": [text is not None for text in features],
            "texts": [list(texts) for texts in batch.texts],
        }
        sent = [tensor.numpy() for tensor in (*arrays, *(text for text in features if text is not None))]
        limit = self._timeout
        try:
            answer, received = process.ask(
                request,
                sent,
                limit=None if limit is None else limit * len(batch),
                most=runner.CHANNELS * arrays[0].nbytes,
            )
        except Lost as lost:
            self._process = None
            raise MethodError(f"method {self._spec.name}: its process {lost}") from None
        except BaseException:
            self._process = None
            raise
        self._raise_error(answer, "raised")
        if answer.get("done") != "fuse" or len(received) != 1:
            self._stop()
            raise MethodError(f"method {self._spec.name}: its process gave no image.")
        self.resident, self.peak = answer.get("memory") or (None, None)
        shape, data = received[0]
        if not data:
            return torch.empty(shape, device=self._device)
        return torch.frombuffer(data, dtype=torch.float32).reshape(shape).to(self._device)

    @property
    def _timeout(self) -> float | None:
        return None if self._spec.isolated is None else self._spec.isolated.timeout

    def _start(self) -> IsolatedProcess:
        spec, limit = self._spec, self._timeout
        limit = None if limit is None else limit + _START_UP
        interpreter = interpreter_of(spec, self._options)
        command = [str(interpreter), "-I", str(Path(runner.__file__).resolve())]
        request = {
            "do": "load",
            "seed": self._seed,
            "file": str(self._file),
            "name": self._name,
            "options": {name: self._plain(name, value) for name, value in self._options.items() if name != "python"},
            "device": "cuda:0" if self._device.type == "cuda" else "cpu",
            "weights": None if self._weights is None else str(self._weights.absolute()),
        }
        try:
            process = IsolatedProcess(command, _variables(self._device))
        except OSError as error:
            raise MethodError(f"method {spec.name}: {interpreter} cannot be started: {error.strerror}.") from error
        weakref.finalize(self, process.stop)
        try:
            greeting = process.greet(limit)
            if greeting.get("numpy") is None:
                process.stop()
                raise MethodError(
                    f"method {spec.name}: {interpreter} (Python {greeting.get('python')}) has no NumPy.",
                    hint="Name it in the requirements: images are handed over as its arrays.",
                )
            answer, _ = process.ask(request, limit=limit, most=0)
        except Lost as lost:
            raise MethodError(f"method {spec.name} could not be loaded: its process {lost}") from None
        try:
            self._raise_error(answer, "could not be loaded:")
        except BaseException:
            process.stop()
            raise
        self.versions = {"Python": str(greeting.get("python")), "NumPy": str(greeting["numpy"])}
        self.resident, self.peak = answer.get("memory") or (None, None)
        self._process = process
        return process

    def _raise_error(self, answer: Mapping[str, Any], what: str) -> None:
        if "error" not in answer:
            return
        if answer.get("no_memory"):
            raise MemoryError(str(answer["error"]))
        where = f" ({answer['where']})" if answer.get("where") else ""
        raise MethodError(f"method {self._spec.name} {what} {answer['error']}{where}")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def _plain(self, name: str, value: Any) -> Any:
        """A value of an option as JSON has it."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, Path):
            return str(value.expanduser().absolute())
        if isinstance(value, tuple | list):
            return [self._plain(name, item) for item in value]
        raise PluginError(
            f"method {self._spec.name}: option {name} is {type(value).__name__}; those of isolated methods are "
            "numbers, text, paths and lists of these."
        )


def source_of(spec: MethodSpec) -> tuple[Path, str]:
    """The file that an isolated method's factory names, and the name in it. It is not imported.

    Raises:
        PluginError: There is none.
    """
    module, _, name = str(spec.factory).partition(":")
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise PluginError(f"method {spec.name}: cannot find {module!r}: {error}") from error
    if found is None or not found.has_location or found.origin is None or not name:
        raise PluginError(f"method {spec.name}: {spec.factory!r} is not the 'package.module:attribute' of a file.")
    return Path(found.origin).resolve(), name


def _variables(device: torch.device) -> dict[str, str]:
    """Environment variables of the process: the device that is meant is the only one that it sees."""
    variables = clean_environment()
    variables.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    if device.type == "cuda":
        visible = [part.strip() for part in variables.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
        index = device.index if device.index is not None else torch.cuda.current_device()
        variables["CUDA_VISIBLE_DEVICES"] = visible[index] if index < len(visible) else str(index)
    else:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    return variables


def _seed() -> int:
    """The seed of the present batch: the harness has set it, for methods that run here."""
    return torch.initial_seed() % 2**63

"""The process of an isolated method, and the frames in which the harness talks with it.

It is executed as a file by the interpreter of the method's environment, which need not be the one that fusionbench is
made for: any Python from 3.8 on, with any NumPy and nothing else. So nothing of fusionbench is imported here.

A frame is one line of JSON, then the bytes of the arrays that its field ``arrays`` describes, ``{"dtype": "float32",
"shape": [...]}`` each, little endian, in C order. The process sends a greeting, and then one answer to each request;
it ends when its input ends. ``docs/isolated.md`` describes requests and answers.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import queue
import random
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Callable, Dict, List, Sequence, Tuple  # noqa: UP035 - Python 3.8

if TYPE_CHECKING:
    import numpy as np

PROTOCOL = 1
"""Version of what is said here; both sides have to speak the same."""
FACTS = "--facts"
"""Argument with which this file prints what :func:`facts` finds, and ends."""
CHANNELS = 3
"""Of an image at most."""
LONGEST = 1 << 20
"""Bytes of a frame's line at most."""

# Above the descriptors that programs count through when they close what they did not open.
_HIGH = 200
# What libraries raise where a device has no memory left, beside MemoryError.
_NO_MEMORY_TYPES = ("OutOfMemoryError", "ResourceExhaustedError")
_NO_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")

Shape = Tuple[int, ...]  # noqa: UP006
Frame = Tuple[Dict[str, Any], List[Tuple[Shape, bytearray]]]  # noqa: UP006


class ProtocolError(Exception):
    """Something that is no frame."""


def write_frame(stream: IO[bytes], header: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
    """Write a frame.

    Raises:
        OSError: Nobody reads.
    """
    described = [{"dtype": "float32", "shape": list(array.shape)} for array in arrays]
    stream.write(json.dumps({**header, "arrays": described}).encode() + b"\n")
    for array in arrays:
        stream.write(array.astype("<f4").tobytes())
    stream.flush()


def read_frame(stream: IO[bytes], most: float = math.inf) -> Frame:
    """Read a frame: its line, and the shape and bytes of each array.

    Args:
        stream: Where from.
        most: Bytes of all arrays at most.

    Raises:
        EOFError: The stream has ended.
        ProtocolError: It is no frame, or has more bytes.
    """
    line = stream.readline(LONGEST)
    if not line:
        raise EOFError
    if not line.endswith(b"\n"):
        raise ProtocolError("a line without an end")
    try:
        header = json.loads(line.decode())
        entries = [(str(entry["dtype"]), tuple(map(int, entry["shape"]))) for entry in header.get("arrays", ())]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProtocolError("a line that is no header: " + repr(line[:80])) from None
    arrays = []
    for dtype, shape in entries:
        size = 4
        for side in shape:
            size *= side
        most -= size
        if dtype != "float32" or min(shape, default=0) < 0 or most < 0:
            raise ProtocolError("an array of " + repr(dtype) + " with shape " + repr(shape))
        data = bytearray(size)
        view = memoryview(data)
        while view.nbytes:
            count = stream.readinto(view)  # type: ignore[attr-defined]  # a buffered stream of bytes
            if not count:
                raise EOFError
            view = view[count:]
        arrays.append((shape, data))
    return header, arrays


def as_array(shape: Shape, data: bytearray) -> np.ndarray:
    """The array whose bytes were read; it may be written to."""
    import numpy as np

    return np.frombuffer(data, dtype="<f4").reshape(shape)


def facts() -> dict[str, Any]:
    """What the interpreter is, and the packages that it finds."""
    from importlib import metadata

    named = ((found.metadata["Name"], found.version) for found in metadata.distributions())
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "machine": platform.machine(),
        "executable": str(Path(sys.executable).resolve()),
        "packages": sorted({str(name).lower().replace("_", "-"): str(version) for name, version in named}.items()),
    }


class Batch:
    """What ``fuse`` gets: the fields of ``fusionbench.Batch``, with NumPy arrays.

    Attributes:
        sources: One array for each source, N x C x H x W float32 in [0, 1]; C is 1 for luma methods, 3 for rgb ones.
        task: ``IVF``, ``MIF``, ``MEF`` or ``MFF``.
        ids: Of the samples, length N.
        text: Text features of each sample, T x D, or None; empty for methods that read none.
        texts: Paragraphs of each sample.
        seed: For generators of random numbers; the usual ones are seeded with it.
    """

    def __init__(self, header: dict[str, Any], arrays: Sequence[np.ndarray]) -> None:
        count = int(header["sources"])
        self.sources = tuple(arrays[:count])
        features = iter(arrays[count:])
        self.text = tuple(next(features) if there else None for there in header["text"])
        self.task = str(header["task"])
        self.ids = tuple(header["ids"])
        self.texts = tuple(map(tuple, header["texts"]))
        self.seed = int(header["seed"])

    def __len__(self) -> int:
        return len(self.sources[0])


def main() -> None:
    """Serve requests until the input ends."""
    requests, answers = _take_standard_streams()
    try:
        import numpy as np
    except ImportError:
        write_frame(answers, {"fusionbench": PROTOCOL, "python": platform.python_version(), "numpy": None})
        return
    write_frame(answers, {"fusionbench": PROTOCOL, "python": platform.python_version(), "numpy": np.__version__})
    inbox: queue.Queue[Frame] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    fuse: Callable[[Batch], Any] | None = None
    own = ""
    while True:
        header, raw = inbox.get()
        own = header.get("file", own)
        try:
            _seed(int(header["seed"]))
            if header["do"] == "load":
                fuse = _loaded(header)
                write_frame(answers, {"done": "load", "memory": _memory()})
            elif header["do"] == "fuse" and fuse is not None:
                batch = Batch(header, [as_array(*array) for array in raw])
                fused = _plain(fuse(batch), batch)
                write_frame(answers, {"done": "fuse", "memory": _memory()}, [fused])
            else:
                raise ProtocolError("cannot do " + repr(header["do"]) + " now")
        except BaseException as error:  # also SystemExit: the method's code is no script
            traceback.print_exc()
            sys.stderr.flush()
            write_frame(answers, _described(error, Path(own).parent))


def _take_standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The streams of the harness; what is read and printed from here on means neither of them."""
    requests, answers = _high_copy(0), _high_copy(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _high_copy(descriptor: int) -> int:
    try:
        import fcntl

        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except (ImportError, OSError):  # Windows; a low limit of descriptors
        return os.dup(descriptor)


def _receive(requests: IO[bytes], inbox: queue.Queue[Frame]) -> None:
    """Read ahead of the work, so that the process ends with its input, also while the method computes."""
    try:
        while True:
            inbox.put(read_frame(requests))
    except EOFError:
        pass
    except Exception:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(0)


def _loaded(header: dict[str, Any]) -> Callable[[Batch], Any]:
    """Execute the method's file, and make what it calls ready."""
    file, options = Path(header["file"]), dict(header["options"])
    # Last: what lies beside the file takes the place of nothing that is installed.
    sys.path.append(str(file.parent))
    name = "fusionbench_isolated_" + file.stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(str(file) + " is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    target = getattr(module, header["name"])
    if not isinstance(target, type):
        return lambda batch: target(*batch.sources, **options)
    method = target(**options)
    if hasattr(method, "load"):
        method.load(header["device"], header["weights"])
    return method.fuse


def _seed(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _plain(fused: Any, batch: Batch) -> np.ndarray:
    """What a method returned as an array of floats; tensors of torch will do. The harness looks at the shape."""
    import numpy as np

    if hasattr(fused, "detach"):
        fused = fused.detach().cpu().numpy()
    if not isinstance(fused, np.ndarray):
        raise TypeError("returned " + type(fused).__name__ + ", expected an array N x C x H x W")
    if fused.dtype.kind != "f":
        raise TypeError("returned " + str(fused.dtype) + ", expected floating point values in [0, 1]")
    if fused.size > CHANNELS * batch.sources[0].size:
        raise ValueError("returned shape " + str(fused.shape) + " for sources of " + str(batch.sources[0].shape))
    return fused


def _described(error: BaseException, folder: Path) -> dict[str, Any]:
    """What was raised, and where: of the lines that lead there the last of the method's own folder."""
    said = " ".join(str(error).split())
    name = type(error).__name__
    lines = [line for line in traceback.extract_tb(error.__traceback__) if line.filename != __file__]
    own = [line for line in lines if folder in Path(line.filename).parents]
    where = (own or lines)[-1] if lines else None
    return {
        "error": (name + ": " + said if said else name)[:2000],
        "where": "" if where is None else where.filename + ", line " + str(where.lineno),
        "no_memory": isinstance(error, MemoryError)
        or name in _NO_MEMORY_TYPES
        or (isinstance(error, RuntimeError) and any(words in said for words in _NO_MEMORY_WORDS)),
    }


def _memory() -> list[int] | None:
    """Bytes that this process has in memory, and the most that it ever had; None where that is not known."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return [int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")]
    except (OSError, KeyError, ValueError):
        return None


if __name__ == "__main__":
    if sys.argv[1:] == [FACTS]:
        print(json.dumps(facts()))
    else:
        main()

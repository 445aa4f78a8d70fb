"""pyiqa, with the weights that it is given and no others: nothing is downloaded, and no pickle's code is run."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import re
import shutil
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench import FusionBenchError
from fusionbench.extras import require
from fusionbench.types import WeightsError, described

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# As torch.hub names files: the first digits of their SHA-256.
_DIGITS = re.compile(r"-([0-9a-f]{8})\.pth$")
# Folders below torch.hub's in which pyiqa, torchvision and pyiqa's CLIP look.
_PLACES = ("pyiqa", "checkpoints", "clip")
_CREATING = threading.Lock()


@dataclass(frozen=True)
class Pyiqa:
    """One metric of pyiqa, by its name there, as a function of images."""

    metric: str

    @property
    def __name__(self) -> str:
        return f"pyiqa.{self.metric}"

    def load(self, device: torch.device, weights: Mapping[str, Path]) -> Callable[..., Tensor]:
        """The metric on a device, from its weights by their official names."""
        return created(self.metric, device, weights)

    def __call__(self, *images: Tensor) -> Tensor:
        """The value of an image, against another one where the metric wants it; for metrics without weights."""
        return _without_weights(self.metric, images[0].device)(*images)


@functools.lru_cache(maxsize=16)
def _without_weights(metric: str, device: torch.device) -> Callable[..., Tensor]:
    return created(metric, device, {})


def created(metric: str, device: torch.device, weights: Mapping[str, Path]) -> Callable[..., Tensor]:
    """A metric of pyiqa with these weights; gives N x 1 values of images, N x 3 x H x W in [0, 1].

    Raises:
        MissingExtraError: pyiqa is not installed.
        WeightsError: A file is damaged, would run code, or is none of those that the metric wants.
    """
    import torch

    for name, path in weights.items():
        _check(metric, name, path)
    with _CREATING, torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):
        pyiqa = require("pyiqa", extra="pyiqa", purpose=f"the metric {metric}")
        with closed_hub(metric, weights):
            try:
                network = pyiqa.create_metric(metric, device=device)
            except FusionBenchError:
                raise
            except Exception as error:
                files = ", ".join(str(path) for path in weights.values()) or "none"
                raise WeightsError(
                    f"pyiqa cannot make its metric {metric} (weights: {files}): {described(error)}",
                    hint="Download the files again; `fusionbench info` names their pages.",
                ) from error
    return _quiet(network.net)


def _quiet(network: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The network itself: what pyiqa wraps around it sets cuDNN's precision for the whole process, where others compute
    in other threads."""

    def value(*images: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            return network(*images)

    return value


def _check(metric: str, name: str, path: Path) -> None:
    digits = _DIGITS.search(name)
    if digits is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(digits[1]):
        raise WeightsError(
            f"metric {metric}: the SHA-256 of {path} begins with {found[:8]}, not with {digits[1]} as its name says.",
            hint="The file is damaged or another one: download it again.",
        )


@contextlib.contextmanager
def closed_hub(metric: str, weights: Mapping[str, Path]) -> Iterator[None]:
    """Within it pyiqa finds these files where it would keep its downloads, and downloads nothing.

    Files of torch are read as plain tensors, which pyiqa by itself does not ask for.
    """
    import torch

    download_util = require("pyiqa.utils.download_util", extra="pyiqa", purpose=f"the metric {metric}")

    def refused(url: Any, *_: Any, **__: Any) -> Any:
        name = str(getattr(url, "full_url", url)).rpartition("/")[2]
        raise WeightsError(
            f"metric {metric} wants {name}, which is not here, and nothing is downloaded.",
            hint=f"Its files are: {', '.join(weights) or 'none that are known'}.",
        )

    load, hub = torch.load, torch.hub.get_dir()

    def tensors_only(*arguments: Any, **options: Any) -> Any:
        return load(*arguments, **{**options, "weights_only": True})

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        for place in _PLACES:
            (Path(folder) / place).mkdir()
            for name, path in weights.items():
                _linked(path, Path(folder) / place / name)
        torch.hub.set_dir(folder)
        stack.callback(torch.hub.set_dir, hub)
        for owner, name, value in (
            (download_util, "DEFAULT_CACHE_DIR", str(Path(folder) / "pyiqa")),
            (download_util, "download_url_to_file", refused),
            (torch.hub, "download_url_to_file", refused),
            (urllib.request, "urlopen", refused),
            (torch, "load", tensors_only),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _linked(path: Path, place: Path) -> None:
    try:
        place.symlink_to(path.resolve())
    except OSError:  # where links need a privilege
        shutil.copyfile(path, place)

"""What objects of plugins and of runs can do: methods with their optional parts, data sets, the view of a run.

A class satisfies a protocol by having its members; none needs to be derived from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fusionbench.types.sample import Batch, Problem, Sample
from fusionbench.types.task import Task

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor, nn


@runtime_checkable
class Method(Protocol):
    """What a method's factory returns. ``factory(**options)`` must be cheap: weights are read in ``load``.

    Everything else that a method may have is optional, and a protocol of its own: :class:`HasNetwork`,
    :class:`Finishes`, :class:`Prepares`, :class:`TellsLacking`, :class:`LoadsUntrained`, :class:`SeesWholeImages`,
    :class:`ReadsGray`, :class:`SavesImages`, :class:`ChecksWeights`. It takes part by defining the name.
    """

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read weights and move to the device. ``weights`` is None for methods without any."""

    def fuse(self, batch: Batch) -> Tensor:
        """N x 1 x H x W (luma methods) or N x 3 x H x W (rgb methods), nominally in [0, 1].

        An rgb method may return one channel; the result is then gray.
        """


@runtime_checkable
class HasNetwork(Protocol):
    """A learned method."""

    @property
    def network(self) -> nn.Module:
        """Its network, there once it is loaded; the state dict has the official names.

        An attribute: ``--compile`` puts the compiled form in its place.
        """


@runtime_checkable
class Finishes(Protocol):
    """A method that changes images once they are whole, as authors' scripts do when they save them."""

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """Called on whole, unpadded results, N x C x H x W, before they are clipped to [0, 1] and rounded to 8 bits.

        The place for per-image stretches that padding or tiles would falsify. A method that truncates returns exact
        multiples of 1/255.
        """


@runtime_checkable
class Prepares(Protocol):
    """A method that wants to know the data set."""

    def prepare(self, dataset: Dataset) -> None:
        """Called once with each data set, after ``load`` and before its samples are fused."""


@runtime_checkable
class TellsLacking(Protocol):
    """A method that can tell, without fusing, that a sample will fail."""

    def lacking(self, sample: Sample) -> str:
        """What keeps a sample that can be read from being fused, such as absent text features; empty if nothing does.

        Asked by ``--dry-run``, after ``load`` and ``prepare``.
        """


@runtime_checkable
class LoadsUntrained(Protocol):
    """A learned method whose cost can be measured without its weights."""

    def load_untrained(self, device: torch.device) -> None:
        """Put a randomly initialised network in place of ``load``: to measure what it costs, never to fuse."""


@runtime_checkable
class SeesWholeImages(Protocol):
    """A method whose results depend on the whole image where options or weights make it so."""

    @property
    def whole_image(self) -> bool:
        """Whether they do; the method is not tiled then, whatever ``overlap`` says."""


@runtime_checkable
class ReadsGray(Protocol):
    """A luma method whose authors' script turns colour files into gray otherwise than the harness."""

    @property
    def read_gray(self) -> Callable[[Sequence[Tensor], Sequence[str], Task], Sequence[Tensor]] | None:
        """``read_gray(sources, suffixes, task)``, in place of the harness's luma; None where an option turns it off.

        Of 8-bit sources as stored, N x C x H x W, and the suffixes of their files (``.png``; empty where there is
        none), N x 1 x H x W each.
        """


@runtime_checkable
class SavesImages(Protocol):
    """A luma method whose authors' script gives colour back otherwise than the harness."""

    @property
    def save(self) -> Callable[[Tensor, Sequence[Tensor], Task], Tensor] | None:
        """``save(fused, sources, task)``, in place of the harness's rule for colour; None where an option turns it off.

        Of what ``finish`` returned, not clipped, and the stored sources (none where the result is to be gray),
        N x 1 or 3 x H x W.
        """


@runtime_checkable
class ChecksWeights(Protocol):
    """A method that is made of several weights files, of which one alone cannot be loaded."""

    def check_weights(self, name: str, path: Path) -> None:
        """Called where weights are added or checked, in place of ``load``.

        Raises:
            WeightsError: The file is not good as the weights of that name.
        """


OPTIONAL_PARTS = (
    HasNetwork,
    Finishes,
    Prepares,
    TellsLacking,
    LoadsUntrained,
    SeesWholeImages,
    ReadsGray,
    SavesImages,
    ChecksWeights,
)
"""The protocols that a method may have besides :class:`Method`."""


@runtime_checkable
class Dataset(Protocol):
    """What a data set's opener returns: everything listed, nothing decoded. Attributes that cannot be set will do."""

    @property
    def name(self) -> str:
        """As results and tables call it."""

    @property
    def task(self) -> Task:
        """Its task."""

    @property
    def samples(self) -> Sequence[Sample]:
        """All that can be fused."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the rest."""


class RunView(Protocol):
    """What event hooks see of a run: its folder, its facts, and its rows so far."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def info(self) -> Mapping[str, Any]:
        """Its facts."""

    def frame(self) -> pd.DataFrame:
        """One row for each sample and metric; see :meth:`fusionbench.results.RunResults.frame`."""

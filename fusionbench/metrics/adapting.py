"""Metrics of other libraries: a function of images becomes the definition of a metric.

Nothing here imports torch or the library before a value is asked for, so that plugins can list what they bring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fusionbench.types import MetricError, MetricSpec, described, raised_at, resolve
from fusionbench.types.references import Loadable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from fusionbench.metrics.planes import Planes

OverSources = Literal["mean", "sum"]


def adapted(
    name: str,
    function: Loadable,
    *,
    profile: str,
    operands: Literal["F", "F|A,B", "F|GT"],
    higher_is_better: bool | None,
    options: Mapping[str, Any] | None = None,
    over_sources: OverSources = "mean",
    peak: float = 1.0,
    colour: str = "rgb",
    dtype: Literal["float32", "float64"] = "float32",
    packages: tuple[str, ...] | None = None,
    **facts: Any,
) -> MetricSpec:
    """The definition of a metric that another library computes.

    Args:
        name: As tables print it.
        function: ``function(fused)``, or ``function(fused, other)`` where ``operands`` name something else. It gets one
            image at a time, 1 x 3 x H x W (1 x 1 x H x W with a gray ``colour``) in 0..``peak``, and returns a number
            or a tensor of one element. Better named than imported (``"piq:vsi"``): then the library is loaded with the
            first value. With ``weights`` among the facts it is ``load(device, weights)``, which returns that function.
        profile: The convention that it makes or joins.
        operands: ``F``: no reference is read. ``F|A,B``: a full-reference metric, computed against each source.
            ``F|GT``: against the ground truth.
        higher_is_better: Direction; None where there is none.
        options: Keyword arguments of the function.
        over_sources: What becomes of the values against the sources: their mean, which keeps the library's range, or
            their sum, as most conventions of this field have it.
        peak: The brightest value: 1, or 255.
        colour: ``rgb``: whole images, gray ones repeated. Any other rule of :mod:`fusionbench.metrics.colour` with one
            plane an image: gray ones.
        dtype: Precision of the images that the function gets.
        packages: Import names of the libraries; that of a named function if None. They are asked for before a run
            computes anything, and their versions enter the identity of scores.
        **facts: Further fields of :class:`fusionbench.MetricSpec`: ``weights``, ``range``, ``paper``, ``summary``, ...

    Examples:
        >>> import fusionbench as fb
        >>> spec = fb.metrics.adapted(
        ...     "Contrast", lambda image: image.std(), profile="mine", operands="F", higher_is_better=True
        ... )
        >>> spec.key
        'Contrast@mine'
    """
    if packages is None:
        packages = (function.partition(":")[0].partition(".")[0],) if isinstance(function, str) else ()
    weights = facts.get("weights", ())
    call = _Call(f"{name}@{profile}", operands, over_sources, peak, dtype, dict(options or {}))
    made = ForeignNetwork(function, call) if weights else ForeignFunction(function, call)
    return MetricSpec(
        name=name,
        profile=profile,
        operands=operands,
        higher_is_better=higher_is_better,
        function=made,
        colour=colour,
        packages=packages,
        **facts,
    )


@dataclass(frozen=True)
class _Call:
    """How a foreign function is called."""

    key: str
    operands: str
    over_sources: OverSources
    peak: float
    dtype: str
    options: Mapping[str, Any] = field(default_factory=dict)


class ForeignFunction:
    """A foreign function as one of planes, image by image."""

    def __init__(self, function: Loadable, call: _Call) -> None:
        self.function = function
        self.call = call
        self.name = _name(function)
        self.__doc__ = _words(function, call)

    def __repr__(self) -> str:
        return f"<{self.__doc__}>"

    def __call__(self, planes: Planes) -> Tensor:
        """One value for each image.

        Raises:
            MetricError: The function refuses the images, or returns no number.
        """
        import torch

        function = resolve(self.function, owner=f"metric {self.call.key}")
        precision = getattr(torch, self.call.dtype)

        def image(plane: Tensor) -> Tensor:
            whole = plane[None] if plane.ndim == 3 else plane[None, None]
            return (whole * (self.call.peak / 255)).to(precision)

        values = []
        for index in range(len(planes)):
            fused = image(planes.fused[index])
            others: list[tuple[Tensor, ...]] = [()]
            if self.call.operands == "F|A,B":
                others = [(image(source[index]),) for source in planes.sources]
            elif planes.reference is not None:
                others = [(image(planes.reference[index]),)]
            found = torch.stack([self._value(function, fused, *other) for other in others])
            values.append(found.sum() if self.call.over_sources == "sum" else found.mean())
        return torch.stack(values)

    def _value(self, function: Callable[..., Any], *images: Tensor) -> Tensor:
        import torch

        try:
            value = function(*images, **self.call.options)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # most libraries refuse small images with an assertion
            height, width = images[0].shape[-2:]
            raise MetricError(
                f"metric {self.call.key}: {self.name} refuses an image of {width}x{height}: "
                f"{described(error)}{raised_at(error)}"
            ) from error
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            return value.reshape(()).to(torch.float64)
        if isinstance(value, int | float):
            return torch.tensor(float(value), dtype=torch.float64, device=images[0].device)
        found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise MetricError(
            f"metric {self.call.key}: {self.name} returned {found}, expected one number.",
            hint="Wrap it in a function that returns the number.",
        )


class ForeignNetwork:
    """A foreign function that is loaded with its weights."""

    def __init__(self, load: Loadable, call: _Call) -> None:
        self.load = load
        self.call = call
        self.__doc__ = _words(load, call)

    def __call__(self, device: torch.device, weights: Mapping[str, Path]) -> ForeignFunction:
        """The function of planes, on a device."""
        return ForeignFunction(resolve(self.load, owner=f"metric {self.call.key}")(device, weights), self.call)

    def __repr__(self) -> str:
        return f"<{self.__doc__}>"


def _name(function: Loadable) -> str:
    if isinstance(function, str):
        return function.replace(":", ".")
    return str(getattr(function, "__name__", type(function).__name__))


def _words(function: Loadable, call: _Call) -> str:
    name = _name(function)
    given = "".join(f", {key}={value!r}" for key, value in call.options.items())
    against = {
        "F": "",
        "F|A,B": f", the {call.over_sources} over its values against each source",
        "F|GT": " against the ground truth",
    }[call.operands]
    return f"{name}(image{given}){against}; images in 0..{call.peak:g}, {call.dtype}."

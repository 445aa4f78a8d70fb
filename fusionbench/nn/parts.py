"""Parts of a network by name or place, with the type that they have.

Torch types a submodule that is looked up as ``Tensor | Module``, and a bias or a running statistic as optional.
Networks that keep their authors' names declare their parts in the class (``conv1: nn.Conv2d``); what is looked up by
a computed name or in a container goes through here.
"""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def part(module: nn.Module, name: str | int, kind: type[M]) -> M:
    """The submodule of a name, or of a place in a container.

    Raises:
        AttributeError: There is none of that name.
        TypeError: It is of another kind.
    """
    found = module.get_submodule(str(name))
    if not isinstance(found, kind):
        raise TypeError(f"{type(module).__name__}.{name} is {type(found).__name__}, not {kind.__name__}.")
    return found


def bias_of(layer: nn.Conv2d | nn.Linear) -> Tensor:
    """The bias of a layer that was made with one.

    Raises:
        TypeError: It was made without.
    """
    if layer.bias is None:
        raise TypeError(f"{layer} has no bias.")
    return layer.bias


def running_statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Mean and variance of a norm that tracks them, one value a channel.

    Raises:
        TypeError: It tracks none.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError(f"{norm} has no running statistics.")
    return norm.running_mean, norm.running_var

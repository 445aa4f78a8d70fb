"""DDFM's sampler: deterministic DDIM (Song et al., ICLR 2021) whose estimates are rectified at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fusionbench_ddfm.rectification import Rectifier

_TRAINED_STEPS = 1000
# RGB in [0, 1] to YCbCr in [16/255, 235/255] (BT.601, limited range), as scikit-image has it.
_TO_YCC = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
_OFFSET = np.array([16, 128, 128]) / 255


@dataclass(frozen=True, slots=True)
class Schedule:
    """The kept steps of the model's 1000, ascending, and the share of signal left after each.

    Attributes:
        steps: Step numbers the network is called with.
        signal: Product of (1 - beta) up to each step (alpha-bar), float64.
    """

    steps: tuple[int, ...]
    signal: tuple[float, ...]

    @classmethod
    def evenly(cls, count: int) -> Schedule:
        """``count`` steps, 2 to 1000, evenly from the first to the last."""
        last = _TRAINED_STEPS - 1
        steps = sorted({round(k * last / (count - 1)) for k in range(count)})
        signal = np.cumprod(1 - np.linspace(1e-4, 0.02, _TRAINED_STEPS))
        return cls(tuple(steps), tuple(float(signal[step]) for step in steps))


def sample(
    predict: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    i: Tensor,
    v: Tensor,
    schedule: Schedule,
) -> Tensor:
    """Draw a fused image.

    Args:
        predict: The network: noisy images N x 3 x H x W and steps N -> at least three channels, the noise first.
        start: Normal noise, N x 3 x H x W.
        i, v: Sources in the rectifier's roles, N x 1 x H x W in [-1, 1].
        schedule: Which steps.

    Returns:
        RGB, N x 3 x H x W, about [-1, 1].
    """
    rectify = Rectifier(i, v)
    to_ycc = _Affine(_TO_YCC, _OFFSET, like=start)
    inverse = np.linalg.inv(_TO_YCC)
    to_rgb = _Affine(inverse, -inverse @ _OFFSET, like=start, double=True)
    x = start
    for index in reversed(range(len(schedule.steps))):
        signal = schedule.signal[index]
        before = schedule.signal[index - 1] if index else 1.0
        steps = torch.full((len(x),), schedule.steps[index], device=x.device)
        to_clean, to_noise = (1 / signal) ** 0.5, (1 / signal - 1) ** 0.5
        noise = predict(x, steps)[:, :3]
        clean = (to_clean * x - to_noise * noise).clamp_(-1, 1)
        ycc = to_ycc(clean)
        ycc[:, :1] = rectify(ycc[:, :1])
        clean = to_rgb(ycc)
        noise = (to_clean * x - clean) / to_noise
        x = before**0.5 * clean + (1 - before) ** 0.5 * noise
    return x


class _Affine:
    """A colour conversion of N x 3 x H x W: matrix and offset."""

    def __init__(self, matrix: np.ndarray, offset: np.ndarray, *, like: Tensor, double: bool = False) -> None:
        kind = torch.float64 if double else torch.float32
        self.matrix = torch.as_tensor(matrix, dtype=kind, device=like.device)
        self.offset = torch.as_tensor(offset, dtype=kind, device=like.device).view(1, 3, 1, 1)

    def __call__(self, image: Tensor) -> Tensor:
        return (torch.einsum("oc,nchw->nohw", self.matrix, image.to(self.matrix)) + self.offset).to(image.dtype)

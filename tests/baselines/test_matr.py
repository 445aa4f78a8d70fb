"""MATR against the official network with its published weights."""

from __future__ import annotations

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_matr.network import MATR, MATRMethod
from tests.baselines.golden import Case, assert_crop, assert_output, assert_saved, cases, loaded, tensor


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("matr"))
def test_crops(case: Case) -> None:
    network = loaded("matr", case.weights).network
    assert_crop(network(*map(tensor, case.crops())), case)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("matr"))
def test_whole_images_and_what_is_saved(case: Case) -> None:
    method = loaded("matr", case.weights)
    functional, structural = map(tensor, case.images("L"))
    batch = Batch(sources=(structural, functional), task=Task.MIF)
    fused = method.fuse(batch)
    assert_output(fused, case)
    assert_saved(method.finish(fused, batch), case)


def test_official_output_wraps_and_plain_does_not() -> None:
    fused = torch.tensor([-1.5, -0.5, 0.0, 1.5, 255.0]).view(1, 1, 1, 5) / 255
    batch = Batch(sources=(), task=Task.MIF)
    wrapped = (MATRMethod().finish(fused, batch) * 255).round().flatten().tolist()
    assert wrapped == [255, 0, 0, 1, 255]
    assert MATRMethod(output="plain").finish(fused, batch) is fused


def test_images_of_a_batch_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = MATR().eval().requires_grad_(False)
    sources = torch.rand(2, 3, 1, 24, 40).unbind()
    together = network(*sources)
    for index in range(3):
        alone = network(*(source[index : index + 1] for source in sources))
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=0)

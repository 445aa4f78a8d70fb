"""Parts of a network come with their type, or are refused."""

import pytest
from torch import nn

from fusionbench.nn.parts import bias_of, part, running_statistics


def test_a_part_is_found_by_name_place_and_path() -> None:
    inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    outer = nn.ModuleDict({"layers": inner})
    assert part(outer, "layers", nn.Sequential) is inner
    assert part(inner, 0, nn.Conv2d) is inner[0]
    assert part(outer, "layers.0", nn.Conv2d) is inner[0]


def test_a_part_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Sequential\.1 is ReLU, not Conv2d"):
        part(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), 1, nn.Conv2d)
    with pytest.raises(AttributeError, match="nowhere"):
        part(nn.Sequential(), "nowhere", nn.Conv2d)


def test_what_a_layer_was_made_without_is_refused() -> None:
    with pytest.raises(TypeError, match="no bias"):
        bias_of(nn.Linear(2, 2, bias=False))
    with pytest.raises(TypeError, match="no running statistics"):
        running_statistics(nn.BatchNorm2d(2, track_running_stats=False))

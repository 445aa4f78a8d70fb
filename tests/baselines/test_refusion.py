"""ReFusion against the official network with its published weights, and the images its script saves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench.weights import store as weights_store
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, spec_of, tensor
from tests.helpers.golden import golden_input

ALL = cases("refusion")
NOISE, REAL = ALL[:4], ALL[4:]
# Task by the case's prefix, and whether the network's first input is the batch's second source.
TASKS = {"IVIF": (Task.IVF, False), "MIF": (Task.MIF, True), "MFIF": (Task.MFF, False), "MEIF": (Task.MEF, True)}


@pytest.mark.shared
@pytest.mark.parametrize("case", NOISE)
def test_noise(case: Case) -> None:
    network = loaded("refusion", case.weights).network
    first, second = (
        golden_input(entry["seed"], tuple(entry["shape"]))[:, None] for entry in case.facts["inputs"].values()
    )
    encoded1 = network.encoder1(network.project_in_1(first))
    encoded2 = network.encoder2(network.project_in_2(second))
    merged = network.FM(encoded1, encoded2)
    for key, found in {
        "encoder1": encoded1,
        "encoder2": encoded2,
        "FM": merged,
        "decoder": network.decoder(merged),
    }.items():
        assert_near(found[:, ::5, ::3, ::3], case.array(f"mid_{key}"))
    assert_near(network(first, second), case.array("out"))


def batch_of(case: Case, first: torch.Tensor, second: torch.Tensor) -> Batch:
    task, turned = TASKS[case.facts["case"].partition("/")[0]]
    return Batch(sources=(second, first) if turned else (first, second), task=task)


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_crops_and_what_is_saved_of_them(case: Case) -> None:
    method = loaded("refusion", case.weights)
    batch = batch_of(case, *map(tensor, case.crops()))
    fused = method.fuse(batch)
    assert_near(fused, case.array("crop_out"))
    key = "crop_rgb_u8" if case.has("crop_rgb_u8") else "crop_gray_u8"
    assert_levels(method.finish(fused, batch), case.array(key))


@pytest.mark.shared
@pytest.mark.parametrize("case", REAL)
def test_whole_images_and_what_is_saved_of_them(case: Case) -> None:
    method, facts = loaded("refusion", case.weights), case.facts
    images = [
        tensor(decoded(facts[slot].removeprefix("data/"), facts[f"{slot}_sha256_of_decoded_bytes"], "RGB"))
        for slot in ("slot1", "slot2")
    ]
    batch = batch_of(case, *images)
    fused = method.fuse(batch)
    assert_near(fused[..., ::8, ::8], case.array("out_strided"))
    key = "rgb_u8_window" if case.has("rgb_u8_window") else "gray_u8_window"
    assert_levels(method.finish(fused, batch)[..., 64:128, 64:128], case.array(key))


@pytest.mark.shared
def test_the_official_file_of_doubled_names_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.helpers.shared import shared_path

    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    official = shared_path("weights", "refusion", "official", "ReFusion_MIF.pth")
    weight, stored = weights_store.add(spec_of("refusion"), official)
    assert weight.name == "MIF"
    assert weights_store.verify(spec_of("refusion"), weight, stored).origin == "official"


def test_gray_sources_give_gray_and_one_coloured_source_its_chroma() -> None:
    from fusionbench_refusion.method import ReFusionMethod

    method = ReFusionMethod(output="plain")
    gray, colour = torch.rand(1, 1, 6, 7).expand(-1, 3, -1, -1), torch.rand(1, 3, 6, 7)
    fused = torch.rand(1, 1, 6, 7)
    assert torch.equal(method.finish(fused, Batch(sources=(gray, gray), task=Task.MFF)), fused)
    either = [method.finish(fused, Batch(sources=pair, task=Task.MFF)) for pair in ((gray, colour), (colour, gray))]
    assert torch.equal(*either)

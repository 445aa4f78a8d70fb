"""All pairs and stacks of the real data, exactly as the manifests list them, and no other."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from fusionbench.data import open_dataset
from fusionbench.types import Task
from tests.helpers.shared import shared_path

pytestmark = pytest.mark.shared

# data set of the manifest, split there -> (reference, folder under data/, prefix of ids)
CASES = {
    ("Harvard_MRI_CT", "test"): ("harvard-ct", "Harvard", ""),
    ("Harvard_MRI_PET", "test"): ("harvard-pet", "Harvard", ""),
    ("Harvard_MRI_SPECT", "test"): ("harvard-spect", "Harvard", ""),
    ("IFCNN_IVDataset", "test"): ("ifcnn-iv", "IFCNN_IVDataset", ""),
    ("IFCNN_MDDataset", "test"): ("ifcnn-medical", "IFCNN_MDDataset", ""),
    ("Lytro", "test"): ("lytro", "Lytro", ""),
    ("M3FD", "unknown"): ("m3fd", "M3FD", ""),
    ("MEFB", "test"): ("mefb", "MEFB", ""),
    ("MFIFB", "test"): ("mfifb", "MFIFB", ""),
    ("MSRS", "unknown"): ("msrs", "MSRS", ""),
    ("MSRS_WaveFusionNet", "unknown"): ("msrs", "MSRS_WaveFusionNet", ""),
    ("RoadScene", "test"): ("roadscene", "RoadScene", ""),
    ("RoadScene", "train"): ("roadscene@train", "RoadScene_train100", ""),
    ("SICE", "unknown"): ("sice", "SICE", "Part1/"),
    ("TNO", "test"): ("tno", "TNO", ""),
    ("TNO_Linfeng-Tang", "test"): ("tno-42", "fused_results/TNO_sources", ""),
    ("TarDAL_sample", "sample"): ("tardal-sample", "TarDAL_sample", ""),
    ("U2Fusion_dataset1", "sample"): ("u2fusion-exposure", "U2Fusion_samples/multi-exposure", "dataset1/"),
    ("U2Fusion_dataset2", "sample"): ("u2fusion-exposure", "U2Fusion_samples/multi-exposure", "dataset2/"),
    ("U2Fusion_medical", "sample"): ("u2fusion-medical", "U2Fusion_samples/medical", ""),
    ("U2Fusion_multi-focus", "sample"): ("u2fusion-focus", "U2Fusion_samples/multi-focus", ""),
    ("VIFB", "test"): ("vifb", "VIFB", ""),
}

STACKS = {
    "IFCNN_MEDataset": ("exposure-stacks", "IFCNN_MEDataset", "", {}),
    "SICE": ("sice", "SICE", "Part1/", {"exposures": "all"}),
    "Lytro_triple": ("lytro-triple", "Lytro", "", {}),
}

Groups = dict[str, tuple[str, ...]]


def rows(name: str) -> list[dict[str, str]]:
    with shared_path("data", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def opened(reference: str, folder: str, options: dict[str, str] | None = None) -> Groups:
    data = shared_path("data")
    dataset = open_dataset(f"{reference}={data / folder}", options=options)
    fatal = [problem.message for problem in dataset.problems if problem.fatal]
    assert not fatal
    return {
        sample.id: tuple(str(Path(source).relative_to(data)) for source in sample.sources) for sample in dataset.samples
    }


def expected_pairs() -> dict[tuple[str, str], Groups]:
    """Pairs of the manifest in canonical order: for MEF the brighter image, its side b, comes first."""
    found: dict[tuple[str, str], Groups] = defaultdict(dict)
    for row in rows("manifest.csv"):
        paths = (row["path_a"], row["path_b"])
        found[row["dataset"], row["split"]][row["pair_id"]] = paths[::-1] if row["task"] == Task.MEF else paths
    return found


def test_every_line_of_the_manifests_is_covered() -> None:
    assert expected_pairs().keys() == CASES.keys()
    assert {row["dataset"] for row in rows("manifest_stacks.csv")} == STACKS.keys()
    assert sum(len(pairs) for pairs in expected_pairs().values()) == 530


@pytest.mark.parametrize(("dataset", "split"), CASES, ids=["-".join(case) for case in CASES])
def test_pairs(dataset: str, split: str) -> None:
    reference, folder, prefix = CASES[dataset, split]
    found = {name: paths for name, paths in opened(reference, folder).items() if name.startswith(prefix)}
    assert found == {prefix + name: paths for name, paths in expected_pairs()[dataset, split].items()}


def test_joined_data_sets_hold_nothing_else() -> None:
    pairs = expected_pairs()
    harvard = {
        f"{part}/{name}": paths
        for part in ("MRI_CT", "MRI_PET", "MRI_SPECT")
        for name, paths in pairs[f"Harvard_{part}", "test"].items()
    }
    assert opened("harvard", "Harvard") == harvard
    exposures = {
        f"{part}/{name}": paths
        for part in ("dataset1", "dataset2")
        for name, paths in pairs[f"U2Fusion_{part}", "sample"].items()
    }
    assert opened("u2fusion-exposure", "U2Fusion_samples/multi-exposure") == exposures


@pytest.mark.parametrize("dataset", STACKS)
def test_stacks(dataset: str) -> None:
    """Exposures: brightest, darkest, the others from bright to dark; focal planes: as listed."""
    reference, folder, prefix, options = STACKS[dataset]
    listed: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows("manifest_stacks.csv"):
        if row["dataset"] == dataset:
            listed[prefix + row["stack_id"]].append((float(row["mean_luma"]), row["path"]))
    expected = {}
    for name, images in listed.items():
        if dataset != "Lytro_triple":
            bright, *others, dark = sorted(images, reverse=True)
            images = [bright, dark, *others]
        expected[name] = tuple(path for _, path in images)
    found = opened(reference, folder, options)
    assert {name: paths for name, paths in found.items() if name in expected} == expected
    # SICE's second scene has two exposures and is therefore listed as a pair only.
    assert found.keys() - expected.keys() == ({"Part1/354"} if dataset == "SICE" else set())


def test_samples_are_in_natural_order() -> None:
    assert list(opened("msrs", "MSRS_WaveFusionNet")) == [str(number) for number in range(1, 49)]


def test_all_data_sets_are_found_under_one_data_root() -> None:
    data = shared_path("data")
    for reference, _, _ in CASES.values():
        name = reference.partition("@")[0]
        assert open_dataset(name, data_root=data).samples


def test_an_undivided_copy_says_so() -> None:
    dataset = open_dataset(f"msrs={shared_path('data', 'MSRS_WaveFusionNet')}")
    assert [problem.kind for problem in dataset.problems] == ["split"]

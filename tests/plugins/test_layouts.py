"""Official and circulating layouts of the data sets, on files made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.data import check_dataset, open_dataset
from fusionbench.types import DataError, Dataset, Sample
from fusionbench_ivf.datasets import roadscene_test_names
from tests.helpers.pictures import picture, tree

VLF = {
    "msrs": ("IVF/MSRS", "IR", "VI"),
    "m3fd": ("IVF/M3FD", "IR", "VI"),
    "roadscene": ("IVF/RoadScene", "IR", "VI"),
    "harvard": ("MIF/Harvard", "MRI", "T"),
    "sice": ("MEF/SICE", "OVER", "UNDER"),
    "mefb": ("MEF/MEFB", "OVER", "UNDER"),
    "realmff": ("MFF/RealMFF", "NEAR", "FAR"),
    "lytro": ("MFF/Lytro", "NEAR", "FAR"),
}


def ids(dataset: Dataset) -> list[str]:
    return [sample.id for sample in dataset.samples]


def sources(dataset: Dataset) -> dict[str, list[str]]:
    root = dataset.root
    return {sample.id: [str(source.relative_to(root)) for source in sample.sources] for sample in dataset.samples}


@pytest.mark.parametrize("name", VLF)
@pytest.mark.parametrize("spell", [str, str.lower, str.title])
def test_vlf_release(tmp_path: Path, name: str, spell: type[str]) -> None:
    """Lists decide; names are cut at the first dot; folders may be spelt in another case."""
    place, first, second = VLF[name]
    first, second = spell(first), spell(second)
    root = tree(tmp_path / "Image" / place, *(f"{side}/{n}.png" for side in (first, second) for n in (1, 2, 10)))
    (root / "test.txt").write_text("10.jpg\n2.more.dots.png\n")
    dataset = open_dataset(name, data_root=root.parent)
    assert sources(dataset) == {n: [f"{first}/{n}.png", f"{second}/{n}.png"] for n in ("2", "10")}
    assert ids(dataset) == ["2", "10"]
    assert ids(open_dataset(f"{name}@all={root}")) == ["1", "2", "10"]


@pytest.mark.parametrize("name", ["msrs", "harvard", "sice", "realmff"])
def test_training_lists(tmp_path: Path, name: str) -> None:
    _, first, second = VLF[name]
    root = tree(tmp_path, *(f"{side}/{n}.png" for side in (first, second) for n in (1, 2)))
    with pytest.raises(DataError, match=r"split 'train'.*train\.txt"):
        open_dataset(f"{name}@train={root}")
    (root / "train.txt").write_text("1.png\n")
    assert ids(open_dataset(f"{name}@train={root}")) == ["1"]


class TestMSRS:
    def test_official_splits(self, tmp_path: Path) -> None:
        places = {"train": "00001D", "test": "00004N"}
        tree(tmp_path, *(f"{split}/{side}/{n}.png" for split, n in places.items() for side in ("ir", "vi")))
        assert sources(open_dataset(f"msrs={tmp_path}")) == {"00004N": ["test/ir/00004N.png", "test/vi/00004N.png"]}
        assert ids(open_dataset(f"msrs@train={tmp_path}")) == ["00001D"]
        assert ids(open_dataset(f"msrs@all={tmp_path}")) == ["00001D", "00004N"]

    def test_undivided_copies_are_taken_as_test_with_a_notice(self, tmp_path: Path) -> None:
        dataset = open_dataset(f"msrs={tree(tmp_path, 'Ir/1.png', 'Vis/1.png')}")
        assert ids(dataset) == ["1"]
        assert [(problem.kind, problem.fatal) for problem in dataset.problems] == [("split", False)]
        assert not open_dataset(f"msrs@all={tmp_path}").problems


class TestM3FD:
    def test_parts(self, tmp_path: Path) -> None:
        places = ("M3FD_Fusion/Ir/00000.png", "M3FD_Fusion/Vis/00000.png")
        places += ("M3FD_Detection/Ir/01000.png", "M3FD_Detection/vi/01000.png")
        tree(tmp_path, *places)
        assert ids(open_dataset(f"m3fd={tmp_path}")) == ["00000"]
        assert ids(open_dataset(f"m3fd@detection={tmp_path}")) == ["01000"]
        assert ids(open_dataset(f"m3fd@all={tmp_path}")) == ["00000", "01000"]
        assert ids(open_dataset(f"m3fd={tmp_path / 'M3FD_Fusion'}")) == ["00000"]


class TestRoadScene:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        names = [*roadscene_test_names(), "FLIR_00001", "FLIR_video_00018"]
        tree(tmp_path, *(f"{side}/{name}.jpg" for side in ("cropinfrared", "crop_LR_visible") for name in names))
        tree(tmp_path, "crop_HR_visible/FLIR_00001.jpg", "infrared/FLIR_00001.png")
        (tmp_path / "crop_LR_visible" / "Thumbs.db").write_bytes(b"x")
        return tmp_path

    def test_the_list_of_cddfuse_is_test(self, root: Path) -> None:
        dataset = open_dataset(f"roadscene={root}")
        assert ids(dataset) == list(roadscene_test_names())
        assert not dataset.problems
        assert sources(dataset)["FLIR_00211"] == ["cropinfrared/FLIR_00211.jpg", "crop_LR_visible/FLIR_00211.jpg"]

    def test_the_rest_is_train(self, root: Path) -> None:
        assert ids(open_dataset(f"roadscene@train={root}")) == ["FLIR_00001", "FLIR_video_00018"]
        assert len(ids(open_dataset(f"roadscene@all={root}"))) == 52

    def test_a_folder_without_test_pairs_is_explained(self, tmp_path: Path) -> None:
        tree(tmp_path, "cropinfrared/FLIR_00001.jpg", "crop_LR_visible/FLIR_00001.jpg")
        with pytest.raises(DataError, match=r"FLIR_00211(.|\n)*and 45 more(.|\n)*@all"):
            open_dataset(f"roadscene={tmp_path}")

    def test_missing_test_pairs_are_named(self, root: Path) -> None:
        (root / "cropinfrared" / "FLIR_00211.jpg").unlink()
        messages = [problem.message for problem in open_dataset(f"roadscene={root}").problems if problem.fatal]
        assert any("no partner in cropinfrared" in message for message in messages)
        assert any("'FLIR_00211'" in message for message in messages)


class TestHarvard:
    @pytest.mark.parametrize("spell", ["MRI_{}", "{}-MRI"])
    def test_parts_share_names(self, tmp_path: Path, spell: str) -> None:
        parts = [(spell.format(other), other) for other in ("CT", "PET", "SPECT")]
        tree(tmp_path, *(f"{part}/{side}/11.png" for part, other in parts for side in ("MRI", other)))
        assert ids(open_dataset(f"harvard={tmp_path}")) == ["MRI_CT/11", "MRI_PET/11", "MRI_SPECT/11"]
        for part, other in parts:
            expected = [f"{part}/MRI/11.png", f"{part}/{other}/11.png"]
            assert sources(open_dataset(f"harvard-{other.lower()}={tmp_path}")) == {"11": expected}
            assert ids(open_dataset(f"harvard-{other.lower()}={tmp_path / part}")) == ["11"]

    def test_absent_parts_are_mentioned(self, tmp_path: Path) -> None:
        dataset = open_dataset(f"harvard={tree(tmp_path, 'MRI_CT/MRI/1.png', 'MRI_CT/CT/1.png')}")
        assert ids(dataset) == ["MRI_CT/1"]
        assert any("MRI_PET and MRI_SPECT" in problem.message for problem in dataset.problems)


class TestSICE:
    """Made from the documented layout: Dataset_Part1/<n>/<k>.JPG with Label/<n>.JPG."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for part, scenes in (("Dataset_Part1", (1, 2, 10)), ("Dataset_Part2", (1,))):
            for scene in scenes:
                for number, level in enumerate((90, 200, 30, 150), start=1):
                    picture(tmp_path / part / str(scene) / f"{number}.JPG", seed=number, level=level, gray=False)
                picture(tmp_path / part / "Label" / f"{scene}.JPG", gray=False)
        return tmp_path

    def test_the_extremes_in_canonical_order(self, root: Path) -> None:
        dataset = open_dataset(f"sice={root}")
        assert ids(dataset) == ["Part1/1", "Part1/2", "Part1/10", "Part2/1"]
        assert sources(dataset)["Part1/10"] == ["Dataset_Part1/10/2.JPG", "Dataset_Part1/10/3.JPG"]
        assert [sample.reference for sample in dataset.samples if sample.id == "Part2/1"] == [
            root / "Dataset_Part2" / "Label" / "1.JPG"
        ]
        assert not check_dataset(dataset).fatal

    def test_all_exposures(self, root: Path) -> None:
        (sample, *_) = open_dataset(f"sice={root}", options={"exposures": "all"}).samples
        assert [source.stem for source in sample.sources] == ["2", "3", "4", "1"]

    def test_one_part(self, root: Path) -> None:
        assert ids(open_dataset(f"sice={root / 'Dataset_Part1'}")) == ["1", "2", "10"]

    def test_a_damaged_exposure_spoils_its_scene_only(self, root: Path) -> None:
        (root / "Dataset_Part1" / "2" / "3.JPG").write_bytes(b"")
        dataset = open_dataset(f"sice={root}")
        assert "Part1/2" not in ids(dataset)
        assert ["3.JPG" in problem.message for problem in dataset.problems if problem.fatal] == [True]


class TestRealMFF:
    """Folders imageA, imageB and Fusion, names with or without the ending of the side."""

    @pytest.mark.parametrize("endings", [("", "", ""), ("_A", "_B", "_F")])
    def test_pairs_and_ground_truth(self, tmp_path: Path, endings: tuple[str, str, str]) -> None:
        folders = ("imageA", "imageB", "Fusion")
        names = [f"{f}/{n:03}{e}.png" for f, e in zip(folders, endings, strict=True) for n in (1, 2)]
        dataset = open_dataset(f"realmff={tree(tmp_path, *names)}")
        assert ids(dataset) == ["001", "002"]
        (sample, _) = dataset.samples
        images = [*sample.sources, sample.reference]
        assert [str(path.relative_to(tmp_path)) for path in images] == names[::2]


class TestLytro:
    def test_pairs_and_triples_do_not_mix(self, tmp_path: Path) -> None:
        tree(tmp_path, *(f"lytro-0{n}-{side}.jpg" for n in (1, 2) for side in "AB"))
        tree(tmp_path, *(f"Triple Series/lytro-01-{side}.jpg" for side in "ABC"))
        (tmp_path / "Readme.txt").write_bytes(b"520\xd7520")
        assert ids(open_dataset(f"lytro={tmp_path}")) == ["lytro-01", "lytro-02"]
        (triple,) = open_dataset(f"lytro-triple={tmp_path}").samples
        assert [source.name[-5] for source in triple.sources] == ["A", "B", "C"]
        with pytest.raises(DataError, match=r"looked here"):
            open_dataset(f"lytro-triple={tree(tmp_path / 'x', 'a-A.jpg', 'a-B.jpg')}")

    def test_copies_in_scene_folders(self, tmp_path: Path) -> None:
        tree(tmp_path, "lytro_01/lytro_01_A.jpg", "lytro_01/lytro_01_B.jpg")
        assert ids(open_dataset(f"lytro={tmp_path}")) == ["lytro_01"]


def test_mefb_takes_the_pair_and_nothing_else(tmp_path: Path) -> None:
    tree(tmp_path, *(f"input/Farmhouse/{n}.png" for n in ("Farmhouse_A", "FarmHouse_B", "DSC1", "DSC2 - copy")))
    assert sources(open_dataset(f"mefb={tmp_path}")) == {
        "Farmhouse": ["input/Farmhouse/FarmHouse_B.png", "input/Farmhouse/Farmhouse_A.png"]
    }


def test_tno_with_suffixes_in_one_folder(tmp_path: Path) -> None:
    tree(tmp_path, "Camp_IR.png", "Camp_Vis.png")
    assert sources(open_dataset(f"tno={tmp_path}")) == {"Camp": ["Camp_IR.png", "Camp_Vis.png"]}


def test_exposure_stacks_follow_brightness_not_names(tmp_path: Path) -> None:
    for number, level in enumerate((250, 190, 40), start=1):
        picture(tmp_path / "igloo" / f"igloo{number}.png", level=level)
    (sample,) = open_dataset(f"exposure-stacks={tmp_path}").samples
    assert isinstance(sample, Sample)
    assert [source.stem for source in sample.sources] == ["igloo1", "igloo3", "igloo2"]
    (sample,) = open_dataset(f"exposure-stacks={tmp_path}", options={"exposures": "extremes"}).samples
    assert len(sample.sources) == 2

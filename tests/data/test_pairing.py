"""Pairing by name: what belongs together, what is refused, and that nothing ever shifts."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusionbench.data.layouts import FolderPerScene, FolderPerSide, OneFolder, Parts, Stacks
from fusionbench.data.listing import ImageFile, find_folder, list_images
from fusionbench.data.names import image_stem, natural_key, split_extension
from fusionbench.data.pairing import Pairing, Side, pair
from fusionbench.types import DataError

IR_VI = FolderPerSide((("ir",), ("vi",)))


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def ids(pairing: Pairing | None) -> list[str]:
    assert pairing is not None
    return [group.id for group in pairing.groups]


def kinds(pairing: Pairing | None) -> list[str]:
    assert pairing is not None
    return [problem.kind for problem in pairing.problems]


def test_partners_share_a_name_whatever_the_extension(tmp_path: Path) -> None:
    touch(tmp_path, "ir/1.png", "ir/2.bmp", "ir/10.jpg", "vi/1.jpg", "vi/2.PNG", "vi/10.tif")
    pairing = IR_VI.read(tmp_path)
    assert ids(pairing) == ["1", "2", "10"]
    assert kinds(pairing) == []
    assert [path.name for path in pairing.groups[1].paths] == ["2.bmp", "2.PNG"]


def test_a_missing_file_never_shifts_the_others(tmp_path: Path) -> None:
    touch(tmp_path, *(f"ir/{n}.png" for n in (1, 2, 4, 5)), *(f"vi/{n}.png" for n in (1, 3, 4, 5)))
    pairing = IR_VI.read(tmp_path)
    assert ids(pairing) == ["1", "4", "5"]
    assert all(group.paths[0].name == group.paths[1].name for group in pairing.groups)
    assert [problem.message for problem in pairing.problems] == [
        "ir/2.png: no partner in vi.",
        "vi/3.png: no partner in ir.",
    ]


def test_case_and_unicode_form_are_bridged_with_a_notice(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "résumé") for form in ("NFC", "NFD"))
    touch(tmp_path, "ir/Lamp.png", "vi/LAMP.png", f"ir/{decomposed}.png", f"vi/{composed}.png")
    pairing = IR_VI.read(tmp_path)
    assert ids(pairing) == ["Lamp", composed]
    assert [(problem.kind, problem.fatal) for problem in pairing.problems] == [("name", False)] * 2


def test_exact_names_decide_where_case_does_not(tmp_path: Path) -> None:
    touch(tmp_path, "ir/a.png", "ir/A.png", "vi/a.png", "vi/A.png")
    pairing = IR_VI.read(tmp_path)
    assert sorted(ids(pairing)) == ["A", "a"]
    assert all(group.paths[0].name == group.paths[1].name for group in pairing.groups)


@pytest.mark.parametrize("extra", ["ir/x.jpg", "ir/X.png", "vi/x.bmp"])
def test_nothing_is_chosen_by_chance(tmp_path: Path, extra: str) -> None:
    touch(tmp_path, "ir/x.png", "vi/x.png", "ir/y.png", "vi/y.png", extra)
    pairing = IR_VI.read(tmp_path)
    assert ids(pairing) == ["y"]
    assert kinds(pairing) == ["ambiguous"]
    assert extra in pairing.problems[0].paths


def test_files_of_the_system_are_passed_over(tmp_path: Path) -> None:
    names = (".DS_Store", "._1.png", "Thumbs.db", "desktop.ini", "Readme.txt", "folder.png/inside.txt")
    touch(tmp_path, "ir/1.png", "vi/1.png", *(f"ir/{name}" for name in names))
    pairing = IR_VI.read(tmp_path)
    assert ids(pairing) == ["1"]
    assert kinds(pairing) == []


def test_unreadable_formats_are_mentioned(tmp_path: Path) -> None:
    touch(tmp_path, "ir/1.png", "vi/1.png", "ir/2.dcm")
    assert kinds(IR_VI.read(tmp_path)) == ["skipped"]


def test_links_pipes_and_bad_names(tmp_path: Path) -> None:
    root = touch(tmp_path / "root", "ir/1.png", "vi/1.png")
    touch(tmp_path, "secret.png")
    (root / "ir" / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "ir" / "loop.png").symlink_to(root / "ir" / "loop.png")
    (root / "ir" / "broken.png").symlink_to(root / "nowhere")
    (root / "ir" / "inside.png").symlink_to(root / "vi" / "1.png")
    os.mkfifo(root / "ir" / "pipe.png")
    Path(os.fsdecode(os.fsencode(root / "ir") + b"/caf\xe9.png")).write_bytes(b"x")
    touch(root, "ir/new\nline.png", "ir/no\u202fbreak.png")
    listing = list_images(root / "ir", root)
    assert [file.path.name for file in listing.files] == ["1.png", "inside.png", "no\u202fbreak.png"]
    messages = {Path(problem.paths[0]).name: problem.message for problem in listing.problems}
    assert len(messages) == 6
    assert "leaves the data set" in messages["out.png"]
    assert "UTF-8" in messages["caf\\xe9.png"]
    assert all(message.encode() for message in messages.values())


def test_a_linked_folder_is_fine(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/1.png", "root/vi/1.png")
    (tmp_path / "root" / "ir").symlink_to(tmp_path / "elsewhere")
    assert ids(IR_VI.read(tmp_path / "root")) == ["1"]


def test_folders_that_cannot_be_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        list_images(tmp_path / "nowhere", tmp_path)


def test_folder_names_case_only_if_it_must(tmp_path: Path) -> None:
    touch(tmp_path, "IR/1.png", "Ir/1.png", "Vis/1.png")
    assert find_folder(tmp_path, ("IR",)) == tmp_path / "IR"
    assert find_folder(tmp_path, ("vi", "vis")) == tmp_path / "Vis"
    with pytest.raises(DataError, match="which one"):
        find_folder(tmp_path, ("ir",))


def test_the_same_folder_twice_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "ir/1.png")
    with pytest.raises(DataError, match="same folder"):
        FolderPerSide((("ir",), ("IR", "ir"))).read(tmp_path)


def test_three_sides_and_ground_truth(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{side}/{n}.png" for side in "abc" for n in (1, 2)), "GT/1.png")
    pairing = FolderPerSide((("a",), ("b",), ("c",)), reference=("GT",)).read(tmp_path)
    assert [len(group.paths) for group in pairing.groups] == [3, 3]
    assert [group.reference is not None for group in pairing.groups] == [True, False]
    assert [(problem.kind, problem.fatal) for problem in pairing.problems] == [("reference", False)]


def test_endings_are_cut_where_all_files_have_them(tmp_path: Path) -> None:
    layout = FolderPerSide((("a",), ("b",)), endings=(("_A",), ("_B",)))
    touch(tmp_path, "a/1_A.png", "a/2_A.png", "b/1_B.png", "b/2_B.png")
    assert ids(layout.read(tmp_path)) == ["1", "2"]
    touch(tmp_path, "a/3.png", "b/3.png")
    assert ids(layout.read(tmp_path)) == ["3"]


def test_patterns_in_one_folder(tmp_path: Path) -> None:
    touch(tmp_path, "Camp_IR.png", "Camp_Vis.png", "Camp1_IR.png", "Camp1_Vis.png", "other.png", "_IR.png")
    pairing = OneFolder((("*_IR",), ("*_VIS",))).read(tmp_path)
    assert ids(pairing) == ["Camp", "Camp1"]
    assert [(problem.kind, problem.fatal) for problem in pairing.problems] == [("skipped", False)]
    touch(tmp_path / "p", "IR1.bmp", "VIS1.bmp")
    assert ids(OneFolder((("IR*",), ("VIS*",))).read(tmp_path / "p")) == ["1"]
    with pytest.raises(DataError, match="exactly one"):
        OneFolder((("IR",), ("VIS",))).read(tmp_path)


def test_scene_folders_with_further_images(tmp_path: Path) -> None:
    touch(tmp_path, "input/Sky/sKY_a.png", "input/Sky/Sky_B.png", "input/Sky/over.png", "input/Lone/Lone_A.png")
    touch(tmp_path, "input/garage/Garage_A.jpg", "input/garage/Garage_B.jpg", "input/garage/x_A.jpg", "input/n/t.txt")
    pairing = FolderPerScene((("*_B",), ("*_A",)), inside=("input", "")).read(tmp_path)
    assert ids(pairing) == ["garage", "Sky"]
    assert {group.id: [path.name for path in group.paths] for group in pairing.groups} == {
        "garage": ["Garage_B.jpg", "Garage_A.jpg"],
        "Sky": ["Sky_B.png", "sKY_a.png"],
    }
    assert [problem.kind for problem in pairing.problems if problem.fatal] == ["unpaired"]


def test_stacks_and_parts(tmp_path: Path) -> None:
    touch(tmp_path, "s/a/1.png", "s/a/2.png", "s/a/10.png", "s/b/1.png", "s/Label/a.png")
    stacks = Stacks(lambda paths: paths, inside=("s",), reference=("Label",))
    pairing = Parts({"S": stacks, "T": IR_VI}).read(tmp_path)
    assert ids(pairing) == ["S/a"]
    assert [path.name for path in pairing.groups[0].paths] == ["1.png", "2.png", "10.png"]
    assert pairing.groups[0].reference == tmp_path / "s" / "Label" / "a.png"
    assert kinds(pairing) == ["unpaired", "incomplete"]


def test_other_layouts_are_not_taken(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.png")
    stacks = Stacks(lambda paths: paths)
    scenes = FolderPerScene((("*_A",), ("*_B",)))
    for layout in (IR_VI, OneFolder((("*_A",), ("*_B",))), scenes, stacks, Parts({"p": IR_VI})):
        assert layout.read(tmp_path) is None
        assert str(layout)


def test_names() -> None:
    assert split_extension("two.dots.JPG.png") == ("two.dots.JPG", ".png")
    assert split_extension("trailing.dot..png") == ("trailing.dot.", ".png")
    assert split_extension(".png") == (".png", "")
    assert image_stem("800px-EV+4.09.JPG") == "800px-EV+4.09"
    assert image_stem("two.dots") == "two.dots"
    assert sorted(["10", "9", "b2", "B10", "b"], key=natural_key) == ["9", "10", "b", "b2", "B10"]


@given(st.lists(st.text("aA1é_", min_size=1, max_size=3)), st.lists(st.text("aA1é_", min_size=1, max_size=3)))
@settings(max_examples=200, deadline=None)
def test_every_file_is_paired_or_reported_exactly_once(first: list[str], second: list[str]) -> None:
    root = Path("/root")
    sides = [
        Side(label, [(name, ImageFile(root / label / f"{index}-{name}.png", name)) for index, name in enumerate(names)])
        for label, names in (("ir", first), ("vi", second))
    ]
    pairing = pair(sides, root)
    paired = [str(path.relative_to(root)) for group in pairing.groups for path in group.paths]
    reported = [path for problem in pairing.problems if problem.fatal for path in problem.paths]
    assert sorted(paired + reported) == sorted(
        str(file.path.relative_to(root)) for side in sides for _, file in side.entries
    )
    assert len({group.id for group in pairing.groups}) == len(pairing.groups)

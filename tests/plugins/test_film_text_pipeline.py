"""Describe, encode, check, export and import: durable, resumable, and honest about failures."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

from fusionbench.cli import main
from fusionbench.data import open_dataset, read_features
from fusionbench.images import write_png
from fusionbench.locking import locked
from fusionbench.types import DataError, Dataset, Task, UnknownNameError, UsageError
from fusionbench_film.network import Film
from fusionbench_film.text.chain import Chain
from fusionbench_film.text.checking import Case, cases_of, check
from fusionbench_film.text.contracts import Picture, Region
from fusionbench_film.text.counting import count
from fusionbench_film.text.describing import describe
from fusionbench_film.text.encoding import encode
from fusionbench_film.text.findings import findings_of, labelled
from fusionbench_film.text.hookspecs import ProviderSpec
from fusionbench_film.text.prompts import FOLDER, read_prompt
from fusionbench_film.text.providers import ChosenProvider, choose
from fusionbench_film.text.showing import collect, picture
from fusionbench_film.text.store import LOCK, Output, Store
from fusionbench_film.text.transfer import export_vlf, import_vlf
from fusionbench_film.vlf.layout import VlfFolder, described, flat_name, flat_names
from tests.helpers.chat_server import PARAGRAPH, answer, chat_server
from tests.helpers.film import TINY, write_weights
from tests.helpers.golden import fill_golden

HOSTILE = "'); DROP TABLE outputs; -- <script>alert(1)</script> \\input{/etc/passwd} ../../../tmp/owned $(touch x). "


def _make_images(root: Path, names: Sequence[str] = ("a", "b.x", "c")) -> Path:
    random = np.random.default_rng(0)
    for side, channels in (("ir", ()), ("vi", (3,))):
        for name in names:
            write_png(root / side / f"{name}.png", random.integers(0, 256, (32, 40, *channels), dtype=np.uint8))
    return root


def _open(root: Path, task: str = "IVF") -> Dataset:
    return open_dataset(f"folder={root}", options={"task": task, "sides": "ir,vi", "name": "set"})


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return _open(_make_images(tmp_path / "images"))


STATISTICS = Chain(describer=ChosenProvider(choose("describer", "statistics").spec, {"batch_size": 2}))


class Finder:
    """A captioner and region finder that counts its pictures, and fails on those of odd width."""

    seen: ClassVar[list[str]] = []
    held: ClassVar[list[str]] = []
    fail_on: ClassVar[str] = ""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def load(self, device: str) -> None:
        self.held.append(self.options["name"])
        assert self.held.count(self.options["name"]) == 1
        assert len(self.held) == 1, "one model at a time"

    def close(self) -> None:
        self.held.remove(self.options["name"])

    def describe(self, pictures: Sequence[Picture]) -> list[str]:
        self._look(pictures)
        return [f"picture {int(item.rgb.sum())} of {item.size[1]} columns" for item in pictures]

    def regions(self, pictures: Sequence[Picture]) -> list[list[Region]]:
        self._look(pictures)
        return [[Region(box=(0, 0, 10, 10), label="a box", area=100, centre=(5, 5), rle=(0, 10))] for _ in pictures]

    def _look(self, pictures: Sequence[Picture]) -> None:
        for item in pictures:
            if self.fail_on and item.name == self.fail_on:
                raise RuntimeError(f"cannot look at {item.name}")
        self.seen.extend(f"{self.options['name']}:{item.name}" for item in pictures)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Finder, "seen", [])
    monkeypatch.setattr(Finder, "held", [])
    monkeypatch.setattr(Finder, "fail_on", "")


def _finder(kind: Any, name: str, batch: int = 2) -> ChosenProvider:
    return ChosenProvider(ProviderSpec(name=name, kind=kind, factory=Finder), {"name": name, "batch_size": batch})


def _chain(writer: str = "template", prompt: str | None = None) -> Chain:
    return Chain(
        caption=_finder("captioner", "cap"),
        dense=_finder("dense_captioner", "dense"),
        segment=_finder("segmenter", "seg"),
        writer=choose("writer", writer),
        prompt=prompt,
    )


def test_describe_encode_run_to_the_official_layout(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "vlf"
    outcome = describe(dataset, STATISTICS, out)
    assert (outcome.label, outcome.written, outcome.failed) == ("statistics", 6, [])
    result = encode(out, choose("text_encoder", "minilm"))
    assert (result.written, result.width, result.label) == (3, 384, {"IVF/set": "statistics/minilm"})
    array = np.load(out / "TextFeature/IVF/set/b_x.npy")
    assert array.dtype == np.float32
    assert array.shape[0] == 1
    assert array.shape[2] == 384

    parts = choose("text_encoder", "minilm").make()
    parts.load("cpu")
    texts = [(out / f"Text/IVF/set/{side}/b_x.txt").read_text().strip() for side in ("IR", "VI")]
    np.testing.assert_allclose(array[0], np.concatenate(parts.encode(texts)), atol=2e-5)
    record = json.loads((out / "TextFeature/IVF/set/chain.json").read_text())
    assert record["label"] == "statistics/minilm"

    again = describe(dataset, STATISTICS, out)
    assert (again.computed, again.reused) == ({"paragraph": 0}, {"paragraph": 6})
    assert encode(out, choose("text_encoder", "minilm")).reused == 3


def test_features_are_made_again_when_text_encoder_or_file_changes(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "vlf"
    describe(dataset, STATISTICS, out)
    encode(out, choose("text_encoder", "minilm"))
    (out / "Text/IVF/set/IR/a.txt").write_text("Another text.")
    (out / "TextFeature/IVF/set/c.npy").write_bytes(b"damaged")
    assert encode(out, choose("text_encoder", "minilm")).written == 2
    assert encode(out, choose("text_encoder", "minilm:length=16")).written == 3
    (out / "Text/IVF/set/VI/a.txt").unlink()
    result = encode(out, choose("text_encoder", "minilm:length=16"))
    assert result.failed == [("IVF/set/a", "no paragraph for VI")]
    assert not (out / "TextFeature/IVF/set/a.npy").exists(), "old features must not pass for those of the new texts"


def test_stages_run_one_after_the_other_and_nothing_twice(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "vlf"
    outcome = describe(dataset, _chain(), out)
    assert outcome.label == "cap+dense+seg+template"
    assert outcome.written == 6
    assert len(Finder.seen) == 18
    assert [name.split(":")[0] for name in Finder.seen] == ["cap"] * 6 + ["dense"] * 6 + ["seg"] * 6
    assert Finder.held == []
    text = (out / "Text/IVF/set/IR/a.txt").read_text()
    assert " of 40 columns." in text
    assert "A mask of a box in the upper left" in text, "masks take the labels of the boxes"
    describe(dataset, _chain(), out)
    assert len(Finder.seen) == 18
    changed = Chain(caption=_finder("captioner", "cap2"), writer=choose("writer", "template"))
    describe(dataset, changed, out)
    assert len(Finder.seen) == 24
    assert "columns" in (out / "Text/IVF/set/IR/a.txt").read_text()


def test_equal_images_are_looked_at_once(tmp_path: Path) -> None:
    root = _make_images(tmp_path / "images", ["a"])
    (root / "ir/b.png").write_bytes((root / "ir/a.png").read_bytes())
    (root / "vi/b.png").write_bytes((root / "vi/a.png").read_bytes())
    outcome = describe(_open(root), _chain(), tmp_path / "vlf")
    assert outcome.written == 4
    assert len(Finder.seen) == 6


def test_a_failing_image_is_a_row_and_ends_nothing(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "vlf"
    monkeypatch.setattr(Finder, "fail_on", "c/visible")
    outcome = describe(dataset, _chain(), out)
    assert outcome.written == 5
    assert outcome.failed == [("c/visible", "caption", "RuntimeError: cannot look at c/visible")]
    monkeypatch.setattr(Finder, "fail_on", "")
    assert describe(dataset, _chain(), out).written == 5, "a recorded failure is not tried again by itself"
    assert describe(dataset, _chain(), out, retry_failed=True).written == 6


def test_an_unreadable_image_is_a_row(tmp_path: Path) -> None:
    root = _make_images(tmp_path / "images")
    (root / "vi/a.png").write_bytes((root / "vi/a.png").read_bytes()[:200])
    outcome = describe(_open(root), STATISTICS, tmp_path / "vlf")
    assert outcome.written == 5
    ((name, stage, error),) = outcome.failed
    assert (name, stage) == ("a/visible", "paragraph")
    assert "a.png" in error


def test_a_killed_run_continues(tmp_path: Path) -> None:
    """Kill the process while it works; what was stored is not computed again, and the end is the same."""
    root = _make_images(tmp_path / "images", [f"s{i:02}" for i in range(12)])
    out, plugin = tmp_path / "vlf", tmp_path / "slow.py"
    plugin.write_text(
        "import time\n"
        "from fusionbench_film.text.hookspecs import ProviderSpec\n"
        "class Slow:\n"
        "    def __init__(self): pass\n"
        "    def load(self, device): pass\n"
        "    def close(self): pass\n"
        "    def describe(self, pictures):\n"
        "        time.sleep(0.15)\n"
        "        return [' '.join(['It is a test.'] * 8) for _ in pictures]\n"
        "def fusionbench_captioners():\n"
        "    return [ProviderSpec(name='slow', kind='describer', factory=Slow)]\n"
    )
    command = [sys.executable, "-m", "fusionbench", "text", "describe", "-p", str(plugin), "--describe", "slow"]
    command += [
        "-d",
        f"folder={root}",
        "--option",
        "folder.task=IVF",
        "--option",
        "folder.sides=ir,vi",
        "--out",
        str(out),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while _stored(out) < 5:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stored = _stored(out)
    assert 5 <= stored < 24
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{24 - stored} computed, {stored} from the store" in finished.stdout
    assert len(list((out / "Text").rglob("*.txt"))) == 24


def _stored(out: Path) -> int:
    if not (out / "text.sqlite").is_file():
        return 0
    with sqlite3.connect(out / "text.sqlite") as db:
        try:
            return db.execute("SELECT count(*) FROM outputs WHERE error = ''").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def test_paragraphs_from_an_endpoint_are_paid_for_once(dataset: Dataset, tmp_path: Path) -> None:
    def reply(number: int, body: dict[str, Any]) -> Any:
        return answer("I'm sorry, I can't.") if number < 2 else answer()

    with chat_server(reply) as server:
        writer = f"openai:base_url={server.url},model=tiny,attempts=1,concurrency=1"
        outcome = describe(dataset, _chain(writer), tmp_path / "vlf")
        assert (outcome.written, len(outcome.failed), len(server.requests)) == (4, 2, 6)
        assert describe(dataset, _chain(writer), tmp_path / "vlf").written == 4
        assert len(server.requests) == 6, "a refusal is paid for once as well"
        assert describe(dataset, _chain(writer), tmp_path / "vlf", retry_failed=True).written == 6
        assert len(server.requests) == 8
        assert describe(dataset, _chain(writer, "direct"), tmp_path / "vlf").written == 6
        assert len(server.requests) == 10, "another prompt is asked again, and equal prompts only once"
    user = server.requests[0]["messages"][1]["content"]
    assert " of 40 columns" in user
    assert "- a box; area 7.8 %; centre 5, 5; box 0, 0, 10, 10" in user
    assert (tmp_path / "vlf/Text/IVF/set/VI/c.txt").read_text() == PARAGRAPH + "\n"


def test_a_ceiling_leaves_the_rest_for_the_next_run(dataset: Dataset, tmp_path: Path) -> None:
    with chat_server(lambda number, body: answer()) as server:
        writer = f"openai:base_url={server.url},model=tiny,concurrency=1,max_total_tokens=3000"
        first = describe(dataset, _chain(writer), tmp_path / "vlf")
        assert 0 < first.written < 6
        assert all("ceiling" in error for _, _, error in first.failed)
        rest = f"openai:base_url={server.url},model=tiny"
        assert describe(dataset, _chain(rest), tmp_path / "vlf").written == 6
        assert len(server.requests) == 6


def test_hostile_answers_are_data(dataset: Dataset, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    with chat_server(lambda number, body: answer(HOSTILE * 2 + "\x00\x1b[2J It ends. " * 8)) as server:
        out = tmp_path / "vlf"
        outcome = describe(dataset, _chain(f"openai:base_url={server.url},model=tiny"), out)
    assert outcome.written == 6
    new = {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.rglob("*")) - before}
    assert new == {"vlf"}
    text = (out / "Text/IVF/set/IR/a.txt").read_text()
    assert "DROP TABLE" in text
    assert not any(ord(character) < 32 for character in text.rstrip("\n"))
    with Store(out) as store:
        assert len(store.pictures()) == 6
    shown = collect(out, "a")
    assert "DROP TABLE" in shown[0].text
    assert picture(shown).size[0] == 1280


def test_show_has_image_boxes_masks_prompt_and_paragraph(dataset: Dataset, tmp_path: Path) -> None:
    describe(dataset, _chain(), tmp_path / "vlf")
    shown = collect(tmp_path / "vlf", "b.x")
    assert [item.row.folder for item in shown] == ["IR", "VI"]
    for part in ("caption: picture ", "- a box [0, 0, 10, 10]", "prompt:", "paragraph:", "chain cap+"):
        assert part in shown[0].text
    pixels = np.asarray(picture(shown))
    assert (pixels[:, :640] != 255).any()
    with pytest.raises(UnknownNameError, match="was not described"):
        collect(tmp_path / "vlf", "zzz")
    with pytest.raises(DataError, match="has no store"):
        collect(tmp_path, "a")


def test_counts(dataset: Dataset, tmp_path: Path) -> None:
    describe(dataset, STATISTICS, tmp_path / "vlf")
    (row,) = count(tmp_path / "vlf")
    assert (row.samples, row.paragraphs, row.incomplete, row.chain) == (3, 6, 0, "statistics")
    assert row.sentences[0] >= 7
    folder = tmp_path / "plain/Text/MEF/SICE"
    folder.mkdir(parents=True)
    (folder / "1.txt").write_text("One two three. Four five.")
    (row,) = count(tmp_path / "plain")
    assert (row.task, row.samples, row.sentences, row.words) == ("MEF", 1, (2, 2.0, 2, 2), (5, 5.0, 5, 5))
    with pytest.raises(DataError, match="no folder Text"):
        count(tmp_path)


def test_check_says_which_preparation_fits(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "vlf"
    describe(dataset, STATISTICS, out)
    for options, expected in (
        ("", "as it is, features joined"),
        (":caption_text=yes", "caption text, features joined"),
    ):
        encode(out, choose("text_encoder", f"minilm{options}"))
        assert check(cases_of([out])).verdict == f"All 3 cases fit: {expected}."
    encode(out, choose("text_encoder", "minilm:length=64"))
    assert "128 tokens: they were cut or padded" in check(cases_of([out])).verdict

    npy, text = out / "TextFeature/IVF/set/a.npy", out / "Text/IVF/set/IR/a.txt"
    assert cases_of([npy, text])[0].tokens == 128
    assert "No hypothesis" in check([Case("x", 99, 768, ("One two three.", "Four."))]).verdict
    assert "cannot be told apart" in check([Case("x", 5, 768, ("one two three",))]).verdict
    with pytest.raises(UsageError, match="VLF folder"):
        cases_of([text])


@pytest.mark.parametrize("hdf5", [False, True])
def test_export_and_import_round_trip(dataset: Dataset, tmp_path: Path, hdf5: bool) -> None:
    if hdf5:
        pytest.importorskip("h5py")
    out, target = tmp_path / "vlf", tmp_path / "official"
    describe(dataset, STATISTICS, out)
    encode(out, choose("text_encoder", "minilm"))
    result = export_vlf(out, dataset, target, hdf5=hdf5)
    assert (result.images, result.features, result.failed) == (6, 3, [])
    source = target / "set_test.h5" if hdf5 else target
    if not hdf5:
        assert (target / "Image/IVF/set/test.txt").read_text() == "a.png\nb_x.png\nc.png\n"
        assert (target / "Image/IVF/set/VI/b_x.png").is_file()
    else:
        import h5py

        with h5py.File(source) as file:
            assert file["imageA/b_x"].shape == (1, 32, 40)
            assert 0 <= file["imageB/b_x"][()].min() < file["imageB/b_x"][()].max() <= 1
            assert file["text/a"].shape[0] == 1
    back = import_vlf(source, tmp_path / "back", task=Task.IVF)
    assert back.features == 3
    for name in ("a", "b_x", "c"):
        mine = read_features(VlfFolder(out).feature("IVF", "set", name))
        np.testing.assert_array_equal(read_features(VlfFolder(tmp_path / "back").feature("IVF", "set", name)), mine)
    label = json.loads((tmp_path / "back/TextFeature/IVF/set/chain.json").read_text())["label"]
    assert label == ("imported" if hdf5 else "statistics/minilm")


def test_import_refuses_what_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "source/TextFeature/IVF/MSRS"
    folder.mkdir(parents=True)
    np.save(folder / "good.npy", np.ones((1, 5, 768), dtype=np.float32))
    np.save(folder / "nan.npy", np.full((1, 5, 768), np.nan, dtype=np.float32))
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "good.npy").read_bytes()[:500])
    result = import_vlf(tmp_path / "source", tmp_path / "vlf")
    assert result.features == 1
    assert {name.rpartition("/")[2] for name, _ in result.failed} == {"nan.npy", "objects.npy", "cut.npy"}
    with pytest.raises(DataError, match="neither Text/"):
        import_vlf(tmp_path / "vlf/TextFeature", tmp_path / "x")


def test_names_of_the_layout() -> None:
    assert flat_name("MRI_CT/11") == "MRI_CT_11"
    assert flat_name("FLIR.video.1") == "FLIR_video_1"
    with pytest.raises(DataError, match="share the VLF name"):
        flat_names(["a.b", "a_b"])
    for bad in ("..", "", "a/b", "a\\b"):
        with pytest.raises(DataError, match="cannot be a name"):
            VlfFolder(Path("x")).text("IVF", bad, "IR", "a")


def test_sides_are_read_in_canonical_order(tmp_path: Path) -> None:
    for task, sides in (("MFF", ("FAR", "NEAR")), ("MIF", ("T", "MRI")), ("MEF", ("S3", "UNDER", "OVER"))):
        for side in sides:
            (tmp_path / "Text" / task / "set" / side).mkdir(parents=True)
            (tmp_path / "Text" / task / "set" / side / "1.txt").write_text(side)
    found = {sample.task: sample.paragraphs for sample in described(VlfFolder(tmp_path))}
    assert found == {"MFF": ("NEAR", "FAR"), "MIF": ("MRI", "T"), "MEF": ("OVER", "UNDER", "S3")}


def test_prompts_of_all_tasks_ask_for_seven_sentences() -> None:
    for task in Task:
        prompt = read_prompt(task)
        assert prompt.system
        user = prompt.render(findings_of({"caption": "a $road"}, (10, 20)), "near")
        assert "7 complete sentences" in user
        assert "a $road" in user
        assert "20 x 10" in user
    assert (FOLDER / "direct.txt").is_file()


def test_own_prompts(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Say $$5 about ${role}: ${caption}")
    prompt = read_prompt(Task.IVF, path=path)
    assert prompt.render(findings_of({"caption": "x"}, (1, 1)), "visible") == "Say $5 about visible: x"
    assert prompt.version != read_prompt(Task.IVF).version
    path.write_text("${nonsense}")
    with pytest.raises(UsageError, match="nonsense"):
        read_prompt(Task.IVF, path=path)
    path.write_text("5 $ each")
    with pytest.raises(UsageError, match="begins no field"):
        read_prompt(Task.IVF, path=path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_prompt(Task.IVF, path=tmp_path / "absent.txt")
    with pytest.raises(UsageError, match="there are direct, ivf") as caught:  # as a file was given before
        read_prompt(Task.IVF, str(path))
    assert f"--prompt-path {path}" in caught.value.hint
    with pytest.raises(UsageError, match="exclude each other"):
        read_prompt(Task.IVF, "direct", path)


def test_masks_take_the_label_of_the_box_they_fill() -> None:
    boxes = [Region(box=(0, 0, 10, 10), label="a car"), Region(box=(50, 50, 60, 60), label="a tree")]
    assert labelled(Region(box=(1, 1, 10, 10)), boxes).label == "a car"
    assert labelled(Region(box=(20, 20, 30, 30)), boxes).label == ""
    assert labelled(Region(box=(0, 0, 10, 10), label="own"), boxes).label == "own"
    assert labelled(Region(box=(0, 0, 10, 10)), []).label == ""


def test_chains_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="leave out"):
        Chain(describer=choose("describer", "statistics"), writer=choose("writer", "template"))
    with pytest.raises(UsageError, match="no part writes"):
        Chain(caption=_finder("captioner", "cap"))
    with pytest.raises(UsageError, match="knows nothing"):
        Chain(writer=choose("writer", "openai"))
    assert Chain(writer=choose("writer", "openai:attach=yes")).label == "openai"


def test_the_store_explains_itself(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(DataError, match=r"the text store .* is damaged"):
        Store(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be made"):
        Store(tmp_path / "file")
    with Store(tmp_path / "new") as store:
        output = Output(key="k", stage="other", image="i", provider="{}", value=["é", {"a": 1}], attempts=2)
        store.put([output])
        assert store.get("k") == output
        assert store.get("other") is None


@pytest.mark.parametrize("command", ["describe", "encode", "import"])
def test_two_at_once_do_not_pay_twice(dataset: Dataset, tmp_path: Path, command: str) -> None:
    vlf = tmp_path / "vlf"
    describe(dataset, STATISTICS, vlf)
    data = ["-d", f"folder={tmp_path / 'images'}", "--data-option", "task=IVF", "--data-option", "sides=ir,vi"]
    arguments = {"describe": [*data, "--out"], "encode": [], "import": [str(vlf), "--out"]}[command]
    with locked(vlf, LOCK):
        result = _run(command, *arguments, str(vlf))
    assert result.exit_code == 2
    assert "another fusionbench process is working in" in result.output
    assert f": number {os.getpid()} on " in result.output
    assert _run(command, *arguments, str(vlf)).exit_code == 0
    assert not (vlf / f"{LOCK}.holder").exists()


STORE_EDITS = [
    "UPDATE outputs SET value='{'",
    "UPDATE outputs SET value='3'",
    "UPDATE outputs SET tokens_in='many'",
    "UPDATE outputs SET value=CAST(x'ff' AS TEXT)",
    "UPDATE pictures SET stages='[]'",
    "UPDATE pictures SET stages='x'",
    "UPDATE features SET tokens=1.5",
]


@pytest.mark.parametrize("edit", STORE_EDITS)
def test_a_store_that_was_changed_by_hand_is_refused_and_the_rest_is_saved(
    dataset: Dataset, tmp_path: Path, edit: str
) -> None:
    describe(dataset, STATISTICS, tmp_path)
    encode(tmp_path, choose("text_encoder", "minilm"))
    database = sqlite3.connect(tmp_path / "text.sqlite")
    with database:
        database.execute(edit)
    database.close()
    with pytest.raises(DataError, match="fusionbench text repair"):
        collect(tmp_path, "a")
    repaired = _run("repair", str(tmp_path))
    assert repaired.exit_code == 0, repaired.output
    assert "left out" in repaired.output
    assert len(list(tmp_path.glob("text.damaged-*.sqlite"))) == 1
    outcome = describe(dataset, STATISTICS, tmp_path)
    assert outcome.written == 6
    assert collect(tmp_path, "a")[0].paragraph


def test_a_damaged_page_of_the_store_loses_no_other(dataset: Dataset, tmp_path: Path) -> None:
    describe(dataset, STATISTICS, tmp_path)
    path = tmp_path / "text.sqlite"
    sound = path.read_bytes()
    for page in range(1, len(sound) // 4096):
        path.write_bytes(sound[: page * 4096] + b"\xff" * 4096 + sound[(page + 1) * 4096 :])
        with pytest.raises(DataError, match="damaged"):
            describe(dataset, STATISTICS, tmp_path)
        assert _run("repair", str(tmp_path)).exit_code == 0
        assert describe(dataset, STATISTICS, tmp_path).written == 6


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["text", *arguments])


def test_commands_from_images_to_features(dataset: Dataset, tmp_path: Path) -> None:
    vlf = str(tmp_path / "vlf")
    data = ["-d", f"folder={tmp_path / 'images'}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]
    described_ = _run("describe", *data, "--out", vlf)
    assert described_.exit_code == 0, described_.output
    assert "6 paragraphs of chain statistics" in described_.output
    assert "3 feature files written" in _run("encode", vlf).output
    assert "6, 6 different" in _run("stats", vlf).output
    assert json.loads(_run("stats", vlf, "--json").output)[0]["paragraphs"] == 6
    assert "All 3 cases fit: as it is, features joined." in _run("check", vlf).output
    shown = _run("show", vlf, "a", "--out", str(tmp_path / "a.png"))
    assert "described by measurements alone" in shown.output
    assert (tmp_path / "a.png").is_file()
    assert "6 images" in _run("export", vlf, *data, "--out", str(tmp_path / "official")).output
    assert "6 paragraphs, 3 feature" in _run("import", str(tmp_path / "official"), "--out", str(tmp_path / "in")).output
    copied = _run("prompts", "--copy", str(tmp_path / "prompts"))
    assert copied.output.count("wrote") == 5
    assert "kept" in _run("prompts", "--copy", str(tmp_path / "prompts")).output


def test_commands_explain_mistakes(dataset: Dataset, tmp_path: Path) -> None:
    data = ["-d", f"folder={tmp_path / 'images'}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]
    out = ["--out", str(tmp_path / "vlf")]
    for arguments, message in (
        (["describe", *data, *out, "--caption", "blip2"], "no part writes"),
        (["describe", *data, *out, "--caption", "blip9", "--write", "template"], "unknown text provider"),
        (["describe", *data, *out, "--device", "cuda:99"], "cuda"),
        (["describe", *data, *out, "--dry-run"], "costs nothing"),
        (["describe", "-d", "folder", *out], "folder"),
        (["describe", *data, "--data-option", "x", *out], "NAME=VALUE"),
        (["encode", str(tmp_path / "nowhere")], "no folder Text"),
        (["extract-encoder", str(tmp_path / "new"), "--model", str(tmp_path)], "cannot be loaded"),
    ):
        result = _run(*arguments)
        assert result.exit_code == 2, result.output
        assert message in result.output
        assert "Traceback" not in result.output


def test_dry_run_estimates(dataset: Dataset, tmp_path: Path) -> None:
    data = ["-d", f"folder={tmp_path / 'images'}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]
    writer = "openai:price_in=0.15,price_out=0.6"
    result = _run(
        *["describe", *data, "--caption", "blip2", "--write", writer, "--dry-run", "--out", str(tmp_path / "vlf")]
    )
    assert result.exit_code == 0, result.output
    assert "6 requests" in result.output
    assert "at most" in result.output
    assert not (tmp_path / "vlf").exists()


def test_the_command_group_costs_nothing_to_list() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from fusionbench.cli import main;"
        "result = CliRunner().invoke(main, ['text', '--help']); assert result.exit_code == 0, result.output;"
        "assert 'describe' in result.output;"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'PIL'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_from_images_to_text_to_fused_images(tmp_path: Path) -> None:
    """describe -> encode -> export -> `fusionbench run -m film`, with the embedded encoder and no download."""
    _make_images(tmp_path / "images")
    vlf, official = str(tmp_path / "vlf"), tmp_path / "official"
    data = ["-d", f"folder={tmp_path / 'images'}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]
    assert _run("describe", *data, "--out", vlf).exit_code == 0
    assert _run("encode", vlf).exit_code == 0
    assert _run("export", vlf, *data, "--out", str(official)).exit_code == 0
    film = Film(replace(TINY, text_dim=384)).eval()
    fill_golden(film)
    weights = write_weights(tmp_path / "film.safetensors", film)
    result = CliRunner().invoke(
        main,
        [
            "run",
            "-m",
            "film",
            "-d",
            f"vlf-ivf={official}",
            "--weights",
            f"film={weights}",
            "--out",
            str(tmp_path / "run"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "run").rglob("*.png"))) == 3

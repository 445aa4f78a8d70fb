"""The model providers, loaded from tiny random models through the code path of a Hub id."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusionbench.types import DataError, Task, UnknownNameError, UsageError, WeightsError
from fusionbench_film.text.contracts import Findings, Picture, ProviderError, Region, WriteRequest
from fusionbench_film.text.providers import choose
from tests.helpers import tiny_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny_models.transformers()
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def pictures() -> list[Picture]:
    random = np.random.default_rng(0)
    sizes = [(40, 60), (61, 33), (40, 60)]
    return [
        Picture(f"{i}/visible", random.integers(0, 256, (*size, 3), dtype=np.uint8), "visible", Task.IVF, f"{i}.png")
        for i, size in enumerate(sizes)
    ]


def _request(key: str = "a") -> WriteRequest:
    findings = Findings(
        caption="a road at night",
        dense=(Region(box=(0, 0, 10, 10), label="a car."),),
        masks=(Region(box=(20, 10, 40, 30), area=400, centre=(30, 20), intensity=200.0),),
        size=(40, 60),
    )
    return WriteRequest(key=key, system="Be brief.", user="Describe.", findings=findings, role="visible", task=Task.IVF)


@pytest.mark.parametrize("prompt", ["", ",prompt=a photo of"])
def test_blip2_captions(models: Path, pictures: list[Picture], prompt: str) -> None:
    folder = models / "blip2"
    if not folder.exists():
        tiny_models.save_blip2_captioner(folder)
    captioner = choose("captioner", f"blip2:model={folder},max_new_tokens=6,num_beams=2{prompt}").make()
    captioner.load("cpu")
    together = captioner.describe(pictures)
    assert len(together) == 3
    assert all(together)
    assert together == [captioner.describe([picture])[0] for picture in pictures]
    if prompt:
        assert all(caption.startswith("a photo of") for caption in together)
    captioner.close()
    assert captioner.model is None


def test_florence2_captions_and_regions(models: Path, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.save_florence2(models / "florence2")
    for detail in ("caption", "more_detailed"):
        captioner = choose("captioner", f"florence2:model={folder},max_new_tokens=6,num_beams=1,detail={detail}").make()
        captioner.load("cpu")
        assert all(captioner.describe(pictures))

    dense = choose("dense_captioner", f"florence2:model={folder},max_new_tokens=6,num_beams=1").make()
    dense.load("cpu")
    assert [type(found) for found in dense.regions(pictures)] == [list] * 3
    # A random model says no places; what a trained one would say goes through the real parser.
    said = "a dog<loc_100><loc_200><loc_500><loc_600>a red car<loc_0><loc_0><loc_999><loc_999></s><pad>"
    monkeypatch.setattr(dense.processor, "batch_decode", lambda ids, **_: [said] * len(ids))
    for picture, found in zip(pictures, dense.regions(pictures), strict=True):
        assert [region.label for region in found] == ["a dog", "a red car"]
        height, width = picture.size
        assert found[0].box == pytest.approx(
            (0.1005 * width, 0.2005 * height, 0.5005 * width, 0.6005 * height), abs=1.0
        )
        assert 0 <= found[1].box[0] < found[1].box[2] <= width


def test_sam_masks(models: Path, pictures: list[Picture]) -> None:
    from fusionbench_film.text.models.sam import decode_rle

    folder = tiny_models.save_sam(models / "sam")
    options = "points_per_side=4,min_iou=-100,min_stability=0,nms_iou=0.9"
    results = []
    for batch in (3, 64):
        segmenter = choose("segmenter", f"sam:model={folder},{options},points_per_batch={batch}").make()
        segmenter.load("cpu")
        results.append(segmenter.regions(pictures))
        segmenter.close()
    assert [[region.box for region in found] for found in results[0]] == [
        [region.box for region in found] for found in results[1]
    ]
    assert any(results[0])
    for picture, found in zip(pictures, results[0], strict=True):
        assert [region.area for region in found] == sorted((region.area for region in found), reverse=True)
        for region in found:
            mask = decode_rle(region.rle, picture.size)
            rows, columns = np.nonzero(mask)
            assert region.area == mask.sum()
            assert region.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert region.centre == pytest.approx((columns.mean(), rows.mean()))
            assert Region.from_json(json.loads(json.dumps(region.to_json()))) == region


@pytest.mark.parametrize("mask", ["1", "0", "0110", "1001", "111000111"])
def test_rle_round_trip(mask: str) -> None:
    from fusionbench_film.text.models.sam import decode_rle, encode_rle

    values = np.array([[character == "1" for character in mask]])
    assert (decode_rle(encode_rle(values), values.shape) == values).all()
    with pytest.raises(ValueError, match="do not fill"):
        decode_rle(encode_rle(values), (2, 99))


def test_grit_results(tmp_path: Path, pictures: list[Picture]) -> None:
    objects = [
        {"box": [1, 2, 20, 30], "label": "a tree\n<script>", "score": 0.6},
        {"bbox": [0, 0, 5, 5], "caption": "a sign", "score": 0.9},
        {"box": [0, 0, 5, 5], "description": "unsure", "score": 0.1},
    ]
    one = tmp_path / "all.json"
    one.write_text(json.dumps({"0.png": objects, "1": {"instances": objects}}))
    many = tmp_path / "folder"
    many.mkdir()
    (many / "0.json").write_text(json.dumps(objects))
    for place in (one, many):
        reader = choose("dense_captioner", f"grit:results={place}").make()
        reader.load("cpu")
        assert [region.label for region in reader.regions(pictures[:1])[0]] == ["a sign", "a tree <script>"]
        with pytest.raises(ProviderError, match=r"no results for 2\.png"):
            reader.regions(pictures[2:])


def test_grit_results_of_pairs_with_equal_names(tmp_path: Path, pictures: list[Picture]) -> None:
    said = {role: [{"box": [0, 0, 9, 9], "label": f"seen in {role}"}] for role in ("infrared", "visible")}
    (tmp_path / "all.json").write_text(json.dumps({f"{role}/0.png": found for role, found in said.items()}))
    (tmp_path / "folder/visible").mkdir(parents=True)
    (tmp_path / "folder/visible/0.json").write_text(json.dumps(said["visible"]))
    for name in ("all.json", "folder"):
        chosen = choose("dense_captioner", f"grit:results={tmp_path / name}")
        reader = chosen.make()
        reader.load("cpu")
        assert reader.regions(pictures[:1])[0][0].label == "seen in visible"
        before = chosen.identity()
        target = tmp_path / name / "visible/0.json" if name == "folder" else tmp_path / name
        target.write_text("{}")
        assert chosen.identity() != before, "other results are another provider"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "expected an object"),
        ("{", "no JSON file"),
        ("{}", "no results"),
        ('{"0.png": [{"box": [0, 0, 500, 500], "label": "x"}]}', "does not lie in"),
        ('{"0.png": [{"box": [0, 0, 5], "label": "x"}]}', "without box and label"),
        ('{"0.png": [3]}', "without box and label"),
        ('{"0.png": 3}', "no list of objects"),
    ],
)
def test_bad_grit_results(tmp_path: Path, pictures: list[Picture], content: str, message: str) -> None:
    path = tmp_path / "grit.json"
    path.write_text(content)
    with pytest.raises((DataError, ProviderError), match=message):
        _read_grit(path, pictures[0])


def _read_grit(path: Path, picture: Picture) -> None:
    reader = choose("dense_captioner", f"grit:results={path}").make()
    reader.load("cpu")
    reader.regions([picture])


def test_local_chat_model(models: Path) -> None:
    folder = tiny_models.save_chat(models / "chat")
    base = f"transformers:model={folder},max_new_tokens=12,attempts=2"
    strict = choose("writer", base).make()
    strict.load("cpu")
    refused = list(strict.write([_request("a"), _request("b")]))
    assert {written.key for written in refused} == {"a", "b"}
    assert all(written.error and not written.paragraph and written.attempts == 2 for written in refused)
    assert all(written.tokens_in > 0 and written.tokens_out > 0 for written in refused)


def test_local_chat_model_that_writes_well(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.save_chat(models / "chat2")
    writer = choose("writer", f"transformers:model={folder},max_new_tokens=4").make()
    writer.load("cpu")
    assert "system: Be brief." in writer._prompt(_request())
    monkeypatch.setattr(type(writer._tokenizer), "decode", lambda self, ids, **_: " ".join(["The road is wet."] * 8))
    writer.max_new_tokens = 4
    monkeypatch.setattr(writer, "_generate", _finished(writer._generate))
    (written,) = writer.write([_request()])
    assert written.paragraph.count("wet") == 8
    assert written.attempts == 1


def _finished(generate: Callable[..., Any]) -> Callable[..., Any]:
    return lambda requests, attempt: [(text, True, used) for text, _, used in generate(requests, attempt)]


def test_template_paragraph() -> None:
    writer = choose("writer", "template").make()
    (written,) = writer.write([_request()])
    assert written.paragraph == (
        "This is the visible image of a pair. As a whole it shows a road at night. In the upper left there is a car. "
        "A mask of a region in the centre has 16.7 percent of the area and a mean brightness of 200 of 255."
    )


@pytest.mark.parametrize(("kind", "name"), [("captioner", "blip2"), ("segmenter", "sam"), ("text_encoder", "blip2")])
def test_absent_model_is_explained(kind: str, name: str, tmp_path: Path) -> None:
    tiny_models.transformers()
    provider = choose(kind, f"{name}:model={tmp_path / 'nothing'}").make()
    with pytest.raises(WeightsError, match="cannot be loaded"):
        provider.load("cpu")


def test_unknown_names_and_options() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean"):
        choose("captioner", "blip3")
    with pytest.raises(UsageError, match="has no option 'colour'"):
        choose("captioner", "blip2:colour=red")
    with pytest.raises(UsageError, match="not of the form option=value"):
        choose("captioner", "blip2:num_beams")
    with pytest.raises(UsageError, match="expected int"):
        choose("captioner", "blip2:num_beams=many")
    with pytest.raises(UsageError, match="not one of caption"):
        choose("captioner", "florence2:detail=huge")


def test_speed_options_do_not_change_the_identity() -> None:
    slow, fast = choose("captioner", "blip2:batch_size=1"), choose("captioner", "blip2:batch_size=32")
    assert slow.identity() == fast.identity()
    assert slow.identity() != choose("captioner", "blip2:num_beams=1").identity()

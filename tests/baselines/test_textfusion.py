"""TextFusion against the official network with its published weights; where its text comes from."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import fusionbench_textfusion
from fusionbench import Batch, Task
from fusionbench.fusing import load_fuser
from fusionbench.types import MethodError, UsageError, WeightsError
from fusionbench_film.text.providers import choose
from fusionbench_textfusion.clip import ClipTextEncoder
from fusionbench_textfusion.method import TextFusionMethod, vector_digests
from fusionbench_textfusion.network import TextFusion
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, spec_of, tensor
from tests.helpers import tiny_models
from tests.helpers.golden import golden_input
from tests.helpers.shared import shared_path

ALL = cases("textfusion")
NETWORK, WHOLE = ALL[:3], ALL[3:]


def text_of(case: Case) -> torch.Tensor:
    seed = case.facts["text_seed"]
    if seed == "fitted":
        return torch.from_numpy(np.load(shared_path("weights", "textfusion", "text_vector_fitted.npy")))
    if seed == "zero":
        return torch.zeros(1, 512)
    normal = np.random.default_rng(zlib.crc32(seed.encode())).standard_normal((1, 512)).astype(np.float32)
    return torch.from_numpy(normal * np.float32(0.4))


@pytest.mark.shared
@pytest.mark.parametrize("case", NETWORK)
def test_network_on_noise(case: Case) -> None:
    facts, network = case.facts["input"], loaded("textfusion", case.weights).network
    visible, infrared = (
        golden_input(f"{facts['seed']}/{side}", tuple(facts["shape"]))[None, None] for side in ("vis", "ir")
    )
    assert_near(network(visible, infrared, text_of(case)), case.array("out"))


@pytest.mark.shared
@pytest.mark.parametrize("case", WHOLE)
def test_outputs_and_what_is_saved(case: Case) -> None:
    method, facts = loaded("textfusion", case.weights), case.facts
    if facts["input"]["source"].startswith("stored"):
        images = [tensor(case.array(side)) for side in ("ir", "vi")]
    else:
        modes = ("L", "RGB" if facts["case"].startswith("rgb") else "L")
        files = zip(facts["input"]["paths"], facts["input"]["decoded_sha256"], modes, strict=True)
        images = [tensor(decoded(*each)) for each in files]
    outputs = []
    method.network.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    method._text = lambda batch: text_of(case)  # zero among them, which the method itself refuses
    batch = Batch(sources=tuple(image.expand(-1, 3, -1, -1) for image in images), task=Task.IVF)
    fused = method.fuse(batch)
    if images[1].shape[1] == 1:
        assert torch.equal((fused * 255).round()[:, 0], (fused * 255).round()[:, 2])
        fused = fused[:, :1]
    if case.has("out"):
        assert_near(outputs[0], case.array("out"))
        assert_levels(fused, case.array("saved"))
    else:
        assert_near(outputs[0][..., ::8, ::8], case.array("out_s8"))
        assert_levels(fused[..., 64:128, 64:128], case.array("saved_window"))


def test_a_zero_vector_removes_the_infrared_image_and_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = TextFusion().requires_grad_(False)
    visible, infrared, other = torch.rand(3, 1, 1, 9, 10).unbind()
    zero = torch.zeros(1, 512)
    torch.testing.assert_close(network(visible, infrared, zero), network(visible, other, zero), atol=1e-6, rtol=0)
    assert (network(visible, infrared, zero + 1) - network(visible, other, zero + 1)).abs().max() > 1e-5
    np.save(tmp_path / "zero.npy", zero.numpy())
    method = untrained()
    batch = Batch(sources=(torch.rand(1, 3, 9, 9),) * 2, task=Task.IVF, ids=("x",), text=(zero,))
    with pytest.raises(MethodError, match=r"text vector of x is zero, which would remove the infrared image"):
        method.fuse(batch)
    batch.text = (torch.rand(2, 512),)
    with pytest.raises(MethodError, match=r"shape \(2, 512\), expected one row of 512"):
        method.fuse(batch)
    batch.text = (None,)
    with pytest.raises(MethodError, match="no text for x"):
        method.fuse(batch)


def untrained() -> TextFusionMethod:
    torch.manual_seed(0)
    method = TextFusionMethod()
    method.network = TextFusion().eval().requires_grad_(False)
    return method


def test_images_of_a_batch_have_their_own_text() -> None:
    method = untrained()
    sources = torch.rand(2, 2, 3, 9, 13).unbind()
    texts = (torch.randn(1, 512), torch.randn(1, 512))
    both = method.fuse(Batch(sources=sources, task=Task.IVF, text=texts))
    for number in range(2):
        part = tuple(each[number : number + 1] for each in sources)
        alone = method.fuse(Batch(sources=part, task=Task.IVF, text=texts[number : number + 1]))
        torch.testing.assert_close(both[number : number + 1], alone, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_clip_text(tmp_path_factory.mktemp("clip") / "model")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(TextFusion().state_dict(), tmp_path / "LLVIP_pretrained.model")
    return tmp_path / "LLVIP_pretrained.model"


SENTENCE = "A pedestrian is walking on the sidewalk."


def test_clip_is_the_projected_vector_of_the_last_token(clip: Path) -> None:
    t = tiny_models.transformers()
    encoder = ClipTextEncoder(model=str(clip), batch_size=2)
    encoder.load("cpu")
    assert encoder.width == 512
    texts = [SENTENCE, "", "A car  "]
    model = t.CLIPTextModelWithProjection.from_pretrained(clip).eval()
    tokenizer = t.AutoTokenizer.from_pretrained(clip)
    for text, found in zip(texts, encoder.encode(texts), strict=True):
        tokens = tokenizer(text.strip(), return_tensors="pt")
        with torch.no_grad():
            hidden = model.text_model(**tokens).last_hidden_state[0, -1]
            expected = model.text_projection(hidden)
        assert found.shape == (1, 512)
        np.testing.assert_allclose(found[0], expected.numpy(), atol=1e-5)
    with pytest.raises(UsageError, match="of which the model takes 77"):
        encoder.encode(["a walk " * 80])


def test_clip_is_a_text_encoder_of_the_text_pipeline(clip: Path) -> None:
    encoder = choose("text_encoder", f"clip:model={clip}").make()
    encoder.load("cpu")
    assert encoder.encode([SENTENCE])[0].shape == (1, 512)


def test_a_sentence_is_encoded_when_the_method_is_loaded(clip: Path, weights: Path) -> None:
    def fused(**options: object) -> torch.Tensor:
        fuser = load_fuser(
            spec_of("textfusion"), device=torch.device("cpu"), weights=weights, options={"clip": str(clip), **options}
        )
        return fuser(torch.linspace(0, 1, 120).view(10, 12), torch.linspace(1, 0, 120).view(10, 12))

    assert not torch.equal(fused(sentence=SENTENCE), fused(sentence=""))
    assert fused(fitted=True).isfinite().all()
    with pytest.raises(MethodError, match="no text for"):
        fused()
    with pytest.raises(UsageError, match="exclude each other"):
        fused(sentence="", fitted=True)
    with pytest.raises(UsageError, match=r"vector=nowhere\.npy: no such file"):
        fused(vector="nowhere.npy")
    with pytest.raises(UsageError, match="vector=fitted: no such file") as caught:  # as it was given before
        fused(vector="fitted")
    assert "fitted=true" in caught.value.hint
    with pytest.raises(WeightsError, match="cannot be loaded"):
        fused(sentence="", clip=str(weights.parent))


def test_the_vector_s_content_enters_the_identity_of_results(tmp_path: Path) -> None:
    dataset = SimpleNamespace(samples=[SimpleNamespace(id="a"), SimpleNamespace(id="b")])
    digests = []
    for value in (1, 2):
        np.save(tmp_path / "text.npy", np.full((1, 512), value, np.float32))
        digests.append(vector_digests({"vector": tmp_path / "text.npy", "fitted": False}, dataset))
    assert digests[0].keys() == {"a", "b"}
    assert digests[0]["a"] != digests[1]["a"]
    assert vector_digests({"vector": None, "fitted": False}, dataset) == {}


@pytest.mark.shared
def test_the_fitted_vector_is_the_estimate() -> None:
    stored = np.load(shared_path("weights", "textfusion", "text_vector_fitted.npy"))
    assert np.array_equal(stored, np.load(Path(fusionbench_textfusion.__file__).parent / "fitted.npy"))

"""The metrics as objects and functions, and their registration."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
import warnings

import pytest
import torch

import fusionbench as fb
from fusionbench.metrics import MetricWarning, Scorer, evaluate, stubs
from fusionbench.metrics.conventions import SPECS
from fusionbench.metrics.describing import by_name, default_profile
from fusionbench.metrics.selection import attribute_name, find
from fusionbench.types import MetricError, WeightsError
from tests.metrics.tester import scenes


def test_registered_through_the_hook() -> None:
    from fusionbench.plugins import current_plugins

    plugins = current_plugins()
    assert {spec.key for spec in SPECS} <= set(plugins.metrics)
    assert plugins.metrics.origin("Qabf@zhao").plugin == "metrics"
    assert [spec.name for spec in plugins.metrics.values() if spec.profile == "zhao" and spec.default] == [
        "EN", "SD", "SF", "AG", "VIF", "Qabf",
    ]  # fmt: skip


def test_listing_imports_no_torch() -> None:
    code = "import sys, fusionbench.plugins as p; len(p.current_plugins().metrics); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_stateful_metric_gathers_batches() -> None:
    fused, a, b = scenes(4, 40, 44)
    metric = fb.metrics.Qabf(profile="zhao")
    metric.update(fused[:3], [a[:3], b[:3]])
    last = metric(fused[3:], [a[3:], b[3:]])
    expected = fb.metrics.functional.qabf(fused, [a, b])
    torch.testing.assert_close(metric.values, expected)
    torch.testing.assert_close(metric.compute(), expected.mean())
    torch.testing.assert_close(last, expected[3])
    metric.reset()
    with pytest.raises(MetricError, match=r"compute\(\) before update"):
        metric.compute()


def test_usable_as_a_loss() -> None:
    fused, a, b = (image / 255.0 for image in scenes(1, 40, 44))
    image = fused.double().requires_grad_()
    optimiser = torch.optim.Adam([image], lr=1e-3)
    metric, values = fb.metrics.SSIM(), []
    for _ in range(5):
        value = metric(image.clamp(0, 1), [a, b])
        values.append(float(value.detach()))
        optimiser.zero_grad()
        (-value).backward()
        optimiser.step()
    assert values == sorted(values)


def test_torchmetrics_adapter() -> None:
    torchmetrics = pytest.importorskip("torchmetrics")
    fused, a, b = scenes(4, 64, 64)
    metric = fb.metrics.VIF().as_torchmetrics()
    assert isinstance(metric, torchmetrics.Metric)
    for half in (slice(0, 2), slice(2, 4)):
        metric.update(fused[half], [a[half], b[half]])
    torch.testing.assert_close(metric.compute(), fb.metrics.functional.vif(fused, [a, b]).mean())
    assert metric.higher_is_better
    assert metric.is_differentiable


def test_a_used_metric_becomes_a_torchmetric_with_what_it_has_seen() -> None:
    pytest.importorskip("torchmetrics")
    fused, a, b = scenes(3, 40, 44)
    fused[1] = 7  # no correlation
    used = fb.metrics.CC()
    used.update(fused[:2], [a[:2], b[:2]])
    metric = used.as_torchmetrics()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(metric.compute(), used.compute())
    metric.update(fused[2:], [a[2:], b[2:]])
    used.update(fused[2:], [a[2:], b[2:]])
    torch.testing.assert_close(metric.compute(), used.compute())
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert metric.compute().isnan()


def test_precision_is_given_by_name_or_as_torch_s() -> None:
    fused, a, b = scenes(1, 40, 44)
    for dtype in ("float32", torch.float32):
        metric = fb.metrics.VIF(dtype=dtype)
        metric.update(fused, [a, b])
        assert fb.metrics.functional.vif(fused, [a, b], dtype=dtype) == metric.compute()
        assert evaluate(fused, [a, b], metrics="VIF", dtype=dtype).VIF[0] == metric.compute()
    with pytest.raises(MetricError, match=r"expected 'float32' or 'float64', got 'torch.float16'"):
        fb.metrics.VIF(dtype=torch.float16)


def test_names_are_listed() -> None:
    assert {"qabf", "ms_ssim", "fmi_dct", "psnr_gt"} <= set(dir(fb.metrics.functional))
    assert {"Qabf", "MS_SSIM", "FMI_dct", "PSNR_GT", "evaluate", "Scorer", "functional"} <= set(dir(fb.metrics))
    assert all(getattr(fb.metrics, name) is not None for name in dir(fb.metrics))
    with pytest.raises(AttributeError) as caught:
        fb.metrics.Qab  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("Qab", fb.metrics)  # what Python makes its offer of
    assert fb.metrics.MS_SSIM("tang").spec.original_name == "MS_SSIM"
    with pytest.raises(AttributeError):
        fb.metrics.Qxyz  # noqa: B018


METRICS = by_name(SPECS)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_a_documented_function_and_class(name: str) -> None:
    definitions = METRICS[name]
    function = getattr(fb.metrics.functional, attribute_name(name).lower())
    class_ = getattr(fb.metrics, attribute_name(name))
    for item in (function, class_):
        words = inspect.getdoc(item)
        assert definitions[0].summary.split()[0] in words
        assert all(spec.profile in words for spec in definitions)
        assert all(spec.paper.title.split()[0] in words for spec in definitions if spec.paper)
        assert getattr(sys.modules[item.__module__], item.__qualname__) is item  # as pickle finds it
        test = doctest.DocTestParser().get_doctest(words, {}, f"{name} {item}", None, None)
        assert doctest.DocTestRunner().run(test) == (0, len(test.examples))
        assert len(test.examples) >= 4
    profile = inspect.signature(function).parameters["profile"]
    default = default_profile(definitions)
    assert profile.default == (profile.empty if default is None else default)
    assert inspect.signature(class_).parameters["profile"].default == profile.default


def test_a_function_takes_what_its_metric_reads() -> None:
    functional = fb.metrics.functional
    assert inspect.signature(functional.qabf).parameters["sources"].default is inspect.Parameter.empty
    assert inspect.signature(functional.en).parameters["sources"].default == ()
    assert inspect.signature(functional.psnr_gt).parameters["reference"].default is inspect.Parameter.empty
    fused, a, b = scenes(1, 40, 44)
    with pytest.raises(TypeError, match="profile"):
        functional.qcb(fused, [a, b])
    assert functional.rmse(fused, [a, b]) == functional.rmse(fused, [a, b], profile="vifb")


def test_stubs_are_as_generated() -> None:
    for name, text in stubs.stubs().items():
        assert (stubs.FOLDER / name).read_text(encoding="utf-8") == text, "run python -m fusionbench.metrics.stubs"


def test_a_plugin_metric_is_scored_like_ours(tmp_path, monkeypatch) -> None:
    from fusionbench.plugins import load_plugins

    plugin = tmp_path / "brightness.py"
    plugin.write_text(
        "from fusionbench.types import MetricSpec\n"
        "def mean(planes):\n"
        "    return planes.fused.mean((-2, -1))\n"
        "def fusionbench_metrics():\n"
        "    return [MetricSpec(name='Mean', profile='zhao', operands='F', higher_is_better=None, function=mean)]\n"
    )
    load_plugins([str(plugin)])
    fused, a, b = scenes(2, 20, 24)
    frame = fb.metrics.evaluate(fused, [a, b], metrics=["Mean", "EN"])
    assert frame["Mean"].tolist() == pytest.approx(fused.double().mean((1, 2, 3)).tolist())
    assert fb.metrics.functional.mean(fused).tolist() == frame["Mean"].tolist()
    assert fb.metrics.Mean()(fused) == pytest.approx(frame["Mean"].mean())
    assert "mean" in dir(fb.metrics.functional)


def test_a_plugin_metric_reads_whole_images_and_loads_its_weights(tmp_path, monkeypatch) -> None:
    from fusionbench.metrics.versions import identified
    from fusionbench.plugins import load_plugins

    plugin = tmp_path / "shades.py"
    plugin.write_text(
        "import fusionbench as fb\n"
        "loaded = []\n"
        "def load(device, weights):\n"
        "    loaded.append(device)\n"
        "    gain = float(weights['gain'].read_text())\n"
        "    def shade(planes):\n"
        "        images = (planes.fused, *planes.sources, planes.reference)\n"
        "        assert all(image.shape == (2, 3, 20, 24) for image in images)\n"
        "        return gain * (planes.fused[:, 0] - planes.sources[0][:, 2]).mean((-2, -1))\n"
        "    return shade\n"
        "def fusionbench_metrics():\n"
        "    weights = (fb.WeightSpec(name='gain', filename='gain.txt', page='https://example.org'),)\n"
        "    return [fb.MetricSpec(name='Shade', profile='zhao', operands='F|A,B', higher_is_better=None,\n"
        "                          function=load, colour='rgb', weights=weights, default=True)]\n"
    )
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path / "weights"))
    load_plugins([str(plugin)])
    fused, a, b = scenes(2, 20, 24)
    arguments = {"fused": fused.expand(-1, 3, -1, -1), "sources": [a, b], "reference": b}
    with pytest.raises(
        WeightsError,
        match=r"weights 'gain' are not installed[\s\S]*then: .* weights add Shade FILE",
    ):
        evaluate(**arguments, metrics="Shade")
    with pytest.warns(MetricWarning, match="'gain' are not installed"):
        assert evaluate(**arguments)["Shade"].isna().all()

    folder = tmp_path / "weights" / "Shade"
    folder.mkdir(parents=True)
    found = {}
    for gain in (2, 3):
        (folder / "gain.txt").write_text(str(gain))
        scorer = Scorer("Shade")
        values = [scorer.score(**arguments)["Shade"] for _ in range(3)][-1]
        expected = gain * (fused.double() - a.double()).mean((1, 2, 3))
        assert values.tolist() == pytest.approx(expected.tolist())
        found[identified(find("Shade", "zhao")).version] = len(
            sys.modules[find("Shade", "zhao").function.__module__].loaded
        )
    assert list(found.values()) == [1, 2]  # a version for each file, loaded once


def test_a_definition_says_which_sources_it_takes() -> None:
    scd, qabf, entropy = find("SCD", "zhao"), find("Qabf", "vifb"), find("EN", "vifb")
    assert scd.takes(2)
    assert not scd.takes(3)
    assert qabf.takes(3)
    assert qabf.reads_backwards
    assert entropy.takes(7)
    assert not entropy.reads_backwards


def test_each_convention_is_of_one_profile() -> None:
    keys = [spec.key for spec in SPECS]
    assert len(keys) == len(set(keys))
    for profile in {spec.profile for spec in SPECS}:
        assert len({spec.sources_reversed for spec in SPECS if spec.profile == profile}) == 1

"""Classical methods against closed forms and against independent computations with SciPy and PyWavelets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from fusionbench.native import set_aside
from fusionbench.nn.pyramids import TAPS, collapse, depth, expand, laplacian_pyramid, reduce
from fusionbench_classic import (
    diffusion,
    exposure,
    filters,
    gradient_transfer,
    guided,
    principal,
    pyramids,
    saliency_wls,
    selection,
    svd,
    two_scale,
    wavelets,
)
from tests.helpers.shared import shared_path


@pytest.fixture(autouse=True, params=["native", "torch"])
def _path(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything by the native kernel, where it was built and has a part in it, and by torch."""
    with set_aside() if request.param == "torch" else nullcontext():
        yield


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.RandomState(seed).uniform(size=shape))


def assert_equal(actual: Tensor, expected: np.ndarray, *, atol: float = 1e-10) -> None:
    np.testing.assert_allclose(actual.squeeze().numpy(), expected, atol=atol, rtol=0)


# Filters


@pytest.mark.parametrize("radius", [1, 4, 40])
def test_box_mean_with_mirrored_border(radius: int) -> None:
    image = noise(37, 29)
    expected = ndimage.uniform_filter(image.numpy(), 2 * radius + 1, mode="reflect")
    assert_equal(filters.box_mean(image, radius, mirror=True), expected)


def test_box_mean_cut_off_at_the_border_counts_only_pixels_inside() -> None:
    image = noise(9, 12).numpy()
    expected = np.array(
        [[image[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3].mean() for j in range(12)] for i in range(9)]
    )
    assert_equal(filters.box_mean(torch.from_numpy(image), 2), expected)


def test_gaussian_laplacian_and_median() -> None:
    image = noise(21, 34)
    expected = ndimage.gaussian_filter(image.numpy(), 5.0, radius=5, mode="reflect")
    assert_equal(filters.gaussian(image, 5.0, 5), expected)
    assert_equal(filters.laplacian(image), ndimage.laplace(image.numpy(), mode="reflect"))
    assert_equal(filters.median3(image), ndimage.median_filter(image.numpy(), 3, mode="reflect"))


def test_mirroring_goes_on_where_the_image_is_smaller_than_the_border() -> None:
    line = torch.tensor([1, 2, 3])
    assert filters.mirror_pad(line, 8, 7, 0).tolist() == np.pad(line.numpy(), (8, 7), mode="symmetric").tolist()


def test_guided_filter_is_the_mean_of_the_linear_models_of_all_windows() -> None:
    guide, image, radius, epsilon = noise(10, 13).numpy(), noise(10, 13, seed=1).numpy(), 2, 0.01
    slope, offset = np.zeros((10, 13)), np.zeros((10, 13))

    def window(array: np.ndarray, i: int, j: int) -> np.ndarray:
        return array[max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1]

    for i, j in np.ndindex(10, 13):
        g, p = window(guide, i, j), window(image, i, j)
        slope[i, j] = ((g * p).mean() - g.mean() * p.mean()) / (g.var() + epsilon)
        offset[i, j] = p.mean() - slope[i, j] * g.mean()
    expected = [
        [window(slope, i, j).mean() * guide[i, j] + window(offset, i, j).mean() for j in range(13)] for i in range(10)
    ]
    assert_equal(filters.guided_filter(torch.from_numpy(guide), torch.from_numpy(image), radius, epsilon), expected)


# Rules


def test_ties_share_the_weight_and_zero_saliency_is_shared_evenly() -> None:
    activity = torch.tensor([[1.0, 2.0, 0.0], [1.0, 1.0, 0.0]])
    assert selection.winner_weights(activity).tolist() == [[0.5, 1.0, 0.5], [0.5, 0.0, 0.5]]
    torch.testing.assert_close(selection.shares(activity), torch.tensor([[0.5, 2 / 3, 0.5], [0.5, 1 / 3, 0.5]]))


# Pyramids


@pytest.mark.parametrize("size", [(64, 48), (61, 33), (5, 90), (1, 7)], ids=str)
def test_laplacian_pyramid_is_undone_by_collapse(size: tuple[int, int]) -> None:
    image = noise(*size)
    levels = depth(*size, 6)
    assert_equal(collapse(laplacian_pyramid(image, levels)), image.squeeze().numpy())


def test_reduce_and_expand() -> None:
    image = noise(20, 15)
    blurred = ndimage.correlate1d(ndimage.correlate1d(image.numpy(), TAPS, 0), TAPS, 1)
    assert_equal(reduce(image), blurred[::2, ::2])
    small = noise(6, 5)
    zeros = np.zeros((12 + 4, 10 + 4))
    zeros[2:-2:2, 2:-2:2] = small
    padded = np.pad(small.numpy(), 1, mode="symmetric")
    zeros[::2, ::2] = padded
    kernel = 4 * np.outer(TAPS, TAPS)
    assert_equal(expand(small, 11, 10), ndimage.correlate(zeros, kernel)[2:13, 2:12])


def test_laplacian_fusion_keeps_the_detail_of_each_half() -> None:
    detail = 0.1 * torch.sign(noise(64, 64) - 0.5)
    left = torch.arange(64) < 32
    one = 0.5 + torch.where(left, detail, 0.0)[None, None]
    two = 0.5 + torch.where(left, 0.0, detail)[None, None]
    fused = pyramids.laplacian(one, two)
    expected = pyramids.laplacian(0.5 + detail[None, None], 0.5 + detail[None, None])
    away = (torch.arange(64) - 32).abs() > 8
    # The finest bands come through unchanged; only the averaged low-pass image has half of the rest.
    assert (fused - expected)[..., away].abs().mean() < 0.01


def test_ratio_pyramid_of_an_image_and_a_constant_keeps_the_contrast() -> None:
    image = 0.5 + 0.2 * torch.sign(noise(1, 1, 32, 32) - 0.5)
    fused = pyramids.ratio_pyramid(image, torch.full_like(image, 0.5), levels=1)
    contrast = fused.std() / fused.mean()
    assert abs(contrast - image.std() / image.mean()) < 0.02


# Wavelets


@pytest.mark.parametrize("order", range(1, 11))
def test_daubechies_filters(order: int) -> None:
    pywt = pytest.importorskip("pywt")
    reference, bank = pywt.Wavelet(f"db{order}"), wavelets.daubechies(order)
    np.testing.assert_allclose(bank.low, reference.dec_lo, atol=1e-13)
    np.testing.assert_allclose(bank.high, reference.dec_hi, atol=1e-13)


@pytest.mark.parametrize(("order", "size"), [(1, (32, 32)), (2, (37, 50)), (4, (97, 61))])
def test_dwt_is_that_of_pywavelets(order: int, size: tuple[int, int]) -> None:
    pywt = pytest.importorskip("pywt")
    image = noise(*size)
    bank = [wavelets.daubechies(order)] * 2
    base, levels = wavelets.decompose(image, bank, bank)
    expected, *details = pywt.wavedec2(image.numpy(), f"db{order}", "symmetric", level=2)
    assert_equal(base, expected)
    for level, (horizontal, vertical, diagonal) in zip(reversed(levels), details, strict=True):
        assert_equal(level.bands["da"], horizontal)
        assert_equal(level.bands["ad"], vertical)
        assert_equal(level.bands["dd"], diagonal)
    assert_equal(wavelets.recompose(base, levels, bank, bank), image.numpy())


def test_both_trees_reconstruct_exactly() -> None:
    image = noise(45, 62)
    for index in (0, 1):
        bank = wavelets.tree(index, 3)
        # Kingsbury's filters are tabulated to eight digits.
        assert_equal(wavelets.recompose(*wavelets.decompose(image, bank, bank), bank, bank), image.numpy(), atol=1e-7)


def test_the_two_trees_are_a_hilbert_pair() -> None:
    """A complex wavelet of the pair has next to no energy at frequencies of one sign."""
    parts = []
    for index in (0, 1):
        bank = wavelets.tree(index, 4)
        base, levels = wavelets.decompose(torch.zeros(1, 512, dtype=torch.float64), [wavelets.daubechies(1)] * 4, bank)
        levels[-1].bands["ad"][0, levels[-1].bands["ad"].shape[-1] // 2] = 1
        parts.append(wavelets.recompose(base, levels, [wavelets.daubechies(1)] * 4, bank)[0].numpy())
    spectrum = np.abs(np.fft.fft(parts[0] + 1j * parts[1])) ** 2
    one_side, other = spectrum[1:256].sum(), spectrum[257:].sum()
    assert min(one_side, other) / max(one_side, other) < 0.01


def test_complex_coefficients_of_the_only_source_with_detail_are_taken_whole() -> None:
    image, flat = noise(1, 1, 64, 53), torch.full((1, 1, 64, 53), 0.25, dtype=torch.float64)
    halves = []
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        banks = wavelets.tree(down, 2), wavelets.tree(across, 2)
        base, details = wavelets.decompose(image, *banks)
        halves.append(wavelets.recompose((base + wavelets.decompose(flat, *banks)[0]) / 2, details, *banks))
    assert_equal(wavelets.dtcwt(image, flat, levels=2), sum(halves).squeeze().numpy() / 4, atol=1e-7)


# Principal components


def test_weights_of_proportional_sources() -> None:
    one = noise(1, 1, 16, 16)
    weights = principal.principal_weights(torch.stack([one, 0.3 + 2 * one]), signed=False).flatten()
    torch.testing.assert_close(weights, torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))


def test_weights_of_opposed_sources() -> None:
    one = noise(1, 1, 16, 16)
    opposed = torch.stack([one, 1 - 0.5 * one])
    assert_equal(principal.principal_weights(opposed, signed=True).flatten(), [2.0, -1.0])
    assert_equal(principal.principal_weights(opposed, signed=False).flatten(), [2 / 3, 1 / 3])
    cancelling = torch.stack([one, 1 - one])
    assert_equal(principal.principal_weights(cancelling, signed=True).flatten(), [0.5, 0.5])


# Diffusion


def test_perona_malik_moves_what_the_conductance_lets_through() -> None:
    image = torch.tensor([[100.0, 130.0]], dtype=torch.float64)
    flow = 0.15 * 30 * math.exp(-1)
    assert_equal(diffusion.perona_malik(image, 1, 0.15, 30.0), [100 + flow, 130 - flow])
    corner = torch.zeros(2, 2, dtype=torch.float64)
    corner[0, 0] = 1
    expected = np.array([[1 - 0.1 * 2.5, 0.1], [0.1, 0.05]])  # the diagonal neighbour is sqrt(2) away
    assert_equal(diffusion.perona_malik(corner, 1, 0.1, 1e6), expected, atol=1e-9)


def test_perona_malik_keeps_the_mean() -> None:
    image = 255 * noise(23, 31)
    torch.testing.assert_close(diffusion.perona_malik(image, 10, 0.15, 30.0).mean(), image.mean())


def test_fourth_order_diffusion_of_a_cosine() -> None:
    """Of small amplitude the equation is linear, and a cosine that fits the mirrored border is an eigenvector."""
    angle = math.pi * 7 / 40
    wave = torch.cos(angle * (torch.arange(40, dtype=torch.float64) + 0.5)).expand(9, 40) * 1e-5
    expected = wave * (1 - 0.9 * math.sin(angle) ** 4) ** 20
    assert_equal(diffusion.fourth_order(wave, 20, 0.9, 4.0), expected.numpy(), atol=1e-12)


def test_fourth_order_diffusion_is_stable_at_the_published_step() -> None:
    image = 255 * noise(30, 30).round()
    assert diffusion.fourth_order(image, 200, 0.9, 1e6).abs().max() < 256


# Gradient transfer


def test_divergence_is_minus_the_adjoint_of_the_gradient() -> None:
    image, field = noise(7, 9), noise(2, 7, 9, seed=1)
    left = (gradient_transfer.gradient(image) * field).sum()
    right = -(image * gradient_transfer.divergence(field)).sum()
    torch.testing.assert_close(left, right)


def test_diagonal_of_the_smoothness_operator() -> None:
    weights = noise(4, 5)
    columns = []
    for index in range(20):
        unit = torch.zeros(20, dtype=torch.float64)
        unit[index] = 1
        image = unit.reshape(4, 5)
        columns.append(-gradient_transfer.divergence(weights * gradient_transfer.gradient(image)).flatten()[index])
    torch.testing.assert_close(torch.stack(columns), gradient_transfer.smoothness_diagonal(weights).flatten())


def test_total_variation_with_l1_data_removes_by_size_and_not_by_contrast() -> None:
    """Removing a square of side s costs s^2 and saves its perimeter 4 s: small ones go, large ones stay whole."""
    image = torch.zeros(1, 1, 48, 48, dtype=torch.float64)
    image[..., 5:8, 5:8] = 1.0
    image[..., 24:] += 0.25
    smooth = gradient_transfer.smooth_l1_tv(image, 1.0, loops=60, tolerance=1e-8)
    expected = torch.zeros_like(image)
    expected[..., 24:] = 0.25
    torch.testing.assert_close(smooth, expected, atol=5e-3, rtol=0)


def test_more_loops_come_closer_to_the_minimum() -> None:
    infrared, visible = noise(1, 1, 32, 32), ndimage.gaussian_filter(noise(32, 32, seed=1).numpy(), 2)
    target = infrared - torch.from_numpy(visible)

    def objective(z: Tensor) -> float:
        return float((z - target).abs().sum() + 4 * gradient_transfer.gradient(z).norm(dim=0).sum())

    values = [objective(gradient_transfer.smooth_l1_tv(target, 4.0, loops, 1e-6)) for loops in (1, 5, 30)]
    assert values[0] > values[1] > values[2]
    # So strong a weight leaves nothing but the median.
    assert values[-1] <= 1.01 * objective(target.median().expand_as(target))


# Singular values


def test_msvd_coefficients_are_the_singular_vectors() -> None:
    blocks = svd._to_blocks(noise(1, 1, 20, 26))
    matrix = blocks.flatten(-2)[0, 0].numpy()
    vectors = svd._eigenvectors(blocks)[0, 0].numpy()
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-12)
    left, _, _ = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(np.abs(vectors.T @ left), np.eye(4), atol=1e-6)
    assert (vectors[:, 0] > 0).all()


def test_msvd_blocks_come_back_from_odd_sizes() -> None:
    image = noise(2, 1, 11, 7)
    assert torch.equal(svd._from_blocks(svd._to_blocks(image), 11, 7), image)


# Saliency


def test_two_scale_fusion() -> None:
    one, two = noise(50, 60).numpy(), noise(50, 60, seed=1).numpy()
    bases = [ndimage.uniform_filter(image, 35, mode="reflect") for image in (one, two)]
    saliency = [
        np.abs(base - ndimage.median_filter(image, 3, mode="reflect"))
        for base, image in zip(bases, (one, two), strict=True)
    ]
    weight = saliency[0] / (saliency[0] + saliency[1])
    expected = (bases[0] + bases[1]) / 2 + weight * (one - bases[0]) + (1 - weight) * (two - bases[1])
    assert_equal(two_scale.tif(*(torch.from_numpy(image)[None, None] for image in (one, two))), expected)


def test_guided_fusion() -> None:
    images = [noise(40, 44).numpy(), ndimage.gaussian_filter(noise(40, 44, seed=1).numpy(), 2)]
    base = [ndimage.uniform_filter(image, 31, mode="reflect") for image in images]
    saliency = [
        ndimage.gaussian_filter(np.abs(ndimage.laplace(image, mode="reflect")), 5.0, radius=5, mode="reflect")
        for image in images
    ]
    winner = [saliency[0] > saliency[1], saliency[0] <= saliency[1]]
    expected = 0
    for layers, radius, epsilon in ((base, 45, 0.3), ([i - b for i, b in zip(images, base, strict=True)], 7, 1e-6)):
        weights = [
            filters.guided_filter(torch.from_numpy(i), torch.from_numpy(w.astype(float)), radius, epsilon)
            .clamp(0, 1)
            .numpy()
            for i, w in zip(images, winner, strict=True)
        ]
        expected = expected + sum(w * layer for w, layer in zip(weights, layers, strict=True)) / sum(weights)
    assert_equal(guided.gff(*(torch.from_numpy(image)[None, None] for image in images)), expected)


def test_saliency_map_is_the_sum_of_distances() -> None:
    levels = np.random.RandomState(0).randint(0, 256, (9, 11))
    distance = np.abs(levels[..., None] - levels.ravel()).sum(-1)
    expected = (distance - distance.min()) / (distance.max() - distance.min())
    assert_equal(saliency_wls.saliency(torch.from_numpy(levels / 255)), expected)


def test_layers_add_up_to_the_image() -> None:
    image = noise(1, 1, 48, 40)
    base, details = saliency_wls.decompose(image, 4, 2.0, 0.05, 4)
    assert len(details) == 4
    torch.testing.assert_close(base + sum(details), image)


def test_least_squares_details_minimise_their_sum() -> None:
    thermal, visual = noise(1, 1, 30, 30) - 0.5, noise(1, 1, 30, 30, seed=1) - 0.5
    fused = saliency_wls.vsmwls(thermal + 0.5, visual + 0.5, weight=1e9)
    # With a huge weight all but the finest layer are the visible ones.
    _, details = saliency_wls.decompose(visual + 0.5, 4, 2.0, 0.05, 4)
    _, warm = saliency_wls.decompose(thermal + 0.5, 4, 2.0, 0.05, 4)
    finest = torch.where(warm[0].abs() < details[0].abs(), details[0], warm[0])
    base = fused - finest - sum(details[1:])
    assert base.std() < 0.1 * fused.std()


# Exposure


def test_quality_is_contrast_times_saturation_times_exposedness() -> None:
    stack = noise(2, 1, 3, 12, 14)
    rgb = stack[1, 0].numpy()
    contrast = np.abs(ndimage.laplace(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2], mode="reflect"))
    exposed = np.exp(-((rgb - 0.5) ** 2) / 0.08).prod(axis=0)
    assert_equal(exposure.quality(stack, 1, 1, 1, 0.2)[1], contrast * rgb.std(axis=0) * exposed)


def test_gray_exposures_are_not_blended_blindly() -> None:
    texture = noise(1, 1, 32, 32).expand(1, 3, 32, 32)
    good, dark = 0.3 + 0.4 * texture, 0.05 * texture
    fused = exposure.mertens(good, dark)
    assert (fused - good).abs().mean() < 0.3 * (fused - dark).abs().mean()


# Published results


@pytest.mark.shared
@pytest.mark.parametrize(
    ("method", "scene", "folder", "psnr"),
    [
        (gradient_transfer.gtf, "peopleshadow", "VIFB/GTF/peopleshadow.jpg", 25),
        (gradient_transfer.gtf, "manWalking", "VIFB/GTF/manWalking.jpg", 30),
        (diffusion.adf, "manWalking", "VIFB_flat/manWalking_ADF.jpg", 38),
        (diffusion.adf, "walking2", "VIFB_flat/walking2_ADF.jpg", 38),
    ],
)
def test_close_to_the_results_that_vifb_publishes(method, scene: str, folder: str, psnr: float) -> None:
    """VIFB fuses each colour channel and stores JPEG, so this is as far as agreement can go."""
    data = shared_path("data")
    infrared, visible, published = (
        torch.from_numpy(np.asarray(PIL.Image.open(data / path).convert("RGB")).astype(np.float32) / 255)
        .permute(2, 0, 1)[:, None]
        .contiguous()
        for path in (f"VIFB/input/IR/{scene}.jpg", f"VIFB/input/VI/{scene}.jpg", f"fused_results/{folder}")
    )

    def closeness(image: Tensor) -> float:
        return float(-10 * torch.log10(((image.clamp(0, 1) - published) ** 2).mean()))

    ours = closeness(method(infrared, visible))
    assert ours > psnr
    assert ours > closeness((infrared + visible) / 2) + 3

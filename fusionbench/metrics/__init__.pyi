# Written by python -m fusionbench.metrics.stubs from the metrics' descriptions.
import torch

from fusionbench.metrics import functional as functional
from fusionbench.metrics.adapting import adapted as adapted
from fusionbench.metrics.scorer import MetricWarning as MetricWarning
from fusionbench.metrics.scorer import Scorer as Scorer
from fusionbench.metrics.scorer import evaluate as evaluate
from fusionbench.metrics.stateful import StatefulMetric

class AG(StatefulMetric):
    """Average gradient.

    Higher is better.

    Cui, Feng, Xu, Li & Chen, Detail preserved fusion of visible and infrared images using regional
    saliency extraction and multi-scale image decomposition, Optics Communications 341, 199, 2015,
    doi:10.1016/j.optcom.2014.12.032.

    zhao, cddfuse, ivif-zoo (range 0..255, gray levels, with gradients):
        Mean over all pixels of sqrt((gx^2 + gy^2) / 2), g central differences. Gray levels per pixel.

    vifb, mefb, tang, tang-published, metric-python (range 0..255, gray levels, with gradients):
        The sum over all pixels of sqrt((gx^2 + gy^2) / 2) divided by (M - 1)(N - 1). Gray levels per
        pixel.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.AG(profile="zhao")
        >>> metric.update(fused)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class CC(StatefulMetric):
    """Pearson correlation with the sources.

    Higher is better.

    zhao, cddfuse, tang, tang-published, metric-python, ivif-zoo (range -1..1, with gradients):
        Mean over the sources of the Pearson correlation with F. Range -1..1. Any number of sources.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``tang``, ``tang-published``,
            ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.CC(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class CE(StatefulMetric):
    """Cross entropy of the sources' gray levels relative to the fused image's.

    Lower is better.

    Bulanon, Burks & Alchanatis, Image fusion of visible and thermal images for fruit detection,
    Biosystems Engineering 103, 12, 2009, doi:10.1016/j.biosystemseng.2009.02.009.

    vifb, mefb (any range, bit, no gradients):
        Mean over the sources of sum p log2(p / q), p the source's and q the fused image's frequencies.

        Only bins that are filled in both count, so the bins of infinite divergence are dropped and the
        value can be negative. Lower is better. Any number of sources. Bulanon, Burks & Alchanatis 2009.

    ivif-zoo (range 0.., nat, no gradients):
        Mean over the pixels of -(t ln p + (1 - t) ln(1 - p)), p = s(F), t the mean of s(A) and s(B).
        Lower is better.

        s(x) = 1 / (1 + exp(-x)) of the raw gray level 0..255, p and t kept in [1e-7, 1 - 1e-7], all in
        float32 whatever the working precision: s is 1 from level 17 on, so only nearly black pixels
        count. In nats; any number of sources.

    Args:
        profile: The convention: ``vifb``, ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.CE(profile="vifb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class EI(StatefulMetric):
    """Edge intensity: mean Sobel magnitude of the fused image.

    Higher is better.

    Rajalingam & Priya, Hybrid multimodality medical image fusion technique for feature enhancement in
    medical diagnosis, International Journal of Engineering Science Invention, 2018.

    vifb, mefb (range 0..1443, gray levels, with gradients):
        Mean of sqrt(sx^2 + sy^2) of unscaled Sobel responses, the edge repeated. Rajalingam & Priya
        2018.

    ivif-zoo (range 0..1443, gray levels, with gradients):
        edge_intensity with zeros beyond the border, which make an edge of it: up to 40 % more if small.

        edge_intensity: Mean of sqrt(sx^2 + sy^2) of unscaled Sobel responses, the edge repeated.
        Rajalingam & Priya 2018.

    Args:
        profile: The convention: ``vifb``, ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.EI(profile="vifb")
        >>> metric.update(fused)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class EN(StatefulMetric):
    """Entropy of the fused image's gray levels.

    Higher is better.

    Roberts, van Aardt & Ahmed, Assessment of image fusion procedures using entropy, image quality, and
    multispectral classification, Journal of Applied Remote Sensing 2, 023522, 2008,
    doi:10.1117/1.2945910.

    zhao, cddfuse, tang, tang-published (range 0..8, bit, no gradients):
        Entropy in bits of the gray levels rounded half to even: -sum p log2 p over 256 bins. Range
        0..8.

    vifb, mefb (range 0..8, bit, no gradients):
        Entropy in bits, -sum p log2 p, of the gray levels rounded down. Range 0..8.

    metric-python (range 0..8, bit, no gradients):
        -sum p log2(p + 1e-7) over the 256 gray levels: the entropy in bits but for up to 4e-5. Range
        0..8.

    ivif-zoo (range 0..8, bit, no gradients):
        entropy_offset in float32, which shows where the image has few levels: 1e-7 is near its last
        digit.

        entropy_offset: -sum p log2(p + 1e-7) over the 256 gray levels: the entropy in bits but for up
        to 4e-5. Range 0..8.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.EN(profile="zhao")
        >>> metric.update(fused)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class FMI(StatefulMetric):
    """Feature mutual information of edges.

    Higher is better.

    Haghighat & Razian, Fast-FMI: non-reference image fusion metric, International Conference on
    Application of Information and Communication Technologies, 2014, doi:10.1109/ICAICT.2014.7036000.

    mefb (range 0..1, at most 2 sources, no gradients):
        Feature mutual information of thinned Sobel edges, mean over windows and both sources. Range
        0..1.

        The toolbox calls it FMI_pixel: it leaves the feature argument out, and edges are the default.

    Args:
        profile: The convention: ``mefb`` (default), or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.FMI(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "mefb", *, dtype: str | torch.dtype = "float64") -> None: ...

class FMI_dct(StatefulMetric):
    """Feature mutual information of DCT coefficients.

    Higher is better.

    Haghighat & Razian, Fast-FMI: non-reference image fusion metric, International Conference on
    Application of Information and Communication Technologies, 2014, doi:10.1109/ICAICT.2014.7036000.

    tang, tang-published (range 0..1, at most 2 sources, no gradients):
        Feature mutual information of the whole image's DCT-II coefficients. Range 0..1.

    Args:
        profile: The convention: ``tang``, ``tang-published``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.FMI_dct(profile="tang")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class FMI_pixel(StatefulMetric):
    """Feature mutual information, pixels by name and edges in fact.

    Higher is better.

    Haghighat & Razian, Fast-FMI: non-reference image fusion metric, International Conference on
    Application of Information and Communication Technologies, 2014, doi:10.1109/ICAICT.2014.7036000.

    tang, tang-published (range 0..1, at most 2 sources, no gradients):
        Feature mutual information of thinned Sobel edges, mean over windows and both sources. Range
        0..1.

        The toolbox calls it FMI_pixel: it leaves the feature argument out, and edges are the default.

    Args:
        profile: The convention: ``tang``, ``tang-published``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.FMI_pixel(profile="tang")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class FMI_w(StatefulMetric):
    """Feature mutual information of wavelet coefficients.

    Higher is better.

    Haghighat & Razian, Fast-FMI: non-reference image fusion metric, International Conference on
    Application of Information and Communication Technologies, 2014, doi:10.1109/ICAICT.2014.7036000.

    tang, tang-published (range 0..1, at most 2 sources, no gradients):
        Feature mutual information of one level of discrete Meyer wavelet coefficients. Range 0..1.

    Args:
        profile: The convention: ``tang``, ``tang-published``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.FMI_w(profile="tang")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class MEF_SSIM(StatefulMetric):
    """Multi-exposure structural index.

    Higher is better.

    Ma, Zeng & Wang, Perceptual quality assessment for multi-exposure image fusion, IEEE Transactions on
    Image Processing 24, 3345, 2015, doi:10.1109/TIP.2015.2442920.

    mefb (range 0..1, with gradients):
        Structure of the fused image against the best that the sources offer in each patch. Range about
        0..1.

        For 11 x 11 patches with the mean removed the desired patch is the weighted sum of the sources'
        unit patches, weights (e_k / 11)^p with e_k a patch's norm and p growing with the sources'
        agreement, scaled to the largest norm. Score (2 c + C) / (v1 + v2 + C), C = (0.03 * 255)^2,
        Gaussian-weighted; product over three scales of Q^w, w = (0.0448, 0.2856, 0.3001) / sum. Any
        number of sources; undefined where the shorter side is under 44. Ma, Zeng & Wang 2015.

    Args:
        profile: The convention: ``mefb`` (default), or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.MEF_SSIM(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "mefb", *, dtype: str | torch.dtype = "float64") -> None: ...

class MI(StatefulMetric):
    """Mutual information of the fused image with the sources.

    Higher is better.

    Qu, Zhang & Yan, Information measure for performance of image fusion, Electronics Letters 38, 313,
    2002, doi:10.1049/el:20020212.

    zhao, cddfuse, vifb (range 0.., nat, no gradients):
        Sum over the sources of H(S) + H(F) - H(S, F) in nats. Any number of sources. Qu, Zhang & Yan
        2002.

    tang, tang-published (range 0.., bit, no gradients):
        Sum over the sources of H(S) + H(F) - H(S, F) in bits; levels 254 and 255 share a bin in H(S, F)
        only.

        The original adds 1 to uint8 values before it counts pairs, which saturates. Any number of
        sources.

    metric-python, ivif-zoo (range 0.., bit, no gradients):
        mutual_information in bits. Any number of sources.

        mutual_information: Sum over the sources of H(S) + H(F) - H(S, F) in nats. Any number of
        sources. Qu, Zhang & Yan 2002.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.MI(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class MSE(StatefulMetric):
    """Mean squared difference from the sources.

    Lower is better.

    zhao, cddfuse (range 0..65025, gray levels squared, with gradients):
        Mean over the sources of the mean squared difference on 0..255. Lower is better. Any number of
        sources.

    tang, tang-published, metric-python, ivif-zoo (range 0..1, with gradients):
        Mean over the sources of the mean squared difference on 0..1. Lower is better. Any number of
        sources.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``tang``, ``tang-published``,
            ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.MSE(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class MS_SSIM(StatefulMetric):
    """Multi-scale structural index: the multi-exposure index in the MATLAB toolbox, Wang's in the Python
    kit.

    Higher is better.

    Ma, Zeng & Wang, Perceptual quality assessment for multi-exposure image fusion, IEEE Transactions on
    Image Processing 24, 3345, 2015, doi:10.1109/TIP.2015.2442920.

    Wang, Simoncelli & Bovik, Multiscale structural similarity for image quality assessment, Asilomar
    Conference on Signals, Systems and Computers, 2003, doi:10.1109/ACSSC.2003.1292216.

    tang, tang-published (range 0..1, with gradients):
        Structure of the fused image against the best that the sources offer in each patch. Range about
        0..1.

        For 11 x 11 patches with the mean removed the desired patch is the weighted sum of the sources'
        unit patches, weights (e_k / 11)^p with e_k a patch's norm and p growing with the sources'
        agreement, scaled to the largest norm. Score (2 c + C) / (v1 + v2 + C), C = (0.03 * 255)^2,
        Gaussian-weighted; product over three scales of Q^w, w = (0.0448, 0.2856, 0.3001) / sum. Any
        number of sources; undefined where the shorter side is under 44. Ma, Zeng & Wang 2015.

    metric-python, ivif-zoo (range 0.., no gradients):
        Sum over the sources of Wang's MS-SSIM with the window and constants of ssim_amplified.

        Five scales, weights (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), negative terms counted as 0;
        halved by 2 x 2 means, an odd side extended by a zero at both ends. Undefined where the shorter
        side is 160 or less. Any number of sources. Wang, Simoncelli & Bovik 2003.

        ssim_amplified: Sum over the sources of SSIM: 11 x 11 Gaussian of sigma 1.5 where it fits, range
        1 on 0..255 data.

        Maximum the number of sources, but for rounding errors: flat areas can exceed it. Any number of
        sources. Wang, Bovik, Sheikh & Simoncelli 2004.

    Args:
        profile: The convention: ``tang``, ``tang-published``, ``metric-python``, ``ivif-zoo``, or one
            that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.MS_SSIM(profile="tang")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class MS_SSIM_GT(StatefulMetric):
    """Multi-scale structural similarity to the ground truth.

    Higher is better.

    Wang, Simoncelli & Bovik, Multiscale structural similarity for image quality assessment, Asilomar
    Conference on Signals, Systems and Computers, 2003, doi:10.1109/ACSSC.2003.1292216.

    In every profile (range 0..1, with gradients):
        Multi-scale SSIM over five scales, halved by 2 x 2 means. Maximum 1; needs at least 176 x 176
        pixels.

        prod_j structure_j^w_j times luminance at the coarsest scale, w = (0.0448, 0.2856, 0.3001,
        0.2363, 0.1333); negative structure counts as 0. Colour images: mean over channels. Wang,
        Simoncelli & Bovik 2003.

    Args:
        profile: Makes no difference: the definition belongs to all.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.MS_SSIM_GT()
        >>> metric.update(fused, reference=visible)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class NMI(StatefulMetric):
    """Normalised mutual information.

    Higher is better.

    Hossny, Nahavandi & Creighton, Comments on 'Information measure for performance of image fusion',
    Electronics Letters 44, 1066, 2008, doi:10.1049/el:20081754.

    mefb (range 0..2, at most 2 sources, no gradients):
        2 sum over A, B of I(S, F) / (H(S) + H(F)). Range 0..2. Hossny, Nahavandi & Creighton 2008.

        Undefined where an image is constant and not black, since the original cannot stretch it.

    ivif-zoo (range 0..4, no gradients):
        2 sum over the sources of I(S, F), divided by the sum of the sources' entropies: F's entropy is
        left out.

        Entropies as -sum p log2(p + 1e-10), 1e-10 added to their sum. About 0..2, 4 where F and all
        sources are the same. Any number of sources. After Hossny, Nahavandi & Creighton 2008.

    Args:
        profile: The convention: ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.NMI(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class Nabf(StatefulMetric):
    """Artefacts added by fusion.

    Lower is better.

    Shreyamsha Kumar, Multifocus and multispectral image fusion based on pixel significance using
    discrete cosine harmonic wavelet transform, Signal, Image and Video Processing 7, 1125, 2013,
    doi:10.1007/s11760-012-0361-x.

    tang, tang-published (range 0..1, at most 2 sources, no gradients):
        Artefacts brought in by fusion, as the toolbox calls it: A in the role of the fused image, (B,
        F) as sources.

        The routine with roles (f; x, y) sums (1 - Q_x) w_x + (1 - Q_y) w_y over the pixels where f's
        edges are stronger than both sources' and divides by the sum of w_x + w_y over all; w = g^1.5
        where the strength g >= 2, else 0.001; Q^2 = [0.9999 / (1 + exp(-19 (G - 0.5)))] [0.9995 / (1 +
        exp(-22 (O - 0.5)))], G the ratio of strengths (0 if one is 0), O = | |angle difference| - pi/2
        | 2 / pi. Not symmetric in the sources. Meant to be low. Shreyamsha Kumar 2013.

    metric-python, ivif-zoo (range 0..1, at most 2 sources, no gradients):
        Artefacts brought in by fusion: the measure of nabf with F in its own role and A, B as sources.

        Edges fainter than 2 have no weight; NaN where no source has a stronger one. Meant to be low.
        Shreyamsha Kumar 2013.

        nabf: Artefacts brought in by fusion, as the toolbox calls it: A in the role of the fused image,
        (B, F) as sources.

        The routine with roles (f; x, y) sums (1 - Q_x) w_x + (1 - Q_y) w_y over the pixels where f's
        edges are stronger than both sources' and divides by the sum of w_x + w_y over all; w = g^1.5
        where the strength g >= 2, else 0.001; Q^2 = [0.9999 / (1 + exp(-19 (G - 0.5)))] [0.9995 / (1 +
        exp(-22 (O - 0.5)))], G the ratio of strengths (0 if one is 0), O = | |angle difference| - pi/2
        | 2 / pi. Not symmetric in the sources. Meant to be low. Shreyamsha Kumar 2013.

    Args:
        profile: The convention: ``tang``, ``tang-published``, ``metric-python``, ``ivif-zoo``, or one
            that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.Nabf(profile="tang")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class PSNR(StatefulMetric):
    """Peak signal-to-noise ratio with respect to the sources.

    Higher is better.

    Jagalingam & Hegde, A review of quality metrics for fused image, Aquatic Procedia 4, 133, 2015,
    doi:10.1016/j.aqpro.2015.02.019.

    zhao, cddfuse (any range, dB, with gradients):
        10 log10(max(F)^2 / MSE) in dB: the peak is the fused image's brightest pixel, the MSE a mean
        over sources.

    vifb, mefb (any range, dB, with gradients):
        20 log10(255 / sqrt(e)) in dB with e the size-dependent RMSE in place of a mean squared error.

    tang, tang-published, metric-python, ivif-zoo (range 48.., dB, with gradients):
        20 log10(255 / sqrt(MSE on 0..1)) in dB: the usual value plus 20 log10(255) = 48.13 dB.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.PSNR(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class PSNR_GT(StatefulMetric):
    """Peak signal-to-noise ratio against the ground truth.

    Higher is better.

    In every profile (any range, dB, with gradients):
        10 log10(255^2 / MSE) in dB over all pixels and channels; undefined (infinite) for equal images.

        Colour images: the mean over the channels of the values per channel.

    Args:
        profile: Makes no difference: the definition belongs to all.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.PSNR_GT()
        >>> metric.update(fused, reference=visible)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class QC(StatefulMetric):
    """Similarity-based metric of Cvejic et al.

    Higher is better.

    Cvejic, Loza, Bull & Canagarajah, A similarity metric for assessment of image fusion algorithms,
    International Journal of Signal Processing 2, 178, 2005.

    mefb (range -1..1, at most 2 sources, no gradients):
        Mean of s S(A, F) + (1 - s) S(B, F), s = c(A, F) / (c(A, F) + c(B, F)); Cvejic et al. 2005.
        Range -1..1.

        S are SSIM maps with a 7 x 7 Gaussian and constants of 2e-16. As in the original the map is 0
        where s < 0 and 1 where s > 1, which makes it depend on the order of the sources. Undefined
        positions are left out; flat areas are ratios of rounding noise.

    Args:
        profile: The convention: ``mefb`` (default), or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.QC(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "mefb", *, dtype: str | torch.dtype = "float64") -> None: ...

class QNCIE(StatefulMetric):
    """Nonlinear correlation information entropy.

    Higher is better.

    Wang, Shen & Jin, Performance evaluation of image fusion techniques, Image Fusion: Algorithms and
    Applications, Academic Press, 2008.

    mefb (range 0.80..1, at most 2 sources, no gradients):
        1 + sum over the eigenvalues r of (r/3) log2(r/3) / 8 for the nonlinear correlation matrix of A,
        B, F.

        Its off-diagonal entries are (H(X) + H(Y) - H(X, Y)) / 8 bits. About 0.80 for nearly everything.
        Wang, Shen & Zhang 2005; Wang, Shen & Jin 2008.

    ivif-zoo (range 0.80..1, at most 2 sources, no gradients):
        1 + sum over the eigenvalues r of (r/3) log2(r/3) / 8 for the Pearson correlation matrix of A,
        B, F.

        Undefined where an image is constant or an eigenvalue is not above 0. Range about 0.80..1. Wang,
        Shen & Jin 2008 have nonlinear correlations instead.

    Args:
        profile: The convention: ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.QNCIE(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class QP(StatefulMetric):
    """Preservation of phase congruency.

    Higher is better.

    Zhao, Laganiere & Liu, Performance assessment of combinative pixel-level image fusion based on an
    absolute feature measurement, International Journal of Innovative Computing, Information and Control
    3, 1433, 2007.

    mefb (range 0..1, at most 2 sources, no gradients):
        Preservation of phase congruency and its moments. Zhao, Laganiere & Liu 2007. Range about 0..1.

        For each of the three maps: local correlation with the fused map (11 x 11 Gaussian) of A, B and
        the composite that takes the source with the larger congruency, each inside its mask congruency
        > 0.1; the largest of the three, summed and divided by the size of the composite's mask; the
        product of the three.

    Args:
        profile: The convention: ``mefb`` (default), or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.QP(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "mefb", *, dtype: str | torch.dtype = "float64") -> None: ...

class QW(StatefulMetric):
    """Edge-dependent fusion index of Piella & Heijmans.

    Higher is better.

    Piella & Heijmans, A new quality metric for image fusion, ICIP, 2003, doi:10.1109/ICIP.2003.1247209.

    mefb (range -1..1, at most 2 sources, with gradients):
        Piella & Heijmans' edge-dependent fusion index (labelled Qw by the toolbox), ICIP 2003. Range
        -1..1.

        SSIM maps (11 x 11 Gaussian, range 255) of Prewitt magnitudes, mixed at each position in
        proportion to the sources' local variances and weighted with the larger of the two.

    Args:
        profile: The convention: ``mefb`` (default), or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.QW(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "mefb", *, dtype: str | torch.dtype = "float64") -> None: ...

class QY(StatefulMetric):
    """Similarity-based metric of Yang et al.

    Higher is better.

    Yang, Zhang, Wang & Liu, A novel similarity based quality metric for image fusion, Information
    Fusion 9, 156, 2008, doi:10.1016/j.inffus.2006.09.001.

    mefb (range -1..1, at most 2 sources, no gradients):
        Yang et al. 2008: where SSIM(A, B) >= 0.75 the variance-weighted mean of S(A, F) and S(B, F),
        else the larger.

        Maps as in covariance_weighted_index. Range -1..1. Undefined positions are left out.

        covariance_weighted_index: Mean of s S(A, F) + (1 - s) S(B, F), s = c(A, F) / (c(A, F) + c(B,
        F)); Cvejic et al. 2005. Range -1..1.

        S are SSIM maps with a 7 x 7 Gaussian and constants of 2e-16. As in the original the map is 0
        where s < 0 and 1 where s > 1, which makes it depend on the order of the sources. Undefined
        positions are left out; flat areas are ratios of rounding noise.

    ivif-zoo (any range, at most 2 sources, no gradients):
        As redundancy_aware_index with a window of seven equal rows of a 7-tap Gaussian, which sums to
        7.

        Hence variances are negative and the index hardly depends on structure. Zeros beyond the border,
        constants 1e-4 and 9e-4 on 0..255 data, 1e-10 added to the sum of variances.

        redundancy_aware_index: Yang et al. 2008: where SSIM(A, B) >= 0.75 the variance-weighted mean of
        S(A, F) and S(B, F), else the larger.

        Maps as in covariance_weighted_index. Range -1..1. Undefined positions are left out.

        covariance_weighted_index: Mean of s S(A, F) + (1 - s) S(B, F), s = c(A, F) / (c(A, F) + c(B,
        F)); Cvejic et al. 2005. Range -1..1.

        S are SSIM maps with a 7 x 7 Gaussian and constants of 2e-16. As in the original the map is 0
        where s < 0 and 1 where s > 1, which makes it depend on the order of the sources. Undefined
        positions are left out; flat areas are ratios of rounding noise.

    Args:
        profile: The convention: ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.QY(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class Qabf(StatefulMetric):
    """Edge information transferred from the sources.

    Higher is better.

    Xydeas & Petrovic, Objective image fusion performance measure, Electronics Letters 36, 308, 2000,
    doi:10.1049/el:20000267.

    zhao, cddfuse, tang, tang-published, metric-python, ivif-zoo (range 0..1, with gradients):
        Edge transfer: sum_S Q_S g_S / sum_S g_S over all pixels and sources S, g the Sobel strength.

        Q = [0.9994 / (1 + exp(-15 (G - 0.5)))] [0.9879 / (1 + exp(-22 (A - 0.8)))], G the ratio of the
        smaller to the larger strength (the strength itself where both are equal), A = 1 - |angle
        difference| / (pi/2). Range 0..1; any number of sources. Xydeas & Petrovic 2000.

    vifb, mefb (range 0..1, with gradients):
        qabf of gray levels multiplied by a further 255, which shows only where two strengths are equal.

        qabf: Edge transfer: sum_S Q_S g_S / sum_S g_S over all pixels and sources S, g the Sobel
        strength.

        Q = [0.9994 / (1 + exp(-15 (G - 0.5)))] [0.9879 / (1 + exp(-22 (A - 0.8)))], G the ratio of the
        smaller to the larger strength (the strength itself where both are equal), A = 1 - |angle
        difference| / (pi/2). Range 0..1; any number of sources. Xydeas & Petrovic 2000.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.Qabf(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class Qcb(StatefulMetric):
    """Human-vision metric of Chen & Blum: preserved contrast.

    Higher is better.

    Chen & Blum, A new automated quality assessment algorithm for image fusion, Image and Vision
    Computing 27, 1421, 2009, doi:10.1016/j.imavis.2007.12.002.

    vifb (range 0..1, at most 2 sources, no gradients):
        Contrast preserved from the sources, weighted by their saliency. Range 0..1. Chen & Blum 2009.

        Images stretched to 0..255, filtered with exp(-(r/15.387)^2) - 0.7622 exp(-(r/1.3456)^2);
        contrast C = |G2 x / G4 x - 1|, C' = C^3 / (C^2 + 0.0001); min/max ratio of C' to the fused
        image's, weights C'_A^2 / (C'_A^2 + C'_B^2). One undefined pixel (black borders) makes the value
        undefined.

    mefb (range 0..1, at most 2 sources, no gradients):
        chen_blum on images divided by 255 first, which moves values halfway between two levels.

        chen_blum: Contrast preserved from the sources, weighted by their saliency. Range 0..1. Chen &
        Blum 2009.

        Images stretched to 0..255, filtered with exp(-(r/15.387)^2) - 0.7622 exp(-(r/1.3456)^2);
        contrast C = |G2 x / G4 x - 1|, C' = C^3 / (C^2 + 0.0001); min/max ratio of C' to the fused
        image's, weights C'_A^2 / (C'_A^2 + C'_B^2). One undefined pixel (black borders) makes the value
        undefined.

    ivif-zoo (range 0..1, at most 2 sources, no gradients):
        chen_blum of images stretched to 0..1 without rounding, frequencies as the FFT counts them.

        Those are half of chen_blum's; they and the sensitivity are in float32. 1e-10 is added to G4 x
        and to C'_A^2 + C'_B^2. Undefined where an image is constant, or at one pixel where a contrast
        is 0.

        chen_blum: Contrast preserved from the sources, weighted by their saliency. Range 0..1. Chen &
        Blum 2009.

        Images stretched to 0..255, filtered with exp(-(r/15.387)^2) - 0.7622 exp(-(r/1.3456)^2);
        contrast C = |G2 x / G4 x - 1|, C' = C^3 / (C^2 + 0.0001); min/max ratio of C' to the fused
        image's, weights C'_A^2 / (C'_A^2 + C'_B^2). One undefined pixel (black borders) makes the value
        undefined.

        chen_blum: Contrast preserved from the sources, weighted by their saliency. Range 0..1. Chen &
        Blum 2009.

        Images stretched to 0..255, filtered with exp(-(r/15.387)^2) - 0.7622 exp(-(r/1.3456)^2);
        contrast C = |G2 x / G4 x - 1|, C' = C^3 / (C^2 + 0.0001); min/max ratio of C' to the fused
        image's, weights C'_A^2 / (C'_A^2 + C'_B^2). One undefined pixel (black borders) makes the value
        undefined.

    Args:
        profile: The convention: ``vifb``, ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.Qcb(profile="vifb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class Qcv(StatefulMetric):
    """Human-vision metric of Chen & Varshney: visible differences in salient regions.

    Lower is better.

    Chen & Varshney, A human perception inspired quality metric for image fusion based on regional
    information, Information Fusion 8, 193, 2007, doi:10.1016/j.inffus.2005.10.001.

    vifb, mefb (range 0.., no gradients):
        Squared differences as an eye sees them, weighted by local saliency. Lower is better. Chen &
        Varshney 2007.

        Stretched images; per 16 x 16 block the saliency is the sum of Sobel magnitude^5 of the source
        and the error the mean square of source minus fused, filtered with 2.6 (0.0192 + 0.144 r)
        exp(-(0.144 r)^1.1); saliency-weighted mean over both sources and all blocks. 0 is best, no
        upper bound.

    Args:
        profile: The convention: ``vifb``, ``mefb``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.Qcv(profile="vifb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class RMSE(StatefulMetric):
    """Root mean squared difference from the sources.

    Lower is better.

    Jagalingam & Hegde, A review of quality metrics for fused image, Aquatic Procedia 4, 133, 2015,
    doi:10.1016/j.aqpro.2015.02.019.

    vifb (range 0.., gray levels, with gradients):
        Mean over the sources of sqrt(sum of squared differences) / MN: the RMSE divided by sqrt(MN).

        The original takes the root before it divides by the number of pixels. Lower is better.

    Args:
        profile: The convention: ``vifb`` (default), or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.RMSE(profile="vifb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "vifb", *, dtype: str | torch.dtype = "float64") -> None: ...

class SCD(StatefulMetric):
    """Sum of the correlations of differences.

    Higher is better.

    Aslantas & Bendes, A new image quality metric for image fusion: the sum of the correlations of
    differences, AEU International Journal of Electronics and Communications 69, 1890, 2015,
    doi:10.1016/j.aeue.2015.09.004.

    zhao, cddfuse, tang, tang-published, metric-python, ivif-zoo (range -2..2, at most 2 sources, with gradients):
        r(F - B, A) + r(F - A, B), r the Pearson correlation. Range -2..2. Aslantas & Bendes 2015.

        NaN where F equals a source.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``tang``, ``tang-published``,
            ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.SCD(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class SD(StatefulMetric):
    """Standard deviation of the fused image.

    Higher is better.

    Rao, In-fibre Bragg grating sensors, Measurement Science and Technology 8, 355, 1997.

    zhao, cddfuse, vifb, mefb, tang, metric-python, ivif-zoo (range 0..127.5, gray levels, with gradients):
        Population standard deviation, sqrt(mean((F - mean F)^2)). Range 0..127.5, gray levels.

    tang-published (range 0..16, gray levels, no gradients):
        sqrt(mean(sat(sat(F - mean F)^2))) in uint8 arithmetic; sat rounds half away from zero and clips
        to 0..255.

        Pixels darker than the mean vanish and squares stop at 255, so values lie near 8 to 11 where the
        standard deviation is 30 to 60. Range 0..16.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.SD(profile="zhao")
        >>> metric.update(fused)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class SF(StatefulMetric):
    """Spatial frequency: overall activity of first differences.

    Higher is better.

    Eskicioglu & Fisher, Image quality measures and their performance, IEEE Transactions on
    Communications 43, 2959, 1995, doi:10.1109/26.477498.

    zhao, cddfuse, tang, metric-python, ivif-zoo (range 0..361, gray levels, with gradients):
        sqrt(mean dx^2 + mean dy^2) of first differences, each mean over its own count. Gray levels.

    vifb, mefb (range 0..361, gray levels, with gradients):
        sqrt((sum dx^2 + sum dy^2) / MN) of first differences: both sums divided by the number of
        pixels.

    tang-published (range 0..1.42, with gradients):
        Spatial frequency of the image scaled to 0..1: the usual value divided by 255.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.SF(profile="zhao")
        >>> metric.update(fused)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class SSIM(StatefulMetric):
    """Structural similarity to the sources.

    Higher is better.

    Wang, Bovik, Sheikh & Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13, 600, 2004, doi:10.1109/TIP.2003.819861.

    zhao (range -2..2, with gradients):
        Sum over the sources of SSIM (similarity_map): 7 x 7 uniform window, sample covariance, range
        255.

        Borders of 3 pixels are left out. Maximum: the number of sources. Any number of sources. Wang,
        Bovik, Sheikh & Simoncelli 2004.

        similarity_map: SSIM at each position: (2 m1 m2 + c1)(2 c + c2) / ((m1^2 + m2^2 + c1)(v1 + v2 +
        c2)).

        m, v, c: local means, variances, covariance; c1 = (0.01 L)^2, c2 = (0.03 L)^2 for the range L
        unless said otherwise. sampling multiplies the (co)variances: n / (n - 1) for unbiased ones.

    cddfuse (range -2..2, with gradients):
        As ssim_uniform with a data range of 2 on 0..255 data: constants 0.02^2 and 0.06^2.

        scikit-image 0.19, when not told the range, took floats to lie in -1..1. Values are 10 to 50 %
        lower.

        ssim_uniform: Sum over the sources of SSIM (similarity_map): 7 x 7 uniform window, sample
        covariance, range 255.

        Borders of 3 pixels are left out. Maximum: the number of sources. Any number of sources. Wang,
        Bovik, Sheikh & Simoncelli 2004.

        similarity_map: SSIM at each position: (2 m1 m2 + c1)(2 c + c2) / ((m1^2 + m2^2 + c1)(v1 + v2 +
        c2)).

        m, v, c: local means, variances, covariance; c1 = (0.01 L)^2, c2 = (0.03 L)^2 for the range L
        unless said otherwise. sampling multiplies the (co)variances: n / (n - 1) for unbiased ones.

    vifb (range -2..2, with gradients):
        Sum over the sources of SSIM (similarity_map): 11 x 11 Gaussian of sigma 1.5 where it fits,
        range 255.

        Maximum: the number of sources.

        similarity_map: SSIM at each position: (2 m1 m2 + c1)(2 c + c2) / ((m1^2 + m2^2 + c1)(v1 + v2 +
        c2)).

        m, v, c: local means, variances, covariance; c1 = (0.01 L)^2, c2 = (0.03 L)^2 for the range L
        unless said otherwise. sampling multiplies the (co)variances: n / (n - 1) for unbiased ones.

    tang, tang-published (range -1..1, with gradients):
        Mean over the sources of SSIM (similarity_map): 11 x 11 Gaussian, edge repeated, range 1 on
        0..255 data.

        Maximum 1. MATLAB's built-in takes doubles to lie in 0..1: constants 1e-4 and 9e-4. Any number
        of sources.

        similarity_map: SSIM at each position: (2 m1 m2 + c1)(2 c + c2) / ((m1^2 + m2^2 + c1)(v1 + v2 +
        c2)).

        m, v, c: local means, variances, covariance; c1 = (0.01 L)^2, c2 = (0.03 L)^2 for the range L
        unless said otherwise. sampling multiplies the (co)variances: n / (n - 1) for unbiased ones.

    metric-python, ivif-zoo (any range, no gradients):
        Sum over the sources of SSIM: 11 x 11 Gaussian of sigma 1.5 where it fits, range 1 on 0..255
        data.

        Maximum the number of sources, but for rounding errors: flat areas can exceed it. Any number of
        sources. Wang, Bovik, Sheikh & Simoncelli 2004.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``vifb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.SSIM(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class SSIM_GT(StatefulMetric):
    """Structural similarity to the ground truth.

    Higher is better.

    Wang, Bovik, Sheikh & Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13, 600, 2004, doi:10.1109/TIP.2003.819861.

    In every profile (range -1..1, with gradients):
        Mean SSIM, 11 x 11 Gaussian of sigma 1.5 where it fits, biased covariance, range 255. Maximum 1.

        Colour images: mean over channels. Wang, Bovik, Sheikh & Simoncelli 2004.

    Args:
        profile: Makes no difference: the definition belongs to all.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.SSIM_GT()
        >>> metric.update(fused, reference=visible)
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

class TE(StatefulMetric):
    """Mutual information with Tsallis entropy.

    Higher is better.

    Cvejic, Canagarajah & Bull, Image fusion metric based on mutual information and Tsallis entropy,
    Electronics Letters 42, 626, 2006, doi:10.1049/el:20060693.

    mefb (any range, at most 2 sources, no gradients):
        Sum over the sources of (1 - sum h^q / m^(q-1)) / (1 - q), q = 1.85, h the joint frequencies.

        The original swaps the marginals: the pair (i, j) of source and fused level is divided by pF(i)
        pS(j). Pairs where that is 0 are skipped. Cvejic, Canagarajah & Bull 2006.

    ivif-zoo (range -8..16, bit, at most 2 sources, no gradients):
        H(A) + H(B) - H(F) in bits, H = -sum p log2(p + 1e-10): what is left of a Tsallis measure at q =
        1.

        No joint distribution enters, so it tells nothing of what F has from A and B; a flat F has the
        largest value.

    Args:
        profile: The convention: ``mefb``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.TE(profile="mefb")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str, *, dtype: str | torch.dtype = "float64") -> None: ...

class VIF(StatefulMetric):
    """Visual information fidelity with respect to the sources.

    Higher is better.

    Sheikh & Bovik, Image information and visual quality, IEEE Transactions on Image Processing 15, 430,
    2006, doi:10.1109/TIP.2005.859378.

    zhao, cddfuse (range 0.., with gradients):
        Sum over the sources of their VIF, a source without information counting as 1. Range 0.. (2
        typical at most).

        The Python evaluator calls it VIFF. It is not the fusion VIF of Han et al. 2013. Any number of
        sources.

    mefb (range 0.., at most 2 sources, with gradients):
        Visual information fidelity for fusion of Han, Cai, Cao & Xu 2013. Range 0.. (about 1 typical at
        most).

        VIF maps with noise variance 0.005 * 255^2; each position takes the source with the smaller gain
        (B where equal); per scale (sum of transmitted + 1e-7) / (sum of available + 1e-7); weights (1,
        0, 0.15, 1) / 2.15.

    tang, tang-published (range 0.., with gradients):
        Sum over the sources of their VIF, undefined where a source has no information or a window does
        not fit.

        Any number of sources.

    metric-python (range 0.., with gradients):
        vif_zhao, but undefined where a source has no information. Any number of sources.

        vif_zhao: Sum over the sources of their VIF, a source without information counting as 1. Range
        0.. (2 typical at most).

        The Python evaluator calls it VIFF. It is not the fusion VIF of Han et al. 2013. Any number of
        sources.

    ivif-zoo (range 0.., no gradients):
        Sum over the sources of vif_of_sources with zeros beyond the border and a lopsided window.

        Filtering keeps the size, so a dark frame is measured, too; N window points lie between -(N +
        1)/2 and (N - 1)/2, sigma N/5. In float32 whatever the working precision: variances of flat
        areas are rounding errors of the original's convolution, up to 1e-4 of the value. Undefined
        where a source has no information. Any number of sources.

        vif_of_sources: Pixel-domain VIF of the fused image with each source as reference; NaN for a
        source without information.

        Four scales with Gaussian windows of 17, 9, 5, 3 pixels, sigma a fifth of the size; every
        further scale is the image filtered with its own window and halved; noise variance 2. Sheikh &
        Bovik 2006.

    Args:
        profile: The convention: ``zhao`` (default), ``cddfuse``, ``mefb``, ``tang``,
            ``tang-published``, ``metric-python``, ``ivif-zoo``, or one that a plugin adds.
        dtype: Working precision: ``float64``, as the originals, or ``float32``.

    Raises:
        UnknownNameError: The profile does not exist or does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> infrared, visible = torch.rand(2, 3, 1, 192, 192)  # of three pairs
        >>> fused = (infrared + visible) / 2
        >>> metric = fb.metrics.VIF(profile="zhao")
        >>> metric.update(fused, [infrared, visible])
        >>> len(metric.values), bool(metric.compute().isfinite())
        (3, True)
    """

    def __init__(self, profile: str = "zhao", *, dtype: str | torch.dtype = "float64") -> None: ...

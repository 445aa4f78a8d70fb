"""FILM as a fusion method: weights, text, inference and the official way of saving."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fusionbench.images import digest_if_readable, file_sha256
from fusionbench.methods.finishing import stretch_min_max, truncate
from fusionbench.types import Batch, Dataset, MethodError, Readable, Sample, UsageError, WeightsError
from fusionbench.weights.checkpoints import load_into, read_state_dict
from fusionbench_film.configuration import PRESETS, FilmConfig
from fusionbench_film.network import Film
from fusionbench_film.streaming import StreamedFilm

if TYPE_CHECKING:
    from fusionbench_film.offline import OfflineText

METADATA_KEY = "film_config"
_REMEDY = (
    "Make them with fusionbench text describe and encode, or set text=offline, text=none, or text=prompt with "
    "prompt=FILE.npy."
)


class FilmMethod:
    """FILM behind the harness.

    Args:
        preset: A name of :data:`PRESETS`, or ``auto``: the dimensions stored beside our own weights,
            those of ``default_preset`` for other files.
        rescale: ``official``: min-max stretch of each image and truncation to 8 bits; ``clip``:
            truncation alone; ``none``: the network's output.
        text: ``required``: every sample must have text features; ``offline``: they are made of the images
            by the chain that needs no download; ``prompt``: those of one prompt are taken for all images;
            ``none``: the guidance is left out.
        prompt: A ``.npy`` with the features of that prompt.
        features: Which variant of a sample's text features to read (see the ``vlf`` data sets); the
            sample's own if empty.
        form: ``streamed``, ``plain``, or ``auto``: streamed on CPUs, plain elsewhere.
        **dimensions: Fields of :class:`FilmConfig` that replace the preset's, where not None.
    """

    network: nn.Module
    default_preset = "released"

    def __init__(
        self,
        *,
        preset: str = "auto",
        rescale: str = "official",
        text: str = "required",
        prompt: Path | None = None,
        features: str = "",
        form: str = "auto",
        **dimensions: Any,
    ) -> None:
        self.preset, self.rescale, self.text, self.features, self.form = preset, rescale, text, features, form
        self.prompt = prompt
        self._dimensions = {name: value for name, value in dimensions.items() if value is not None}
        self._prompt: Tensor | None = None
        self._offline: OfflineText | None = None
        self._variants: dict[str, Readable | None] = {}
        self._film: Film | None = None
        self._streamed: StreamedFilm | None = None

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read weights: an official ``.pth``, any state dict, or safetensors of our own training.

        Raises:
            WeightsError: None given, unreadable, or of other dimensions.
            UsageError, DataError: There is no prompt file, or it cannot be read.
        """
        if weights is None:
            raise WeightsError("FILM needs weights.", hint="Give weights=PATH, or train it: fusionbench train film.")
        state = read_state_dict(weights)
        film = Film(self._config(stored_config(weights)))
        try:
            load_into(film, state, path=weights)
        except WeightsError as error:
            raise WeightsError(
                error.message,
                hint=f"Expected {_describe(film.config)}; choose another preset or dimensions for other weights.",
            ) from error
        self._use(film, device)

    def load_untrained(self, device: torch.device) -> None:
        """Put a randomly initialised network in place: to measure what it costs, never to fuse."""
        self._use(Film(self._config(None)), device)

    @classmethod
    def of(cls, film: Film, **options: Any) -> FilmMethod:
        """The method with the present weights of a network that exists, for validation while training."""
        method = cls(**options)
        method._use(film, next(film.parameters()).device)
        return method

    def prepare(self, dataset: Dataset) -> None:
        """Remember a data set's images, or where it keeps the chosen variant of its text features."""
        if self._offline is not None:
            self._offline.prepare(dataset)
        if self.features:
            for sample in dataset.samples:
                self._variants[sample.id] = self._place(sample)

    def lacking(self, sample: Sample) -> str:
        """What keeps a sample from being fused although it can be read: text features that are not there."""
        assert self._film is not None
        if not self._film.config.text or self.text != "required":
            return ""
        if self._place(sample) is not None:
            return ""
        what = f"text features of variant {self.features!r}" if self.features else "text features"
        return f"FILM: no {what}. {_REMEDY}"

    def _place(self, sample: Sample) -> Readable | None:
        return sample.features(self.features)

    @torch.no_grad()
    def fuse(self, batch: Batch) -> Tensor:
        """N x 1 x H x W in (0, 1).

        Raises:
            MethodError: Text features are missing, of another width, or not finite.
        """
        text, mask = self._text(batch)
        image_a, image_b = batch.sources
        if self._streams(image_a.device):
            return self._stream(image_a, image_b, text, mask)
        try:
            return self.network(image_a, image_b, text, mask)
        except torch.OutOfMemoryError:
            if len(image_a) > 1:
                raise  # the harness tries smaller batches first
        torch.cuda.empty_cache()
        return self._stream(image_a, image_b, text, mask)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """What the official script does before it saves; a constant image becomes black, not NaN."""
        if self.rescale == "none":
            return fused
        return truncate(stretch_min_max(fused) if self.rescale == "official" else fused)

    def _config(self, stored: FilmConfig | None) -> FilmConfig:
        base = PRESETS[self.preset] if self.preset != "auto" else stored or PRESETS[self.default_preset]
        return FilmConfig.from_mapping(self._dimensions, base=base)

    def _use(self, film: Film, device: torch.device) -> None:
        self.network = self._film = film.to(device).eval()
        self._streamed = None
        if not film.config.text:
            return
        path = prompt_file(self.text, self.prompt)
        if self.text == "offline":
            from fusionbench_film.offline import OfflineText

            self._offline = OfflineText()
        elif path is not None:
            from fusionbench.data import read_features

            self._prompt = torch.from_numpy(read_features(path)).to(device)
            self._check(self._prompt, str(path))

    def _streams(self, device: torch.device) -> bool:
        if self.form == "auto":
            compiled = self.network is not self._film
            return device.type == "cpu" and not compiled and not torch.is_autocast_enabled("cpu")
        return self.form == "streamed"

    def _stream(self, image_a: Tensor, image_b: Tensor, text: Tensor | None, mask: Tensor | None) -> Tensor:
        assert self._film is not None
        with torch.autocast(image_a.device.type, enabled=False):
            self._streamed = self._streamed or StreamedFilm(self._film)
            return self._streamed(image_a, image_b, text, mask)

    def _text(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Features N x T x D and, where lengths differ, the mask N x T of real tokens."""
        assert self._film is not None
        if not self._film.config.text or self.text == "none":
            return None, None
        if self._prompt is not None:
            return self._prompt.expand(len(batch), -1, -1), None
        found: tuple[Tensor | None, ...] = batch.text or (None,) * len(batch)
        if self._offline is not None:
            found = self._offline(batch)
        elif self.features:
            found = self._variant(batch)
        ids = batch.ids or tuple(f"number {n + 1} of the batch" for n in range(len(batch)))
        missing = [sample for sample, text in zip(ids, found, strict=True) if text is None]
        if missing:
            what = f"text features of variant {self.features!r}" if self.features else "text features"
            raise MethodError(
                f"FILM: no {what} for {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}.",
                hint=_REMEDY,
            )
        texts = [self._check(text, sample) for sample, text in zip(ids, found, strict=True) if text is not None]
        lengths = torch.tensor([len(text) for text in texts])
        padded = pad_sequence(texts, batch_first=True)
        if int(lengths.min()) == int(lengths.max()):
            return padded, None
        return padded, (torch.arange(padded.shape[1]) < lengths[:, None]).to(padded.device)

    def _variant(self, batch: Batch) -> tuple[Tensor | None, ...]:
        from fusionbench.data import read_features

        device = batch.sources[0].device
        places = [self._variants.get(sample) for sample in batch.ids]
        return tuple(None if place is None else torch.from_numpy(read_features(place)).to(device) for place in places)

    def _check(self, text: Tensor, name: str) -> Tensor:
        assert self._film is not None
        width = self._film.config.text_dim
        if text.ndim == 3 and text.shape[0] == 1:
            text = text[0]
        if text.ndim != 2 or text.shape[1] != width or not len(text):
            raise MethodError(
                f"FILM: text features of {name} have shape {tuple(text.shape)}, this network reads (T, {width}).",
                hint="Encode the texts with the encoder that the network was trained with.",
            )
        if not text.isfinite().all():
            raise MethodError(f"FILM: text features of {name} hold NaN or infinite values.", hint="Encode them again.")
        return text.float()


def prompt_file(text: str, prompt: Path | None) -> Path | None:
    """The file with the features of one prompt for all images, where the option ``text`` asks for it.

    Raises:
        UsageError: ``prompt`` names no file, or only one of the two options is given.
    """
    if text != "prompt":
        if prompt is not None:
            raise UsageError(f"FILM: prompt={prompt} is read with text=prompt only, and text is {text}.")
        return None
    if prompt is None:
        raise UsageError("FILM: text=prompt needs a file.", hint="prompt=FILE.npy has the features of one prompt.")
    path = prompt.expanduser()
    if not path.is_file():
        raise UsageError(f"FILM: prompt={prompt}: no such file.")
    return path


def text_digests(options: Mapping[str, Any], dataset: Dataset) -> dict[str, str]:
    """Digest of the features that each sample is fused with, where they are not the sample's own: a prompt's or a
    variant's. Changed features are then fused anew.

    Raises:
        DataError: A file cannot be read.
        UsageError: As of :func:`prompt_file`.
    """
    path = prompt_file(options["text"], options["prompt"])
    if path is not None:
        prompt = file_sha256(path)
        return {sample.id: prompt for sample in dataset.samples}
    variant = options.get("features", "") if options["text"] == "required" else ""
    places = {sample.id: sample.features(variant) for sample in dataset.samples if variant}
    return {sample: digest_if_readable(place) for sample, place in places.items() if place is not None}


def stored_config(path: Path) -> FilmConfig | None:
    """The dimensions that our own training stores in a safetensors file; None for other files.

    Raises:
        WeightsError: The entry is there and damaged.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = (file.metadata() or {}).get(METADATA_KEY)
    except (safetensors.SafetensorError, OSError):
        return None
    if entry is None:
        return None
    try:
        values: Mapping[str, Any] = json.loads(entry)
        return FilmConfig.from_mapping(values)
    except (ValueError, TypeError, UsageError) as error:
        raise WeightsError(f"{path}: its stored FILM dimensions cannot be used: {error}") from error


def _describe(config: FilmConfig) -> str:
    name = next((name for name, preset in PRESETS.items() if preset == config), None)
    sizes = f"dim {config.dim}, {config.stages} stages, {config.decoder_blocks} decoder blocks, text {config.text_dim}"
    return f"preset {name} ({sizes})" if name else sizes

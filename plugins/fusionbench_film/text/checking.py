"""How given features were made from given paragraphs: the hypotheses, held against token counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.data import read_features
from fusionbench.files import read_regular_text
from fusionbench.types import DataError, UsageError
from fusionbench_film.text.encoders import caption_text, minilm_folder
from fusionbench_film.text.models.loading import from_pretrained
from fusionbench_film.vlf.layout import VlfFolder, described

_MAX_TOKENS = 512  # positions of a BERT


@dataclass(frozen=True, slots=True)
class Case:
    """Features and the paragraphs they should have been made from."""

    name: str
    tokens: int
    width: int
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A way in which the features may have been made, and how many cases it explains exactly.

    Attributes:
        text: ``as it is`` or ``caption text`` (LAVIS's caption preprocessing).
        joining: ``features joined``, ``texts joined``, ``first text only`` or ``second text only``.
        fits: Cases whose token count it gives exactly.
        example: For the first case: its count and the count that the hypothesis gives.
    """

    text: str
    joining: str
    fits: int
    example: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    cases: int
    widths: tuple[int, ...]
    constant: int | None
    hypotheses: tuple[Hypothesis, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        best = self.hypotheses[0]
        equal = [other for other in self.hypotheses if other.fits == best.fits]
        names = " or ".join(f"{item.text}, {item.joining}" for item in equal)
        if not best.fits and self.constant and self.cases > 1:
            return (
                f"All features have {self.constant} tokens: they were cut or padded to one length, and "
                "token counts cannot say how the text was prepared."
            )
        if not best.fits:
            return "No hypothesis explains a single case: other paragraphs, or another tokenizer."
        if best.fits < self.cases:
            return f"Best: {names}; it explains {best.fits} of {self.cases} cases, so part of them was made otherwise."
        if len(equal) > 1:
            return f"All {self.cases} cases fit {names}; these cannot be told apart here."
        return f"All {self.cases} cases fit: {names}."


_WHAT = "Give a VLF folder, or one .npy file and its one or two .txt files."


def cases_of(paths: Sequence[Path]) -> list[Case]:
    """Cases from a VLF folder, or from one ``.npy`` and its one or two ``.txt``.

    Raises:
        UsageError: The paths are neither.
        DataError: Nothing in the folder has both features and paragraphs.
    """
    if len(paths) == 1 and paths[0].is_dir():
        return _from_folder(paths[0])
    features = [path for path in paths if path.suffix.lower() == ".npy"]
    texts = [path for path in paths if path.suffix.lower() == ".txt"]
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist.", hint=_WHAT)
    if len(features) != 1 or not 1 <= len(texts) <= 2 or len(features) + len(texts) != len(paths):
        raise UsageError(f"{', '.join(map(str, paths))}: not what features can be checked with.", hint=_WHAT)
    values = read_features(features[0])
    try:
        paragraphs = tuple(read_regular_text(path, encoding="utf-8-sig").strip() for path in texts)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"a paragraph cannot be read: {error}.") from error
    return [Case(features[0].stem, values.shape[0], values.shape[1], paragraphs)]


def _from_folder(root: Path) -> list[Case]:
    folder = VlfFolder(root)
    found = []
    for sample in described(folder):
        path = folder.feature(sample.task, sample.dataset, sample.name)
        if sample.complete and path.is_file():
            values = read_features(path)
            texts = tuple(text for text in sample.paragraphs if text)
            found.append(Case(f"{sample.task}/{sample.dataset}/{sample.name}", values.shape[0], values.shape[1], texts))
    if not found:
        raise DataError(f"{root}: no sample has both paragraphs in Text/ and features in TextFeature/.")
    return found


def check(cases: Sequence[Case], *, tokenizer: str | None = None) -> Finding:
    """Hold all hypotheses against the cases.

    Args:
        cases: Features and paragraphs.
        tokenizer: Hub id or folder; the BERT-uncased vocabulary of the embedded encoder, which is BLIP-2's, if None.
    """
    pieces = from_pretrained("AutoTokenizer", tokenizer or str(minilm_folder()))
    hypotheses = []
    for text_name, prepare in (("as it is", str), ("caption text", caption_text)):
        for joining_name, joining in _joinings(pieces, max(len(case.paragraphs) for case in cases)).items():
            counts = [joining([prepare(text) for text in case.paragraphs]) for case in cases]
            fits = sum(count == case.tokens for count, case in zip(counts, cases, strict=True))
            hypotheses.append(Hypothesis(text_name, joining_name, fits, (cases[0].tokens, counts[0])))
    lengths = {case.tokens for case in cases}
    return Finding(
        cases=len(cases),
        widths=tuple(sorted({case.width for case in cases})),
        constant=lengths.pop() if len(lengths) == 1 else None,
        hypotheses=tuple(sorted(hypotheses, key=lambda item: -item.fits)),
    )


def _joinings(tokenizer: Any, texts: int) -> dict[str, Callable[[list[str]], int]]:
    def tokens(text: str) -> int:
        return len(tokenizer(text, truncation=True, max_length=_MAX_TOKENS)["input_ids"])

    if texts == 1:
        return {"one text": lambda found: tokens(found[0])}
    return {
        "features joined": lambda found: sum(map(tokens, found)),
        "texts joined": lambda found: tokens(" ".join(found)),
        "first text only": lambda found: tokens(found[0]),
        "second text only": lambda found: tokens(found[-1]),
    }

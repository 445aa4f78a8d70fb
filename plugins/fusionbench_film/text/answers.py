"""Judging paragraphs: what a language model answered is data, and is checked before it is kept."""

from __future__ import annotations

import re
import unicodedata

_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|approx|cf|Dr|Mr|Mrs|Ms|St|No|Fig)\.$")
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_REFUSAL = re.compile(
    r"\bI(?:'m| am)? (?:sorry|unable|not able)|\bI (?:cannot|can't|can not|won't)\b"
    r"|\bas an AI\b|^(?:sorry|unfortunately)\b",
    re.IGNORECASE,
)
_REFUSAL_WITHIN = 200  # characters: a refusal stands at the beginning


class UnusableAnswer(Exception):
    """An answer that is no paragraph; ``kind`` is empty, refusal, truncated, short or long."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def clean(text: str) -> str:
    """One line of NFC text without control characters, surrogates, code fences or repeated blanks."""
    text = _FENCE.sub("", text.strip())
    text = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    """Split prose into sentences; common abbreviations and decimal points do not end one."""
    found, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if _ABBREVIATION.search(text[start : match.end()]):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    if rest := text[start:].strip():
        found.append(rest)
    return found


def words(text: str) -> list[str]:
    """What a word counter counts: parts between blanks that hold a letter or digit."""
    return [part for part in text.split() if any(character.isalnum() for character in part)]


def accept(text: str, *, min_sentences: int = 7, max_words: int = 400, finished: bool = True) -> str:
    """Clean an answer and make sure that it is a paragraph.

    Args:
        text: The answer as it came.
        min_sentences: Fewest complete sentences.
        max_words: Most words.
        finished: False if the endpoint says that the answer was cut off.

    Raises:
        UnusableAnswer: It is empty, a refusal, cut off, too short or too long.
    """
    paragraph = clean(text)
    if not paragraph:
        raise UnusableAnswer("empty", "the answer is empty")
    if _REFUSAL.search(paragraph[:_REFUSAL_WITHIN]):
        raise UnusableAnswer("refusal", f"the answer is a refusal: {paragraph[:80]!r}")
    count = len(words(paragraph))
    if count > max_words:
        raise UnusableAnswer("long", f"the answer has {count} words, at most {max_words} are wanted")
    if not finished or not _SENTENCE_END.search(paragraph[-4:]):
        raise UnusableAnswer("truncated", "the answer breaks off")
    if (number := len(sentences(paragraph))) < min_sentences:
        raise UnusableAnswer("short", f"the answer has {number} sentences, at least {min_sentences} are wanted")
    return paragraph

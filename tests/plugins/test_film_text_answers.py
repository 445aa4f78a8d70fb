"""Counting sentences and words, and judging answers."""

from __future__ import annotations

import pytest

from fusionbench_film.text.answers import UnusableAnswer, accept, clean, sentences, words

GOOD = " ".join(f"The {name} is bright." for name in ("sky", "road", "wall", "car", "lamp", "sign", "tree"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One.", 1),
        ("One. Two! Three?", 3),
        ("It covers 2.5 percent. It is dark.", 2),
        ("Small things, e.g. Signs and lamps, are visible. Good.", 2),
        ('He said "stop." Then he left.', 2),
        ("No end", 1),
        ("Wait... What?", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_words_are_parts_with_letters_or_digits() -> None:
    assert words("A well-lit road - 3 cars, it's dark.") == ["A", "well-lit", "road", "3", "cars,", "it's", "dark."]


def test_cleaning() -> None:
    assert clean("```text\nA  road.\r\n\n\x00\x1b[31mA car.\u202e\ud800\n```") == "A road. [31mA car."
    assert clean("e\u0301") == "é"


def test_a_good_answer_passes_unchanged() -> None:
    assert accept(GOOD) == GOOD
    assert accept(f"\n{GOOD}\n\n") == GOOD
    assert accept(GOOD + ' It says "no entry."').endswith('entry."')


@pytest.mark.parametrize(
    ("text", "finished", "kind"),
    [
        ("", True, "empty"),
        (" \n\x00 ", True, "empty"),
        ("I'm sorry, I can't help with that.", True, "refusal"),
        ("As an AI language model, " + GOOD, True, "refusal"),
        (GOOD, False, "truncated"),
        (GOOD[:-1], True, "truncated"),
        ("It is dark. It is wet.", True, "short"),
        (GOOD * 20, True, "long"),
    ],
)
def test_unusable_answers(text: str, finished: bool, kind: str) -> None:
    with pytest.raises(UnusableAnswer) as caught:
        accept(text, finished=finished)
    assert caught.value.kind == kind


def test_a_description_of_what_cannot_be_seen_is_no_refusal() -> None:
    assert accept(f"The infrared image cannot show colour. {GOOD}")

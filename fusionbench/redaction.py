"""Keeping a key out of everything that is shown or stored, however a server writes it back."""

from __future__ import annotations

import base64
import binascii
import html
import re
import urllib.parse
from collections.abc import Callable, Iterator

_FRAGMENT = 8  # characters of a key in a row that count as a part of it
_HIDDEN = "***"
_WITHHELD = "(a text that repeats the key is not shown)"
_LONG_WORD = re.compile(r"[A-Za-z0-9+/_=-]{8,}")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{8,}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")


class Secret:
    """A key and what to look for in texts from outside.

    Args:
        key: The key; an empty one is in no text.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        length = min(_FRAGMENT, len(key))
        self._fragments = {key[start : start + length] for start in range(len(key) - length + 1)} if key else set()
        plain = _squeezed(key)
        # Of a shorter key (EMPTY, for endpoints that need none) other spellings are everyday words.
        self._squeezed = {plain[start : start + _FRAGMENT] for start in range(len(plain) - _FRAGMENT + 1)}

    def __repr__(self) -> str:
        return "Secret(***)"

    def hide(self, text: str) -> str:
        """The text with parts of the key replaced; all of it withheld if a part is left in another spelling.

        Found are eight characters of the key in a row, inside other words too: as they are, in other case or with
        blanks and hyphens between them, percent-encoded, as HTML or string escapes, in base64, hexadecimal, backwards.
        """
        if not self._key:
            return text
        shown = self._replaced(text)
        return _WITHHELD if self._is_spelt_in(shown) else shown

    def is_in(self, text: str) -> bool:
        """Whether the text holds the whole key, as it is; a short one is no secret but a word."""
        return len(self._key) >= _FRAGMENT and self._key in text

    def _replaced(self, text: str) -> str:
        length = min(_FRAGMENT, len(self._key))
        found = [start for start in range(len(text)) if text[start : start + length] in self._fragments]
        parts, end = [], 0
        for start in found:
            if start >= end:
                parts += [text[end:start], _HIDDEN]
            end = start + length
        return "".join([*parts, text[end:]])

    def _is_spelt_in(self, text: str) -> bool:
        for view in _views(text):
            plain = _squeezed(view)
            if any(part in plain or part in plain[::-1] for part in self._squeezed):
                return True
        return False


def _squeezed(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _views(text: str) -> Iterator[str]:
    """The text as it reads after each of the usual encodings is undone, up to two of them one in the other."""
    for first in _decoded(text):
        yield from _decoded(first)


def _decoded(text: str) -> Iterator[str]:
    yield text
    yield urllib.parse.unquote_plus(text)
    yield html.unescape(text)
    yield _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    for word in _LONG_WORD.findall("".join(text.split())):
        for start in range(4):
            piece = word.rstrip("=")[start:].translate({ord("-"): "+", ord("_"): "/"})
            yield _bytes_as_text(base64.b64decode, piece[: len(piece) // 4 * 4])
    for digits in _HEXADECIMAL.findall(text):
        for start in range(2):
            yield _bytes_as_text(binascii.unhexlify, digits[start:][: (len(digits) - start) // 2 * 2])


def _bytes_as_text(decode: Callable[[str], bytes], word: str) -> str:
    try:
        return decode(word).decode("latin-1")
    except ValueError:  # no such encoding
        return ""

"""One request to an OpenAI-compatible chat endpoint, and what can go wrong with it.

Only ``urllib`` is used. Redirects are not followed, so that the key goes nowhere else; answers are read up to a limit
and against the clock; no part of the key ever enters a message.
"""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusionbench.types import UsageError

_MAX_ANSWER = 4_000_000  # bytes
_CHUNK = 1 << 16


class EndpointError(Exception):
    """A request that brought no answer.

    Attributes:
        transient: Whether the same request may succeed later.
        retry_after: Seconds that the endpoint asked to wait, if it did.
        fatal: Whether no other request will succeed either (wrong key, unknown model).
        charged: Whether the endpoint may have worked, and charge for it, all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        retry_after: float | None = None,
        fatal: bool = False,
        charged: bool = False,
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.retry_after = retry_after
        self.fatal = fatal
        self.charged = charged


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer: its text, whether it came to its end, and the tokens the endpoint counted."""

    text: str
    finished: bool
    refused: bool
    tokens_in: int
    tokens_out: int


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


class ChatClient:
    """Asks ``POST <base_url>/chat/completions``; thread-safe.

    Args:
        base_url: With the version, ``http://127.0.0.1:8000/v1``.
        model: Name that the endpoint knows.
        key_env: Environment variable that holds the key; endpoints of this machine may do without.
        timeout: Seconds for a whole request.

    Raises:
        UsageError: The URL is none, or would send the key unencrypted through a network; the key is absent.
    """

    def __init__(self, *, base_url: str, model: str, key_env: str, timeout: float) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise UsageError(
                f"base_url {base_url!r}: not the address of an endpoint.", hint="For instance https://api.openai.com/v1"
            )
        local = _is_local(parts.hostname)
        key = os.environ.get(key_env, "").strip()
        if not key and not local:
            raise UsageError(f"the environment variable {key_env} holds no key for {parts.hostname}.")
        if key and parts.scheme == "http" and not local:
            raise UsageError(
                f"base_url {base_url}: the key would go through the network unencrypted.",
                hint=f"Use https, or unset {key_env} if the endpoint needs no key.",
            )
        if any(ord(character) < 33 or ord(character) > 126 for character in key):
            raise UsageError(f"the environment variable {key_env} holds characters that no key has.")
        self.url = base_url.rstrip("/") + "/chat/completions"
        self.model = model
        self.timeout = timeout
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if local:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def complete(self, messages: Sequence[Mapping[str, Any]], *, temperature: float, max_tokens: int) -> Completion:
        """Ask once.

        Raises:
            EndpointError: No usable answer came; it says whether asking again makes sense.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": temperature,
            "max_tokens": max_tokens,
            "stream": False,
        }
        request = urllib.request.Request(self.url, data=json.dumps(body).encode(), headers=self._headers, method="POST")
        deadline = time.monotonic() + self.timeout
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                data = _read(response, deadline)
        except urllib.error.HTTPError as error:
            raise _from_status(error) from None
        except (TimeoutError, urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise _from_connection(error, self.timeout) from None
        return _parse(data)


def _read(response: Any, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > _MAX_ANSWER:
            raise EndpointError(f"the answer is larger than {_MAX_ANSWER} bytes", transient=False, charged=True)
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _from_status(error: urllib.error.HTTPError) -> EndpointError:
    with error:
        try:
            detail = _error_message(error.read(10_000))
        except (OSError, http.client.HTTPException):
            detail = ""
    message = f"HTTP {error.code}" + (f": {detail}" if detail else "")
    transient = error.code in (408, 409, 425, 429) or error.code >= 500
    # An account without credit answers 429 as well; waiting does not fill it.
    if error.code == 429 and "insufficient_quota" in detail:
        return EndpointError(message, transient=False, fatal=True)
    return EndpointError(
        message,
        transient=transient,
        retry_after=_retry_after(error.headers.get("Retry-After")) if transient else None,
        fatal=error.code in (401, 402, 403, 404) or 300 <= error.code < 400,
    )


def _from_connection(error: Exception, timeout: float) -> EndpointError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return EndpointError(f"no answer within {timeout:g} s", transient=True, charged=True)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return EndpointError(f"the certificate is not valid: {reason.verify_message}", transient=False, fatal=True)
    return EndpointError(f"no connection: {reason or type(error).__name__}", transient=True)


def _error_message(data: bytes) -> str:
    try:
        error = json.loads(data)["error"]
        text = f"{error.get('code') or ''} {error.get('message') or ''}" if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError, RecursionError):
        text = data.decode("utf-8", "replace")
    text = " ".join(text.split())[:200]
    # Some endpoints repeat the key, or parts of it, in their message.
    return " ".join("***" if word.lstrip("'\"").startswith(("sk-", "Bearer")) else word for word in text.split())


def _retry_after(value: str | None) -> float | None:
    """Seconds from a ``Retry-After`` header, which is a number or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None


def _parse(data: bytes) -> Completion:
    try:
        answer = json.loads(data)
        choice = answer["choices"][0]
        message = choice["message"]
        text = message.get("content")
        refusal = message.get("refusal")
        usage = answer.get("usage") or {}
        tokens = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
        if text is not None and not isinstance(text, str):
            raise TypeError("content is no text")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise EndpointError(
            f"the answer is not of the OpenAI form ({type(error).__name__}: {str(error)[:80]})",
            transient=True,
            charged=True,
        ) from None
    reason = choice.get("finish_reason")
    return Completion(
        text=text or "",
        finished=reason not in ("length", "content_filter"),
        refused=bool(refusal) or reason == "content_filter",
        tokens_in=max(0, tokens[0]),
        tokens_out=max(0, tokens[1]),
    )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""HTTP against the clock: connecting, sending, headers and body together take no longer than allowed.

The time-outs of the standard library begin anew with every byte that arrives; here each wait gets what is left.
"""

from __future__ import annotations

import functools
import http.client
import io
import queue
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """A moment after which nothing is waited for.

    Args:
        seconds: From now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then.

        Raises:
            TimeoutError: It has passed.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time is over")
        return seconds

    def wait_for(self, function: Callable[[], T], *, dispose: Callable[[T], None]) -> T:
        """The result of a function that cannot be interrupted, such as a look-up of names.

        It runs in a thread of its own; a result that comes too late is disposed of there.
        """
        answers: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()
        late = threading.Event()

        def work() -> None:
            try:
                result = function()
            except BaseException as error:
                answers.put((None, error))
                return
            answers.put((result, None))
            if late.is_set():
                dispose(result)

        threading.Thread(target=work, daemon=True).start()
        try:
            result, error = answers.get(timeout=self.left())
        except queue.Empty:
            late.set()
            raise TimeoutError("the time is over") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None only beside an error, or as T itself


class TimedRequest(urllib.request.Request):
    """A request with the deadline that all its parts share."""

    deadline: Deadline


class _Timed(io.RawIOBase):
    """What a socket receives, each wait bounded by what is left."""

    def __init__(self, raw: Any, connection: socket.socket, deadline: Deadline) -> None:
        self._raw, self._socket, self._deadline = raw, connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock, deadline))


class _TimedConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(host, **kwargs)
        self._deadline = deadline
        self.response_class = functools.partial(_Response, deadline=deadline)  # type: ignore[assignment]  # called as one
        # Each of several addresses would get the whole time, and names are looked up without any limit.
        self._create_connection = self._connected

    def _connected(self, address: tuple[str, int], timeout: Any, source: Any) -> socket.socket:
        left = self._deadline.left()
        connect = functools.partial(socket.create_connection, address, left, source)
        connected = self._deadline.wait_for(connect, dispose=socket.socket.close)
        connected.settimeout(self._deadline.left())  # for a proxy's answer and the handshake that follow
        return connected

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]  # not in the stubs
        self.sock.settimeout(self._deadline.left())

    def send(self, data: Any) -> None:
        """Within what is left."""
        if self.sock is not None:
            self.sock.settimeout(self._deadline.left())
        super().send(data)


class _TimedSecureConnection(_TimedConnection, http.client.HTTPSConnection):
    pass


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, request: Any) -> Any:
        return self.do_open(functools.partial(_TimedConnection, deadline=request.deadline), request)


class _SecureHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: Any) -> Any:
        connection = functools.partial(_TimedSecureConnection, deadline=request.deadline)
        return self.do_open(connection, request, context=self._context)  # type: ignore[attr-defined]  # nor this


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


def opener(*, direct: bool) -> urllib.request.OpenerDirector:
    """What opens :class:`TimedRequest`: no redirect is followed, so that a key goes nowhere else.

    Args:
        direct: Use no proxy.
    """
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), _Handler(), _SecureHandler()]
    if direct:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)

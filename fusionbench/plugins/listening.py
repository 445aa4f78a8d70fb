"""Listeners to events: each runs through pluggy, and what one of them raises is warned of and goes no further."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import wraps
from typing import Any

import pluggy

from fusionbench.types import described


def isolate(implementation: pluggy.HookImpl, event: str) -> None:
    """Put a guard around a registered implementation of an event hook, be it a function or a wrapper.

    pluggy keeps order, wrappers and arguments; without the guard, the first listener that raises would end the call,
    and the listeners after it would not hear of the event.
    """
    guard = _guarded_wrapper if implementation.wrapper or implementation.hookwrapper else _guarded
    # pluggy has checked the plugin's own function by now; its attribute is typed as final, but it is the one it calls.
    setattr(implementation, "function", guard(implementation.function, f"plugin {implementation.plugin_name}: {event}"))  # noqa: B010


def _guarded(function: Callable[..., object], who: str) -> Callable[..., object]:
    @wraps(function)
    def guarded(*arguments: object) -> object:
        try:
            return function(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # A listener that ends with sys.exit() means itself, not a run that has computed for hours.
            _warn(f"{who} raised {described(error)}")
            return None

    return guarded


def _guarded_wrapper(function: Callable[..., Any], who: str) -> Callable[..., Generator[None, Any, Any]]:
    @wraps(function)
    def guarded(*arguments: object) -> Generator[None, Any, Any]:
        inner = function(*arguments)
        try:
            next(inner)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            _warn(f"{who} did not yield" if isinstance(error, StopIteration) else f"{who} raised {described(error)}")
            # The others are called as if this wrapper were not there.
            return (yield)
        try:
            outcome = yield
        except BaseException as error:
            # Only Ctrl-C comes this far: the wrapper may tidy up, but cannot keep it.
            with suppress(StopIteration):
                inner.throw(error)
            raise
        try:
            inner.send(outcome)
        except StopIteration as end:
            return end.value
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            _warn(f"{who} raised {described(error)}")
            return outcome
        inner.close()
        _warn(f"{who} yielded more than once")
        return outcome

    return guarded


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)

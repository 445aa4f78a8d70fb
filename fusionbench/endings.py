"""How a process came to its end, in words."""

from __future__ import annotations

import signal


def ending(status: int) -> str:
    """What an exit status says, to follow the name of the process; a negative one is that of a signal."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a realtime signal
        name = f"signal {-status}"
    return f"was killed by {name}" + ("; the machine may have run out of memory" if name == "SIGKILL" else "")

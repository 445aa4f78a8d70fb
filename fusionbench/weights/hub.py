"""Weights on the Hugging Face hub, named ``hf:OWNER/REPOSITORY[@REVISION][:FILE]``."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from fusionbench.extras import require
from fusionbench.redaction import Secret
from fusionbench.types import UsageError, WeightsError, first_line

PREFIX = "hf:"
_PATTERN = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>.+))?")


def is_hub_id(text: str) -> bool:
    """Whether a ``weights`` option names a file on the hub."""
    return text.startswith(PREFIX)


def without_token(text: str) -> str:
    """A message about the hub as it may be shown: without the user's token, which a server may have written back."""
    try:
        token = importlib.import_module("huggingface_hub").get_token()
    except ImportError:
        token = None
    return Secret(token or "").hide(text)


def fetch(text: str, *, default_file: str) -> Path:
    """Download a file from the hub, or find it in the hub's cache on this machine.

    Args:
        text: ``hf:OWNER/REPOSITORY[@REVISION][:FILE]``.
        default_file: The file meant where none is named.

    Raises:
        UsageError: The text has another form.
        WeightsError: The file does not exist there, or cannot be reached and is not in the cache.
        MissingExtraError: huggingface_hub is not installed.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise UsageError(f"weights={text}: expected hf:OWNER/REPOSITORY[@REVISION][:FILE].")
    hub = require("huggingface_hub", extra="hub", purpose=f"weights={text}")
    errors = require("huggingface_hub.errors", extra="hub", purpose=f"weights={text}")
    name = match["file"] or default_file
    steps = re.split(r"[/\\]", f"{match['repo']}/{match['revision'] or ''}/{name}")
    if ".." in steps or Path(name).is_absolute():
        raise UsageError(f"weights={text}: '..' and absolute paths name nothing on the hub.")
    try:
        return Path(hub.hf_hub_download(match["repo"], name, revision=match["revision"]))
    except errors.LocalEntryNotFoundError as error:
        raise WeightsError(
            f"weights={text}: {name} is not in the hub's cache on this machine, and the hub cannot be reached.",
            hint="Unset HF_HUB_OFFLINE or connect, or download the file elsewhere and give weights=PATH.",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise WeightsError(
            f"weights={text}: the hub has no such repository, revision or file ({name}), or it is private."
        ) from error
    except (errors.HfHubHTTPError, OSError, ValueError) as error:  # its own validation raises ValueErrors
        reason = without_token(first_line(error))
        raise WeightsError(f"weights={text}: cannot be downloaded: {reason}") from error

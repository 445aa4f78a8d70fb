"""Sending a package to the Hugging Face hub. The token is the one of ``hf auth login`` or ``HF_TOKEN``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fusionbench.extras import require
from fusionbench.publishing.package import CARD, MARK, Package
from fusionbench.types import FusionBenchError, UsageError, on_one_line
from fusionbench.weights.hub import without_token

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


class PublishingError(FusionBenchError):
    """The hub did not take something."""


def check_repository(text: str) -> str:
    """The name of a repository, ``OWNER/NAME``.

    Raises:
        UsageError: It is none.
    """
    if not _REPOSITORY.fullmatch(text) or len(text) > 96 or "--" in text or ".." in text:
        raise UsageError(f"{text!r} is no repository: expected OWNER/NAME of letters, digits, '-', '_' and '.'.")
    return text


def publish(package: Package, repository: str, *, private: bool = False, force: bool = False) -> str:
    """Send a package to a repository, which is made if need be; all files in one commit.

    Args:
        package: What is published.
        repository: ``OWNER/NAME``.
        private: Whether a new repository is seen by its owners alone.
        force: Write over a card that fusionbench did not make.

    Returns:
        The address of the repository.

    Raises:
        UsageError: Nobody is logged in, or the repository has a card of its own.
        PublishingError: The hub refused it or cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    check_repository(repository)
    hub = require("huggingface_hub", extra="hub", purpose="publishing on the Hugging Face hub")
    if not hub.get_token():
        raise UsageError(
            "nobody is logged in to the Hugging Face hub.",
            hint="hf auth login, or put a token that may write into the environment variable HF_TOKEN.",
        )
    try:
        return _sent(package, repository, private, force)
    except FusionBenchError:
        raise
    except Exception as error:  # of the hub's client and of its client for HTTP; what they say may hold the token
        reason = without_token(on_one_line(error, limit=2000))[:500]
        raise PublishingError(
            f"{repository}: the Hugging Face hub did not take it: {reason}", hint=_hint(error)
        ) from None


def _sent(package: Package, repository: str, private: bool, force: bool) -> str:
    import huggingface_hub

    api = huggingface_hub.HfApi(library_name="fusionbench")
    made = api.create_repo(repository, repo_type=package.kind, private=private or None, exist_ok=True)
    if not force and (found := _card(api, package, repository)) is not None and MARK not in found:
        raise UsageError(
            f"{repository} has a {CARD} that fusionbench did not write.", hint="Write over it with --force."
        )
    operations = [
        huggingface_hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(file))
        for path, file in package.files.items()
    ]
    operations.append(huggingface_hub.CommitOperationAdd(path_in_repo=CARD, path_or_fileobj=package.card.encode()))
    api.create_commit(repository, operations, commit_message=package.title, repo_type=package.kind)
    return str(made)


def _card(api: Any, package: Package, repository: str) -> str | None:
    """The card that the repository has; None if it has none."""
    if not api.file_exists(repository, CARD, repo_type=package.kind):
        return None
    path = api.hf_hub_download(repository, CARD, repo_type=package.kind)
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _hint(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return "The token may not write there: is it a token with the right to write, and is OWNER you or your group?"
    if type(error).__name__ == "OfflineModeIsEnabled":
        return "Unset HF_HUB_OFFLINE."
    return ""

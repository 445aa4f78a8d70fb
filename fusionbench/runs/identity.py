"""What identifies a result: change any of it and only what depends on it is computed again."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fusionbench.images.hashing import file_sha256
from fusionbench.isolation.environments import described as interpreter
from fusionbench.plugins import Registry
from fusionbench.plugins.current import BUILTIN
from fusionbench.plugins.neighbours import code_files
from fusionbench.runs.config import RunConfig
from fusionbench.runs.matrix import Pairing
from fusionbench.types import FusionBenchError, MethodError, MethodSpec, MetricSpec, described, raised_at, resolve
from fusionbench.weights.recognition import weights_digest


def digest_of(*parts: Any) -> str:
    """SHA-256 of plain data; mappings with the same content have the same digest, whatever their order."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def method_identity(pairing: Pairing, config: RunConfig, origin_code: Callable[[str], str]) -> str:
    """Digest of everything about a method that determines its results on a data set's task.

    Args:
        pairing: The method with its options, and its weights for the task.
        config: The run's settings.
        origin_code: Digest of a method's source code where it can change without a version.

    Raises:
        UsageError: As of :func:`fusionbench.isolation.environments.interpreter_of`.
    """
    spec = pairing.spec
    return digest_of(
        spec.name,
        spec.version,
        pairing.method.options,
        weights_digest(spec, pairing.weights) if pairing.weights else "",
        origin_code(spec.name),
        config.precision if spec.lowers_precision else "float32",
        config.compile,
        config.colour if spec.takes == "luma" else "",
        config.seed,
        *([] if spec.isolated is None else [interpreter(spec, pairing.method.options).digest]),
    )


def code_digest(spec: MethodSpec | MetricSpec, origin_file: str, *, installed: bool) -> str:
    """Digest of a method's or metric's source where editing it changes no version.

    That is a file, with what it imports from beside itself, a package that is not installed, or a notebook.

    Args:
        spec: The method or metric.
        origin_file: File of the plugin that registered it, or an empty string.
        installed: Whether the plugin is an installed package, whose specs carry versions.
    """
    if installed:
        return ""
    if origin_file and Path(origin_file).is_file():
        # A change of a module that lies beside the plugin changes the method as much as one of the file itself.
        files = code_files(Path(origin_file))
        digests = [file_sha256(path) for path in files]
        return digests[0] if len(digests) == 1 else digest_of(*digests)
    defined = spec.factory if isinstance(spec, MethodSpec) else spec.function
    target = getattr(defined, "__wrapped__", defined)
    try:
        return hashlib.sha256(inspect.getsource(target).encode()).hexdigest()  # type: ignore[arg-type]  # what has none raises
    except (OSError, TypeError):
        return ""


def origin_code(registry: Registry[MethodSpec] | Registry[MetricSpec]) -> Callable[[str], str]:
    """What gives, for a registered name, the digest of its source code where it can change without a version."""

    def code(name: str) -> str:
        origin = registry.origin(name)
        # What the harness brings itself is part of an installed package.
        installed = bool(origin.version) or origin.plugin in {source.name for source in BUILTIN}
        return code_digest(registry[name], origin.file, installed=installed)

    return code


def fingerprints(pairing: Pairing) -> Mapping[str, str]:
    """By sample id, digests of what a method's results depend on besides sources and weights; often empty.

    Raises:
        FusionBenchError: The method's hook cannot tell; without it nothing identifies the results.
    """
    spec = pairing.spec
    if spec.fingerprint is None:
        return {}
    try:
        compute = resolve(spec.fingerprint, owner=f"method {spec.name}")
        found = compute(pairing.method.options, pairing.dataset)
        if not isinstance(found, Mapping):
            raise MethodError(
                f"method {spec.name}: fingerprint returned {type(found).__name__}, expected digests by sample id."
            )
        # Made plain here, where what is wrong with it is the method's fault.
        return {str(sample): str(digest) for sample, digest in found.items()}
    except (FusionBenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise MethodError(f"method {spec.name}: fingerprint raised {described(error)}{raised_at(error)}") from error

"""Plugins with isolated methods, and what is needed to make environments for them."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from fusionbench.plugins import load_plugins
from fusionbench.types import MethodSpec

PLUGIN = """
from pathlib import Path
import fusionbench as fb

def fusionbench_methods():
    return [
        fb.MethodSpec(
            name="inside",
            tasks=(fb.Task.IVF,),
            factory="{module}:{attribute}",
            options={{"how": fb.Option(default="mean", help="what to do")}},
            isolated=fb.Isolated({isolated}),
            {facts}
        )
    ]
"""


def write_plugin(
    folder: Path, code: str, isolated: str, *, attribute: str = "Inside", facts: str = "", module: str = "code_inside"
) -> Path:
    """A plugin file with the method ``inside``, whose code lies beside it."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    plugin = folder / f"plugin_of_{module}.py"
    text = PLUGIN.format(module=module, attribute=attribute, isolated=isolated, facts=facts)
    plugin.write_text(text, encoding="utf-8")
    return plugin


def isolated_spec(plugin: Path) -> MethodSpec:
    """The method of a plugin file, which is loaded."""
    return load_plugins((str(plugin),)).methods["inside"]


def write_wheel(folder: Path, name: str, version: str) -> Path:
    """A package with one empty module, as pip installs it without any network."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for path, text in files.items()
    }
    record = [f"{path},sha256={digests[path]},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel

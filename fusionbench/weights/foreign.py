"""What a file is that is no checkpoint this suite reads: its kind, and what a person can do about it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

_TENSORFLOW_PART = re.compile(r"\.(data-\d{5}-of-\d{5}|meta)$")
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_AGAIN = "Download the file itself: on GitHub 'Download raw file', for files of Git LFS 'git lfs pull'."
_CONVERT = "Save the network's state dict with torch.save(model.state_dict(), FILE) or as safetensors, and give that."


def explain(path: Path, head: bytes) -> tuple[str, str]:
    """What a file that is neither PyTorch's nor safetensors is, and the remedy.

    Args:
        path: The file; its name matters for TensorFlow's.
        head: Its first bytes, a few hundred.
    """
    if not head:
        return "is empty.", "Is the download complete?"
    if _TENSORFLOW_PART.search(path.name):
        index = _TENSORFLOW_PART.sub(".index", path.name)
        return (
            f"is part of a TensorFlow checkpoint, whose index {index} is not beside it.",
            f"Download {index} too and put it into the same folder.",
        )
    if head.startswith(b"model_checkpoint_path:"):
        return (
            "is TensorFlow's note of which checkpoint is the newest, not a checkpoint.",
            "Give the .index file that it names.",
        )
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page, not the file that it shows.", _AGAIN
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file that it points to.", _AGAIN
    if text.startswith(b"{"):
        return "is JSON text, not a checkpoint.", "Of sharded safetensors, give the .safetensors file, not the index."
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            return f"is packed with {kind}.", "Unpack it and give the file inside."
    if head[257:262] == b"ustar":
        return "is a tar archive.", "Unpack it and give the file inside."
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "is an HDF5 file (Keras saves those), which is not supported.", _CONVERT
    if head.startswith(b"\x93NUMPY"):
        return "is a single NumPy array, not a mapping of names to tensors.", _CONVERT
    if head.startswith(b"MATLAB"):
        return "is a MATLAB file, which is not supported.", _CONVERT
    if path.suffix.lower() in (".onnx", ".pb", ".tflite", ".engine", ".caffemodel"):
        return f"is a {path.suffix.lower()} file, a graph for another program, not a checkpoint.", _CONVERT
    return (
        "is neither a PyTorch checkpoint nor safetensors nor a TensorFlow checkpoint.",
        "Is the download complete, and is it the file with the weights?",
    )


def explain_zip(path: Path) -> tuple[str, str] | None:
    """Why a zip is not a PyTorch checkpoint that can be read as tensors; None if it looks like one.

    A damaged zip is nobody's business here: reading it says so.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    inner = {name.partition("/")[2] if "/" in name else name for name in names}
    if "data.pkl" in inner:
        if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
            return (
                "is a TorchScript archive (torch.jit.save): a program with its weights, which is not run here.",
                "Where you trust it, save its weights alone: "
                "torch.save(torch.jit.load(FILE, map_location='cpu').state_dict(), 'weights.pth').",
            )
        return None
    if any(name.endswith((".npy",)) for name in names):
        return "is a NumPy archive (.npz), which is not supported.", _CONVERT
    if "model.weights.h5" in names:
        return "is a Keras archive, which is not supported.", _CONVERT
    if any("serialized_exported_program" in name or name.endswith("archive_format") for name in names):
        return "is a program exported with torch.export, not a checkpoint.", _CONVERT
    held = [name for name in names if not name.endswith("/") and "__MACOSX" not in name]
    listed = ", ".join(ascii(name)[1:-1] for name in held[:5]) + (" and others" if len(held) > 5 else "")
    return f"is a zip archive that holds {listed or 'nothing'}.", "Unpack it and give the file with the weights."


def damaged_member(path: Path) -> str | None:
    """A member of a PyTorch zip whose checksum differs from its contents; None if all agree or none was computed.

    PyTorch writes checksums and does not compare them when it reads.
    """
    agree, wrong = 0, None
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                # Packed members are not torch's own, and could be bombs.
                if not member.file_size or member.compress_type != zipfile.ZIP_STORED:
                    continue
                try:
                    with archive.open(member) as file:
                        while file.read(1 << 20):
                            pass
                    agree += 1
                except zipfile.BadZipFile:
                    wrong = wrong or member.filename
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        return None  # reading it will say what is wrong
    # torch.serialization.set_crc32_options(False) leaves all checksums wrong.
    return wrong if agree else None

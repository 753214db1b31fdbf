"""The running package as a wheel, packed from where it is installed: offline, in milliseconds."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import gradus
from gradus.course import UsageError
from gradus.distribution import NAME
from gradus.files import pack_zip

_STEM = NAME.replace("-", "_")
_TAG = "py3-none-any"
_KEPT = ("METADATA", "entry_points.txt")


@cache
def make_wheel() -> tuple[str, bytes]:
    """File name and bytes of Gradus's wheel; the same files, the same bytes.

    Raises UsageError where the package was not installed, so that nothing says what it needs.
    """
    installed = _installed()
    info = f"{_STEM}-{installed.version}.dist-info"
    files = _package() | {f"{info}/{name}": _text(installed, name) for name in _KEPT}
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: gradus\nRoot-Is-Purelib: true\nTag: {_TAG}\n".encode()
    )
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    record.append(f"{info}/RECORD,,")
    files[f"{info}/RECORD"] = ("\n".join(record) + "\n").encode()
    return wheel_name(), pack_zip(files)


def wheel_name() -> str:
    """The file name of the wheel."""
    return f"{_STEM}-{gradus.__version__}-{_TAG}.whl"


def requirement(name: str) -> str:
    """What Gradus needs of a package, as pip writes it: "torch==2.13.*". Raises UsageError."""
    return next(line for line in _installed().requires or () if line.startswith(name))


def _installed() -> Distribution:
    try:
        return distribution(NAME)
    except PackageNotFoundError:
        raise UsageError(
            f"{NAME} is not installed here: `pip install .` in a clone of its repository"
        ) from None


def _package() -> dict[str, bytes]:
    root = Path(gradus.__file__).parent
    paths = sorted(p for p in root.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
    return {path.relative_to(root.parent).as_posix(): path.read_bytes() for path in paths}


def _text(installed: Distribution, name: str) -> bytes:
    text = installed.read_text(name)
    if text is None:
        raise UsageError(f"gradus is installed without its {name}: install it again with pip")
    return text.encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

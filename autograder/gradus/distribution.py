"""What Gradus is called on a package index, where `gradus` is somebody else's, and its extras."""

from __future__ import annotations

from importlib.util import find_spec

from gradus.course import UsageError

NAME = "gradus-autograder"

# By extra of pyproject.toml: what the code that it is for imports.
MODULES = {
    "student": ("matplotlib",),
    "instructor": ("jinja2", "jupytext", "nbformat", "matplotlib", "cosmic_ray"),
    "site": ("myst_parser", "sphinx", "furo", "sphinx-mathjax-offline"),
    "otter": ("otter", "ipykernel", "jupyter_client"),
    "nbgrader": ("nbgrader", "sqlalchemy", "ipykernel", "jupyter_client"),
    "mnist": ("torchvision",),
}


def pip_install(*extras: str) -> str:
    """The command that installs what optional parts need; the quotes are every shell's."""
    return f'pip install "{NAME}[{",".join(extras)}]"'


def lacking(*extras: str) -> str:
    """What of the extras is not installed here, and the command that installs it; or ""."""
    missing = {extra: [m for m in MODULES[extra] if find_spec(m) is None] for extra in extras}
    wanted = [extra for extra, modules in missing.items() if modules]
    if not wanted:
        return ""
    return f"{missing[wanted[0]][0]} is not installed here: {pip_install(*wanted)}"


def require(*extras: str) -> None:
    """Raise UsageError, with what to install, where something of the extras is not installed."""
    if said := lacking(*extras):
        raise UsageError(said)

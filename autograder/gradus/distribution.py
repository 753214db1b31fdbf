"""What Gradus is called on a package index: `gradus` is somebody else's package there."""

NAME = "gradus-autograder"


def pip_install(extra: str) -> str:
    """The command that installs what an optional part needs."""
    return f"pip install '{NAME}[{extra}]'"

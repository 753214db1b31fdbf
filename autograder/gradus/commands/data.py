"""`gradus data`: fetches a data set, or finds it, and says where it is."""

from __future__ import annotations

from rich.console import Console

from gradus.course import UsageError


def data(name: str) -> None:
    """Fetch data set `name` ("mnist"). Raises UsageError, with what to do, where it cannot."""
    from gradus.checks.data import mnist

    console = Console(highlight=False)
    with console.status(f"{name}: looking for it, or fetching it"):
        try:
            split = mnist()
        except RuntimeError as error:
            raise UsageError(str(error)) from None
    console.print(
        f"{name}: {len(split.x_train):,} images to train on, {len(split.x_test):,} to test"
    )

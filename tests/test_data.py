"""The data that checks train on."""

from __future__ import annotations

import torch

from gradus.checks.data import digits
from gradus.checks.rng import Rng


def test_the_digits_are_those_of_scikit_learn() -> None:
    """They are read from its file, without its import of seconds."""
    from sklearn.datasets import load_digits

    split, given = digits(Rng(0), test=450), load_digits()
    assert (len(split.x_train), len(split.x_test)) == (1347, 450)
    ours = torch.cat([torch.cat([split.x_train, split.x_test]) * 16, _column(split)], 1)
    theirs = torch.cat([torch.tensor(given.data), torch.tensor(given.target)[:, None]], 1)
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def _column(split) -> torch.Tensor:
    return torch.cat([split.y_train, split.y_test])[:, None]

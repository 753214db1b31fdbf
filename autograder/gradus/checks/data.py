"""The data that checks train and test on, and that topics show. Test labels stay with the judge."""

from __future__ import annotations

import gzip
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gradus
from gradus.checks.rng import Rng
from gradus.distribution import pip_install


@dataclass(frozen=True)
class Split:
    """Training and test images with labels: x (N, D) float32 in [0, 1], y (N,) int64."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


def digits(rng: Rng, test: int = 450) -> Split:
    """scikit-learn's 1,797 handwritten 8×8 digits, shuffled, `test` of them held out."""
    x, y = _digits()
    rng.seed()  # the first is always 0: what trains is to start anywhere
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    return Split(x[test:], y[test:], x[:test], y[:test])


@cache
def _digits() -> tuple[Tensor, Tensor]:
    found = importlib.util.find_spec("sklearn")
    assert found
    assert found.origin
    # What load_digits reads, without importing sklearn.datasets, which takes longer than torch.
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = torch.from_numpy(np.loadtxt(file, delimiter=",", dtype=np.int64))
    return table[:, :-1].float() / 16, table[:, -1].clone()


@cache
def alice() -> str:
    """Lewis Carroll, *Alice's Adventures in Wonderland*, 1865 (public domain): 27,000 words."""
    file = Path(gradus.__file__).parent / "texts" / "alice.txt.gz"
    return gzip.decompress(file.read_bytes()).decode()


@cache
def mnist() -> Split:
    """MNIST, 60,000 and 10,000 images of 28×28 flattened to 784.

    Read through torchvision from the folder in GRADUS_DATA (the four raw .gz files, or
    torchvision's own layout); without GRADUS_DATA it is fetched into ~/.cache/gradus.

    Raises RuntimeError, with what to do, when torchvision or the files cannot be had.
    """
    datasets = torchvision_datasets()
    root = _torchvision_root()
    try:
        sets = [datasets.MNIST(root, train=train, download=True) for train in (True, False)]
    except Exception as error:
        raise RuntimeError(
            "MNIST is not on this machine: point GRADUS_DATA at a folder that holds its four "
            f"raw files (train-images-idx3-ubyte.gz and so on). ({error})"
        ) from error
    (x_train, y_train), (x_test, y_test) = [
        (s.data.reshape(len(s), -1).float() / 255, s.targets) for s in sets
    ]
    return Split(x_train, y_train, x_test, y_test)


def torchvision_datasets() -> Any:
    """torchvision.datasets, beside a torch without torchvision's compiled operators too.

    There `import torchvision` fails for want of two schemas, which nothing here uses.
    """
    try:
        from torchvision import datasets
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        from torchvision import datasets
    except ImportError as error:
        raise RuntimeError(f"MNIST needs torchvision: {pip_install('mnist')}") from error
    return datasets


def _torchvision_root() -> Path:
    """A folder in torchvision's layout; raw files of GRADUS_DATA are linked into the cache."""
    cache_root = Path.home() / ".cache" / "gradus"
    given = os.environ.get("GRADUS_DATA")
    if not given:
        return cache_root
    if (Path(given) / "MNIST" / "raw").is_dir():
        return Path(given)
    from torchvision.datasets.utils import extract_archive

    raw = cache_root / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for archive in Path(given).glob("*-ubyte.gz"):
        if not (raw / archive.stem).exists():
            extract_archive(str(archive), str(raw))
    return cache_root

"""Returns sparse, quantised, conjugate and negated views. They arrive as plain numbers."""

import torch


def f(x):
    dense = torch.eye(3)
    complex_ = torch.tensor([1 + 2j])
    quantised = torch.quantize_per_tensor(dense, 0.5, 0, torch.qint8)
    return [
        dense.to_sparse(),
        dense.to_sparse_csr(),
        quantised,
        complex_.conj(),
        complex_.conj().imag,
    ]


def honest(x):
    return x + 1

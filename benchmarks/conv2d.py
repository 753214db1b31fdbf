"""The im2col reference beside torch.nn.functional.conv2d: forward and backward, side by side.

    python benchmarks/conv2d.py [--rounds 100]

(16, 3, 32, 32) images and 32 filters of 5 × 5 in float32 on one thread. Both compute the output
and the gradients of x, w and b; the two take turns, and it is CPU time that is counted, so that
whatever else the machine does falls on both or on none. The figure of merit is the ratio of the
medians. Writes benchmarks/results/conv2d.md.
"""

import argparse
import time
from statistics import median

import torch
import torch.nn.functional as F
from references import ROOT, load_solution

GEOMETRIES = [(1, 0), (1, 2), (2, 2)]  # stride, padding; the first is the one that counts
WARM_UP = 10


def candidates(stride, padding):
    """Name -> (forward, backward of its result); each backward gives the gradients of x, w, b."""
    solution = load_solution("conv2d")
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(shape, generator=generator) for shape in ((16, 3, 32, 32), (32, 3, 5, 5), (32,))
    ]
    dout = torch.randn(F.conv2d(*inputs, stride, padding).shape, generator=generator)
    leaves = [t.clone().requires_grad_() for t in inputs]
    return {
        "torch": (
            lambda: F.conv2d(*leaves, stride, padding),
            lambda out: torch.autograd.grad(out, leaves, dout),
        ),
        "im2col": (
            lambda: solution.conv2d_forward(*inputs, stride, padding),
            lambda result: solution.conv2d_backward(dout, result[1]),
        ),
    }


def measure(functions, rounds):
    """Name -> (median forward, median backward, median of both), in ms."""
    times = {name: [] for name in functions}
    for turn in range(WARM_UP + rounds):
        for name, (forward, backward) in functions.items():
            start = time.process_time()
            result = forward()
            middle = time.process_time()
            backward(result)
            end = time.process_time()
            if turn >= WARM_UP:
                times[name].append((middle - start, end - middle, end - start))
    return {
        name: [1000 * median(column) for column in zip(*rows, strict=True)]
        for name, rows in times.items()
    }


def check_equal(functions):
    gradients = [backward(forward()) for forward, backward in functions.values()]
    for mine, right in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-3, atol=1e-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    lines = [
        "# Convolution by im2col",
        "",
        "(16, 3, 32, 32) images, 32 filters of 5 × 5, float32, one thread; CPU time in ms, medians "
        f"of {rounds} rounds; torch {torch.__version__}. Wanted: at most 3 times "
        "torch.nn.functional.conv2d for forward and backward together.",
        "",
        "| stride | padding | | forward | backward | both | ratio |",
        "|---:|---:|:---|---:|---:|---:|---:|",
    ]
    for stride, padding in GEOMETRIES:
        functions = candidates(stride, padding)
        check_equal(functions)
        times = measure(functions, rounds)
        for name, row in times.items():
            ratio = row[2] / times["torch"][2]
            cells = " | ".join(f"{ms:.2f}" for ms in row)
            lines.append(f"| {stride} | {padding} | {name} | {cells} | {ratio:.2f} |")
    out = ROOT / "benchmarks" / "results"
    out.mkdir(exist_ok=True)
    (out / "conv2d.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

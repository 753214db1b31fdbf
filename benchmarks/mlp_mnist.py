"""The mlp reference on MNIST with the published settings: a table and the loss curve.

    GRADUS_DATA=folder-with-the-raw-files python benchmarks/mlp_mnist.py [--epochs 30]

784-512-128-10 units, He initialisation, SGD with learning rate 0.01, batches of 32. The source
reports after 30 epochs: train accuracy 0.9969 and loss 0.0187, validation 0.9794 and 0.0665,
0.44 ms a step. Writes benchmarks/results/mlp_mnist.{md,png}.
"""

import argparse
import time

import torch
from references import ROOT, load_solution
from rich.progress import track

from gradus.checks.data import mnist

SIZES, LR, BATCH, SEED = [784, 512, 128, 10], 0.01, 32, 0


def evaluate(mlp, x, y, params):
    logits, _ = mlp.mlp_forward(x, params)
    loss, _ = mlp.softmax_cross_entropy(logits, y)
    return float((logits.argmax(1) == y).double().mean()), float(loss)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    torch.set_num_threads(1)
    mlp, data = load_solution("mlp"), mnist()

    params, history, seconds, steps = mlp.he_init(SIZES, SEED), [], 0.0, 0
    for epoch in track(range(epochs), "training"):
        started = time.perf_counter()
        for x, y in mlp.minibatches(data.x_train, data.y_train, BATCH, SEED + epoch):
            logits, cache = mlp.mlp_forward(x, params)
            _, dlogits = mlp.softmax_cross_entropy(logits, y)
            params, _ = mlp.sgd_update(params, mlp.mlp_backward(dlogits, cache), None, LR)
            steps += 1
        seconds += time.perf_counter() - started
        history.append(
            (
                *evaluate(mlp, data.x_train, data.y_train, params),
                *evaluate(mlp, data.x_test, data.y_test, params),
            )
        )

    lines = [
        "# MLP on MNIST",
        "",
        "784-512-128-10, He initialisation, SGD lr 0.01, batch 32, one thread; "
        f"torch {torch.__version__}.",
        "",
        "| epoch | train accuracy | train loss | validation accuracy | validation loss |",
        "|---:|---:|---:|---:|---:|",
    ]
    for epoch, row in enumerate(history, 1):
        if epoch in (1, 2, 5) or epoch % 10 == 0 or epoch == epochs:
            lines.append(f"| {epoch} | " + " | ".join(f"{value:.4f}" for value in row) + " |")
    lines += [
        "| source, 30 | 0.9969 | 0.0187 | 0.9794 | 0.0665 |",
        "",
        f"{1000 * seconds / steps:.2f} ms a step ({seconds:.0f} s in all); source: 0.44 ms.",
        "",
        "![loss](mlp_mnist.png)",
    ]
    out = ROOT / "benchmarks" / "results"
    out.mkdir(exist_ok=True)
    (out / "mlp_mnist.md").write_text("\n".join(lines) + "\n")
    plot(history, out / "mlp_mnist.png")
    print("\n".join(lines))


def plot(history, file):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    epochs = range(1, len(history) + 1)
    axes.plot(epochs, [row[1] for row in history], label="train")
    axes.plot(epochs, [row[3] for row in history], label="validation")
    axes.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="MLP on MNIST")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()

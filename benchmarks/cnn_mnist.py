"""The cnn reference on MNIST beside an MLP of its size: a table of accuracies.

    GRADUS_DATA=folder-with-the-raw-files python benchmarks/cnn_mnist.py

The topic's own network for 28×28 pixels, 8 and 16 filters of 5×5 and 64 hidden units, and, as in
its experiment, its head alone with as many parameters. Three epochs in batches of 30; the last one
at a tenth of the learning rate. Writes benchmarks/results/cnn_mnist.md.
"""

import time

import torch
from references import ROOT, load_solution
from rich.progress import track

from gradus.checks.data import mnist
from gradus.course import load_course

RATES, BATCH, SEED = (0.1, 0.1, 0.01), 30, 0


def main():
    torch.set_num_threads(1)
    wanted = load_course(ROOT / "course.yaml").topic("cnn").thresholds["mnist"]["accuracy"]
    cnn, data = load_solution("cnn"), mnist()
    x, x_test = cnn.images(data.x_train), cnn.images(data.x_test)
    shapes, mlp_shapes, padding = cnn.design(28)
    params, mlp = cnn.he_init(shapes, SEED), cnn.he_init(mlp_shapes, SEED)
    sizes = cnn.parameters(params), cnn.parameters(mlp)

    def accuracy(predictions):
        return (predictions == data.y_test).double().mean().item()

    rows, seconds, steps = [], 0.0, 0
    for epoch, lr in enumerate(track(RATES, "training"), 1):
        batches = cnn.minibatches(x, data.y_train, BATCH, 1, SEED + epoch)
        started = time.process_time()
        params, losses = cnn.train(params, batches, lr, padding)
        seconds, steps = seconds + time.process_time() - started, steps + len(batches)
        mlp = cnn.train_head(mlp, batches, lr)
        loss = sum(losses) / len(losses)
        reached = accuracy(cnn.predict(x_test, params, padding))
        logits, _ = cnn.head_forward(x_test, *mlp["linear1"], *mlp["linear2"])
        rows.append(
            f"| {epoch} | {lr} | {loss:.4f} | {reached:.4f} | {accuracy(logits.argmax(1)):.4f} |"
        )

    lines = [
        "# A convolutional network on MNIST",
        "",
        f"8 and 16 filters of 5 × 5 and 64 hidden units, {sizes[0]:,} parameters, beside an MLP "
        f"with {sizes[1]:,}; He initialisation, SGD, batch {BATCH}, one thread; "
        f"torch {torch.__version__}. Wanted: {wanted} in three epochs.",
        "",
        "| epoch | rate | its batches' loss | test accuracy | of the MLP |",
        "|---:|---:|---:|---:|---:|",
        *rows,
        "",
        f"{1000 * seconds / steps:.1f} ms of CPU time a step ({seconds:.0f} s in all).",
    ]
    (ROOT / "benchmarks" / "results" / "cnn_mnist.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

"""9 or not 9 on MNIST with the references: `GRADUS_DATA=… python benchmarks/nine_mnist.py`

Logistic regression by gradient descent and the perceptron's rule, each trained on 20 random parts
of the training images (10,000 and 4,000) and judged on the 10,000 test images by balanced accuracy:
the mean of the share of nines and the share of other digits that are recognised.
"""

import statistics

import torch
from references import load_solution
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gradus.checks.data import mnist

SEEDS = 20


def balanced(nine, predicted):
    return float((predicted[nine].double().mean() + (~predicted[~nine]).double().mean()) / 2)


def main():
    torch.set_num_threads(1)
    data = mnist()
    logistic, perceptron = load_solution("logistic_regression"), load_solution("perceptron")
    nine = data.y_test == 9
    scores = {"logistic regression, 200 steps": [], "perceptron, 5 passes": []}
    for seed in track(range(SEEDS), "training"):
        order = torch.randperm(len(data.x_train), generator=torch.Generator().manual_seed(seed))
        part = order[:10_000]
        params, _ = logistic.train(data.x_train[part], (data.y_train[part] == 9).long(), 200, 0.5)
        found = logistic.predict(data.x_test, params) == 1
        scores["logistic regression, 200 steps"].append(balanced(nine, found))
        part = order[:4_000]
        signs = (data.y_train[part] == 9).float() * 2 - 1
        w, b, *_ = perceptron.perceptron_train(data.x_train[part], signs, 5)
        found = perceptron.threshold_unit(data.x_test, w, b) == 1
        scores["perceptron, 5 passes"].append(balanced(nine, found))
    table = Table("9 or not 9 on MNIST", "median", "minimum of 20", box=None)
    for name, values in scores.items():
        table.add_row(name, f"{statistics.median(values):.4f}", f"{min(values):.4f}")
    Console(width=90).print(table)


if __name__ == "__main__":
    main()

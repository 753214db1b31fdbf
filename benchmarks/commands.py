"""How long the commands take that people wait for, beside `import torch`, in one run.

    python benchmarks/commands.py [--rounds 7]

`gradus check mlp` on the solution, in a student's folder; its checks' own time is taken off before
the ratio. Goals: --help within 0.3 s, check within 1.5 × import torch.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent


def timed(*arguments, cwd):
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    seconds = {"import torch": [], "gradus --help": [], "gradus check mlp": []}
    checks = []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "assignments", folder, dirs_exist_ok=True)
        shutil.copy(ROOT / "solutions" / "mlp.py", Path(folder, "mlp", "mlp.py"))
        for _ in range(rounds):
            seconds["import torch"].append(timed("-c", "import torch", cwd=folder)[0])
            seconds["gradus --help"].append(timed("-m", "gradus", "--help", cwd=folder)[0])
            took, output = timed("-m", "gradus", "check", "mlp", cwd=folder)
            seconds["gradus check mlp"].append(took)
            checks.append(float(output.splitlines()[0].split()[-2]))
    torch = statistics.median(seconds["import torch"])
    table = Table("command", "seconds", "less its checks", "× import torch")
    for command, values in seconds.items():
        median = statistics.median(values)
        own = median - (statistics.median(checks) if "check" in command else 0)
        table.add_row(command, f"{median:.2f}", f"{own:.2f}", f"{own / torch:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

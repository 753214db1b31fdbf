"""The course's solutions as modules, for the benchmarks beside this file."""

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def load_solution(topic: str) -> ModuleType:
    """solutions/TOPIC.py, imported."""
    spec = importlib.util.spec_from_file_location(topic, ROOT / "solutions" / f"{topic}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""Torch's internals, which no exercise needs: formulas, operators and compilers under other doors.

They stay what they are for torch itself. A submission's own line that calls one is refused.
"""

from __future__ import annotations

import importlib.abc
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from gradus.inside.loading import is_foreign

Watch = Callable[[Callable[..., Any], str], Callable[..., Any]]
Refuse = Callable[[str], None]

PRIVATE = re.compile(r"torch\.(.+\.)?_[a-zA-Z0-9]")  # in a part of the name that is not the first
# Public, and beside the point: they compile, trace or differentiate, or hold operators by name.
PUBLIC = tuple(
    f"torch.{name}"
    for name in ("compile", "export", "func", "fx", "jit", "library", "masked", "ops")
)
FUNCTIONS = ("compile",)  # of torch itself
CLASSES = (
    ("torch._C", "CompilationUnit"),
    ("torch._C", "Graph"),
    ("torch._C", "_ImperativeEngine"),
    *(("torch._C", key) for key in ("_jit_differentiate", "parse_ir", "_create_graph_by_tracing")),
    ("torch._C", "_create_function_from_graph"),
    ("torch.jit", "CompilationUnit"),
    ("torch.jit._state", "_python_cu"),
)


def is_internal(name: str) -> bool:
    """Whether a dotted name leads to something that no submission uses."""
    return bool(PRIVATE.match(name)) or _is_below(name, PUBLIC)


def _is_below(name: str, names: Iterable[str]) -> bool:
    return any(f"{name}.".startswith(f"{one}.") for one in names)


def watch_internals(watched: Watch, refuse: Refuse, forbid: Iterable[str]) -> None:
    """Put `watched(function, its name)` in place of all functions of torch's internals; `refuse`
    is called with the name of what a submission imports later of them, or of what is forbidden."""
    for name, module in _internal_modules():
        for key, value in [(k, v) for k, v in vars(module).items() if not k.startswith("__")]:
            if key.startswith("_rebuild"):  # with which copy.copy makes a tensor again
                continue
            if isinstance(value, types.FunctionType | types.BuiltinFunctionType):
                vars(module)[key] = watched(value, f"{name}.{key}")
            elif type(value) is dict and name.startswith(("torch._decomp", "torch._refs")):
                value.clear()  # formulas by operator
    for key in FUNCTIONS:
        setattr(torch, key, watched(getattr(torch, key), f"torch.{key}"))
    for name, key in CLASSES:
        if hasattr(sys.modules.get(name), key):
            setattr(sys.modules[name], key, watched(_gone, f"{name}.{key}"))
    namespace: Any = torch._ops._OpNamespace
    namespace.__getattribute__ = watched(object.__getattribute__, "torch.ops")
    sys.meta_path.insert(0, _Imports(refuse, tuple(forbid)))


def _gone(*_: Any, **__: Any) -> None:
    raise RuntimeError("this part of torch is not there while submissions run")


def _internal_modules() -> Iterator[tuple[str, types.ModuleType]]:
    """Those that are loaded; torch._C is a library, and its parts are not among sys.modules."""
    found = {name: module for name, module in sys.modules.items() if is_internal(name)}
    for key, value in vars(torch._C).items():
        if isinstance(value, types.ModuleType):
            found.setdefault(f"torch._C.{key}", value)
    yield from ((n, m) for n, m in list(found.items()) if isinstance(m, types.ModuleType))


class _Imports(importlib.abc.MetaPathFinder):
    """Refuses what is not loaded yet, where a submission's own line asks for it."""

    def __init__(self, refuse: Refuse, forbid: Sequence[str]) -> None:
        self._refuse = refuse
        self._forbid = forbid

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """As MetaPathFinder.find_spec; finds nothing."""
        if is_internal(name) or _is_below(name, self._forbid):
            frame = sys._getframe(1)
            while frame is not None and "importlib" in frame.f_code.co_filename:
                frame = frame.f_back  # type: ignore[assignment]
            if frame is not None and is_foreign(frame.f_code.co_filename):
                self._refuse(name)

"""Names that a topic forbids, caught while a submission runs, whatever the source looks like.

Operators are caught in torch's dispatcher: in this process the forbidden kernels are replaced, and
autograd's taken out. Modules are caught where a submission's own code calls into them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from gradus.inside import policy
from gradus.inside.internals import watch_internals
from gradus.inside.loading import is_foreign

# Every operator whose name holds that of a forbidden one answers the exercise as well
# (_masked_softmax); for these functions it is another part of the name, a pattern.
OPERATORS = {
    "unfold": "im2col",
    "fold": "col2im",
    "scaled_dot_product_attention": "attention|scaled_dot",
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), "conv(?!ert)"),
}
# Of tensors of other kinds, which operators have kernels for.
OTHER_KEYS = ("MkldnnCPU", "SparseCPU", "SparseCsrCPU", "QuantizedCPU", "NestedTensorCPU")
SHORTEST = 4  # letters of a name that is looked for inside of others
# Without autograd: its kernels, and the optimisers' in one piece.
KERNELS = "backward|^_fused_(ada|sgd)"
ENGINE = (
    ("torch.autograd", "_engine_run_backward"),
    ("torch.autograd.graph", "_engine_run_backward"),
    ("torch.autograd.forward_ad", "enter_dual_level"),
    ("torch._C", "_enter_dual_level"),
    ("torch._C._functorch", "_grad_increment_nesting"),
    ("torch._C._functorch", "_jvp_increment_nesting"),
    ("torch._functorch.eager_transforms", "_grad_increment_nesting"),
    ("torch._functorch.eager_transforms", "_jvp_increment_nesting"),
)
OWN = (str(Path(torch.__file__).parent) + os.sep, str(Path(__file__).parents[1]) + os.sep)

IMPORTS = "<frozen importlib"


class ForbiddenUse(RuntimeError):
    """Raised where a submission reaches a forbidden name; it counts even when it is caught."""


class Guard:
    """Once made, `uses` collects the (name, place) of each forbidden use in this process."""

    def __init__(self, forbid: Collection[str], device: str) -> None:
        self.uses: list[tuple[str, str]] = []
        self._classes: set[type] = set()  # that are watched
        done: set[str] = set()

        def replace(name: str, operators: Iterable[str]) -> None:
            for operator in operators:
                if operator not in done:
                    done.add(operator)
                    for key in _keys_of(operator, device):
                        _kernels(operator).impl(_name(operator), key, self._refusal(name), False)

        for name in forbid:
            module = sys.modules.get(name)
            if name == "torch.autograd":
                self._stop_engine(name)
                _record_nothing()
                for operator in operators(KERNELS):
                    replace(f"torch.ops.{operator.replace('::', '.')}", [operator])
            elif module is not None:
                self._watch_module(name, module)
            else:
                last = name.rpartition(".")[2].strip("_")
                pattern = OPERATORS.get(last, last if len(last) >= SHORTEST else f"^{last}_?$")
                replace(name, operators(pattern))
                self._watch_function(name)
        watch_internals(self._watched, self._refuse, forbid)
        sys.addaudithook(self._no_disguise)

    def _no_disguise(self, event: str, about: tuple[Any, ...]) -> None:
        """Calls are told apart by their files' names: no code of a submission has one of torch's,
        of ours, or of Python's imports."""
        if event not in ("compile", "code.__new__", "marshal.loads"):
            return
        if sys._getframe(1).f_code.co_filename.startswith(IMPORTS):
            return
        named = event == "marshal.loads" or os.fsdecode(about[1] or "").startswith((*OWN, IMPORTS))
        if named and _is_called_by_submission():
            self._refuse("code under another file's name")

    def _refuse(self, name: str) -> None:
        self.uses.append((name, _foreign_place()))
        raise ForbiddenUse(f"{name} may not be used in this topic")

    def _refusal(self, name: str) -> Callable[..., Any]:
        def refuse(*_: Any, **__: Any) -> None:
            self._refuse(name)

        return refuse

    def _stop_engine(self, name: str) -> None:
        for where, function in ENGINE:
            if hasattr(sys.modules.get(where), function):
                setattr(sys.modules[where], function, self._refusal(name))

    def _watch_module(self, name: str, module: types.ModuleType) -> None:
        for path, part in _parts(name, module):
            for key, value in list(vars(part).items()):
                if key.startswith("__") or policy.is_allowed_in_nn(f"{path}.{key}"):
                    continue
                if isinstance(value, type):
                    if value.__module__.startswith(name) and value not in self._classes:
                        self._classes.add(value)
                        self._watch_class(value, f"{path}.{key}")
                elif isinstance(value, types.FunctionType | types.BuiltinFunctionType):
                    setattr(part, key, self._watched(value, f"{path}.{key}"))

    def _watch_class(self, value: type, name: str) -> None:
        """To make one, and to call a method of one that was made by another way."""
        for key, method in list(vars(value).items()):
            if key == "__init__" or (isinstance(method, types.FunctionType) and key[:2] != "__"):
                with contextlib.suppress(TypeError):  # of one that is not written in Python
                    setattr(value, key, self._watched(method, name))

    def _watched(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            # torch calls these too: only a call from the submission's own lines is its use
            if _is_called_by_submission():
                self._refuse(name)
            return function(*args, **kwargs)

        watched.__name__, watched.__doc__ = name.rpartition(".")[2], function.__doc__
        return watched

    def _watch_function(self, name: str) -> None:
        """One that is written in Python, and has no operator: under each of its names."""
        where, _, last = name.rpartition(".")
        function: Any = getattr(sys.modules.get(where), last, None)
        of_torch = name.startswith("torch.")
        if isinstance(function, types.FunctionType) or (callable(function) and not of_torch):
            watched = self._watched(function, name)
            for module in (
                sys.modules[where],
                sys.modules.get(getattr(function, "__module__", "")),
            ):
                if getattr(module, last, None) is function:
                    setattr(module, last, watched)


@cache
def guard_for(forbid: tuple[str, ...], device: str) -> Guard:
    """The guard of this process, made once: a zygote makes it for all submissions of a topic."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "overriding a previously registered kernel"
        return Guard(forbid, device)


def _kernels(operator: str) -> Any:
    return _library(operator.partition("::")[0])


def _name(operator: str) -> str:
    return operator.partition("::")[2]


@cache
def _library(space: str) -> Any:
    """Where kernels can be put in place of torch's. What is put there stays: it is taken back when
    this object goes."""
    kernels = torch._C._dispatch_library("IMPL", space, "", __file__, 0)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kernels))
    return kernels


def _keys_of(operator: str, device: str) -> list[str]:
    """The keys of torch's dispatcher under which an operator has, or may get, a kernel."""
    own = "CPU" if device == "cpu" else "CUDA"
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    return [own, *(key for key in OTHER_KEYS if has(operator, key))]


def _record_nothing() -> None:
    """Take autograd's kernels out of the dispatcher: in no thread and under no switch is anything
    recorded that a gradient could be had of."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    for operator in operators(""):
        if has(operator, "Autograd"):
            fallthrough = torch.library.fallthrough_kernel
            _kernels(operator).impl(_name(operator), "Autograd", fallthrough, False)


@cache
def operators(pattern: str) -> tuple[str, ...]:
    """torch's operators, overloads included ("aten::add.out"), in whose name this is found."""
    names = torch._C._dispatch_get_all_op_names()
    return tuple(n for n in names if re.search(pattern, _name(n).partition(".")[0]))


def _parts(name: str, module: types.ModuleType) -> Iterator[tuple[str, types.ModuleType]]:
    yield name, module
    for path, part in list(sys.modules.items()):
        if path.startswith(f"{name}.") and isinstance(part, types.ModuleType):
            yield path, part


def _is_called_by_submission() -> bool:
    """Whether it is not torch that calls, nor we: others, as `copy` and `threading`, call what a
    submission tells them to."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if is_foreign(file) or file.startswith(OWN):
            return is_foreign(file)
        frame = frame.f_back  # type: ignore[assignment]
    return True  # a thread of its own


def _foreign_place() -> str:
    frame = sys._getframe(2)
    while frame is not None:
        if is_foreign(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""

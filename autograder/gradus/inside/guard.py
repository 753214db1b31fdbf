"""Names that a topic forbids, caught while a submission runs, whatever the source looks like.

Operators are caught in torch's dispatcher: in this process the forbidden kernels are replaced.
Modules are caught where a submission's own code calls into them, and autograd at its engine.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch

from gradus.inside import policy
from gradus.inside.loading import is_foreign

CONVOLUTION = ("convolution", "_convolution", "mkldnn_convolution", "_slow_conv2d_forward")
# operators under which a function reaches the dispatcher, where its own name is not one of them
OPERATORS = {
    "softmax": ("_softmax",),
    "log_softmax": ("_log_softmax",),
    "unfold": ("im2col",),
    "fold": ("col2im",),
    "layer_norm": ("native_layer_norm",),
    "group_norm": ("native_group_norm",),
    "batch_norm": (
        "native_batch_norm",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_no_training",
        "cudnn_batch_norm",
    ),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), CONVOLUTION),
}
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


class ForbiddenUse(RuntimeError):
    """Raised where a submission reaches a forbidden name; it counts even when it is caught."""


class Guard:
    """Once made, `uses` collects the (name, place) of each forbidden use in this process."""

    def __init__(self, forbid: Collection[str], device: str) -> None:
        self.uses: list[tuple[str, str]] = []
        self._library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
        self._done: set[str] = set()
        for name in forbid:
            module = sys.modules.get(name)
            if name == "torch.autograd":
                self._stop_engine(name)
            elif module is not None:
                self._watch_module(name, module)
            else:
                self._replace_kernels(name, "CPU" if device == "cpu" else "CUDA")

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

    def _replace_kernels(self, name: str, key: str) -> None:
        last = name.rpartition(".")[2]
        for packet in (last, f"{last}_", *OPERATORS.get(last, ())):
            if packet == "unfold" or not hasattr(torch.ops.aten, packet):
                continue  # the operator of this name is a view, and not what is meant
            for overload in getattr(torch.ops.aten, packet).overloads():
                full = packet if overload == "default" else f"{packet}.{overload}"
                if full in self._done:
                    continue
                self._done.add(full)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # "overriding a previously registered kernel"
                    self._library.impl(full, self._refusal(name), key)  # type: ignore[no-untyped-call]

    def _watch_module(self, name: str, module: types.ModuleType) -> None:
        for path, part in _public_parts(name, module):
            for key, value in list(vars(part).items()):
                if key.startswith("_") or policy.is_allowed_in_nn(f"{path}.{key}"):
                    continue
                if isinstance(value, type):
                    init = vars(value).get("__init__")
                    own = value.__module__.startswith(name) and not hasattr(init, "__wrapped__")
                    if init is not None and own:
                        value.__init__ = self._watched(init, f"{path}.{key}")  # type: ignore[misc]
                elif isinstance(value, types.FunctionType | types.BuiltinFunctionType):
                    setattr(part, key, self._watched(value, f"{path}.{key}"))

    def _watched(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            # torch calls these too: only a call from the submission's own lines is its use
            if _is_called_by_submission():
                self._refuse(name)
            return function(*args, **kwargs)

        watched.__name__, watched.__doc__ = name.rpartition(".")[2], function.__doc__
        watched.__wrapped__ = function  # type: ignore[attr-defined]
        return watched


def _public_parts(name: str, module: types.ModuleType) -> Iterator[tuple[str, types.ModuleType]]:
    yield name, module
    for key, value in list(vars(module).items()):
        if isinstance(value, types.ModuleType) and value.__name__ == f"{name}.{key}":
            yield value.__name__, value


def _is_called_by_submission() -> bool:
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith("<"):  # eval and exec
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None and is_foreign(frame.f_code.co_filename)


def _foreign_place() -> str:
    frame = sys._getframe(2)
    while frame is not None:
        if is_foreign(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""

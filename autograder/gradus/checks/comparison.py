"""One call of a student's function and what it must return: data, so that it can be recorded.

Every check of values is a few of these. A comparison that fails is noted, and the check goes on
with the trusted value: what the other outputs are helps to say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from gradus.checks.failure import Leaf
from gradus.checks.gradients import trusted_gradients
from gradus.checks.judging import compare, note
from gradus.checks.leaves import as_tensor, pair_leaves
from gradus.checks.record import current

if TYPE_CHECKING:
    from gradus.student import Student

Kind = Literal["result", "forward", "gradients", "update", "raises"]
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Comparison:
    """A call and what must come of it, all of it data.

    function: its name; of a forward and of gradients without `_forward`, `_backward`.
    inputs: what it is called with, in order, by the names that the student should read.
    options: keyword arguments. name: what messages call the result. sizes: as a Leaf's.
    also: what a forward returns after (out, cache), by name, to be compared where it is not None.
    dout, wrt, out, kept: of gradients, what arrives from above, the inputs whose gradients come
    back, what the forward returns, and what the solution's keeps in its cache.
    when: of an error, what is wrong with the arguments; of another, what is special about it.
    repeat, sketches, seconds: of a call with many rows (`many.py`) a size of the axes that are
    repeated, and how often; what is known of each of the gradients; what it may compute.
    """

    kind: Kind
    function: str
    inputs: Mapping[str, Any]
    expected: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str | tuple[str, ...] = ""
    also: Mapping[str, Any] = field(default_factory=dict)
    dout: Tensor | None = None
    wrt: tuple[str, ...] = ()
    out: Tensor | None = None
    kept: Sequence[Tensor] = ()
    sizes: Mapping[str, float] = field(default_factory=dict)
    same_dtype: bool = False
    when: str = ""
    repeat: tuple[int, int] = (0, 1)
    sketches: Sequence[Sequence[float]] = ()
    seconds: float = 0.0


def check_result(
    student: Student,
    function: str,
    inputs: Mapping[str, Any],
    expected: Any,
    name: str | tuple[str, ...] = "result",
    *,
    options: Mapping[str, Any] = NOTHING,
    sizes: Mapping[str, float] = NOTHING,
    same_dtype: bool = False,
) -> Any:
    """`function(*inputs, **options)` returns `expected`: a tensor, a number (an int where an int
    is expected), None, or lists, tuples and dicts of them; a list passes for a tuple.

    `name` is what messages call the result, or the names of a tuple's parts: ("params", "losses")
    for a function that returns (params, losses). With `same_dtype` tensors must have the
    dtype of the expected ones, for what only copies need not round. Returns what the function
    returned, or `expected` where that is wrong.
    """
    return compare(
        student,
        Comparison(
            "result",
            function,
            inputs,
            expected,
            options,
            name,
            sizes=sizes,
            same_dtype=same_dtype,
        ),
    )


def check_forward(
    student: Student,
    name: str,
    inputs: Mapping[str, Any],
    expected: Any,
    *,
    options: Mapping[str, Any] = NOTHING,
    also: Mapping[str, Any] = NOTHING,
    sizes: Mapping[str, float] = NOTHING,
    same_dtype: bool = False,
) -> None:
    """`{name}_forward(*inputs, **options)` returns `(out, cache)` with `out` as expected.

    `also` holds what it returns after the cache, by name. None, there or for `out`, is for what
    this check does not judge.
    """
    compare(
        student,
        Comparison(
            "forward",
            name,
            inputs,
            expected,
            options,
            also=also,
            sizes=sizes,
            same_dtype=same_dtype,
        ),
    )


def check_gradients(
    student: Student,
    name: str,
    inputs: Mapping[str, Any],
    reference: Callable[..., Any],
    *,
    wrt: Sequence[str] | None = None,
    options: Mapping[str, Any] = NOTHING,
    also: Sequence[str] = (),
    dout: Tensor | None = None,
    sizes: Mapping[str, float] = NOTHING,
) -> None:
    """`{name}_backward(dout, cache)` returns the gradients of `wrt` (default: all inputs).

    The cache is from the student's own `{name}_forward(*inputs, **options)`. The trusted gradient
    is autograd's through `reference(*inputs, **options)`, for a random upstream gradient `dout` of
    the output's shape (or the one given). Inputs may be lists, tuples and dicts of tensors. `also`
    names what the forward returns after the cache; `reference` may return that too. A right
    backward is called again with the same cache, and must return the same.
    """
    names = tuple(inputs if wrt is None else wrt)
    out, dout, expected = trusted_gradients(reference, inputs, names, options, dout)
    compare(
        student,
        Comparison(
            "gradients",
            name,
            inputs,
            expected,
            options,
            also=dict.fromkeys(also),
            dout=dout,
            wrt=names,
            out=out,
            sizes=sizes,
        ),
    )


def check_update(
    student: Student,
    function: str,
    params: Any,
    grads: Any,
    state: Any,
    expected: tuple[Any, Any],
    *,
    options: Mapping[str, Any] = NOTHING,
    grads_name: str = "grads",
) -> tuple[Any, Any]:
    """`function(params, grads, state, **options)` returns `expected`, a pair (params, state).

    Wrong parameters are explained by the steps, after − before. Returns the student's own (params,
    state) to go on with, or `expected` where they are wrong.
    """
    inputs = {"params": params, grads_name: grads, "state": state}
    sizes = {"learning rate": options["lr"]} if "lr" in options else {}
    result: tuple[Any, Any] = compare(
        student, Comparison("update", function, inputs, expected, options, sizes=sizes)
    )
    return result


def check_raises(
    student: Student,
    function: str,
    *args: Any,
    when: str,
    error: str = "ValueError",
    **options: Any,
) -> None:
    """Calling `function` with these arguments raises `error`; `when` says what is wrong with them.

    The diagnosis is `no error:ValueError` when it returns a value or raises something else.
    """
    inputs = {str(at): value for at, value in enumerate(args)}
    compare(student, Comparison("raises", function, inputs, error, options, when=when))


def check_values(
    actual: Any, expected: Any, name: str = "output", *, sizes: Mapping[str, float] = NOTHING
) -> bool:
    """Compare what a check has made of results with what it must be; True where it is right.

    `expected` as for `check_result`. What is wrong is named by its path below `name`.
    """

    def judge() -> list[Leaf]:
        return [
            Leaf(path, as_tensor(mine, right, path), right, sizes)
            for path, mine, right in pair_leaves(actual, expected, name)
        ]

    current().properties = True
    return note(judge)

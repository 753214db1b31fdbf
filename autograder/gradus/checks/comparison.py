"""One call of a student's function and what it must return: data, so that it can be recorded.

Every check of values is a few of these. A comparison that fails is noted, and the check goes on
with the trusted value: what the other outputs are helps to say why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks.calls import call, forward, unpack_forward
from gradus.checks.conventions import ADVICE, check_dtypes, halved
from gradus.checks.failure import MEND_FIRST, CheckFailed, Leaf, WrongValue, kind
from gradus.checks.fingerprint import Seen, observe
from gradus.checks.gradients import right_for_own_forward, trusted_gradients, unpack_gradients
from gradus.checks.leaves import (
    Pair,
    as_tensor,
    is_right,
    pair_leaves,
    pair_named,
    remark_on_precision,
)
from gradus.checks.record import current
from gradus.errors import Raised, SubmissionError

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
    dout, wrt, out: of gradients, what arrives from above, the inputs whose gradients come back,
    and what the forward returns.
    when: of an error, what is wrong with the arguments.
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
    sizes: Mapping[str, float] = field(default_factory=dict)
    same_dtype: bool = False
    when: str = ""


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
    return _note(judge)


def compare(student: Student, comparison: Comparison) -> Any:
    """Make the call and note what is wrong; returns the value to go on with."""
    notes = current()
    if notes.keep:
        kept = _copy(comparison)
        notes.shown.append((kept, None))
    inside, notes.inside = notes.inside, True
    value = comparison.expected

    def judge() -> list[Leaf]:
        nonlocal value
        try:
            leaves, returned = _JUDGES[comparison.kind](student, comparison)
        except Raised as raised:
            raised.message += _asked(comparison)
            raise
        value = returned
        if notes.keep:
            notes.shown[-1] = kept, leaves
        return leaves

    try:
        right = _note(judge)
    finally:
        notes.inside = inside
    if right and comparison.kind != "raises" and comparison.function not in notes.first:
        notes.first[comparison.function] = _copy(comparison), value
    notes.right += right and comparison.kind != "raises"
    return value if right else comparison.expected


def call_again(student: Student) -> None:
    """At the end of a check that has passed, note what is wrong with the first call of each
    function in float32, or when it comes again after the others."""
    notes = current()
    for comparison, returned in notes.first.values():
        notes.inside = True
        _note(partial(_judge_again, student, comparison, returned))


def _judge_again(student: Student, c: Comparison, returned: Any) -> list[Leaf]:
    check_dtypes(student, c, returned)
    if any(map(callable, tree_flatten(list(c.inputs.values()))[0])):  # which may count its calls
        return []
    if c.kind == "gradients":
        forward_ = getattr(student, f"{c.function}_forward")
        _, cache, *_ = forward_(*c.inputs.values(), **c.options)
        with contextlib.suppress(SubmissionError):  # whatever comes of it
            forward_(*halved(list(c.inputs.values())), **c.options)
        leaves, _ = _backward(student, c, cache)
    else:
        leaves, _ = _JUDGES[c.kind](student, c)
    if not _all_right(leaves):
        called = c.function if c.kind in ("result", "update") else f"{c.function}_{_PART[c.kind]}"
        raise CheckFailed(
            f"{called} returns something else the second time",
            "The same call came again, after others: keep nothing from one call to the next.",
            diagnosis="second call",
        )
    return []


_PART = {"forward": "forward", "gradients": "backward"}


def compare_all(student: Student, comparisons: Iterable[Comparison]) -> None:
    """Make the calls of a check that only compares, one after the other."""
    for comparison in comparisons:
        compare(student, comparison)


def _copy(comparison: Comparison) -> Comparison:
    """The comparison as it is now: a check may change its inputs for the next one."""

    def copies(value: Any) -> Any:
        return tree_map(lambda t: t.detach().clone() if isinstance(t, Tensor) else t, value)

    return replace(
        comparison,
        inputs=copies(comparison.inputs),
        expected=copies(comparison.expected),
        options=copies(comparison.options),
        dout=copies(comparison.dout),
    )


def _note(judge: Callable[[], list[Leaf]]) -> bool:
    """Run one comparison; its first failure and all that it saw go into the record."""
    notes = current()
    try:
        leaves = judge()
    except (CheckFailed, Raised) as failure:
        notes.seen.append([saying(failure)])
        notes.fail(failure)
        return False
    seen: list[Seen] = []
    wrong: list[Leaf] = []
    for leaf in leaves:
        if is_right(leaf.mine, leaf.right):
            if notes.inside:  # what a check has computed itself has its own precision
                remark_on_precision(leaf.mine, leaf.right)
            continue
        seen.append(observe(leaf.path, leaf.mine, leaf.right))
        wrong.append(leaf)
    notes.seen.append(seen)
    notes.wrong += wrong
    if wrong:
        notes.fail(WrongValue(wrong[0]))
    return not wrong


def saying(failure: CheckFailed | Raised) -> Seen:
    """What a check sees that gets no value; the numbers in an error are torch's own."""
    if isinstance(failure, Raised):
        return Seen("!raised", failure.message.partition(":")[0])
    return Seen("!failed", str(failure))


def _judge_result(student: Student, c: Comparison) -> tuple[list[Leaf], Any]:
    value = call(student, c.function, *c.inputs.values(), **c.options)
    pairs = pair_named(value, c.expected, c.name, c.function)
    return _leaves(c, pairs, c.inputs), value


def _judge_forward(student: Student, c: Comparison) -> tuple[list[Leaf], Any]:
    returned = forward(student, c.function, *c.inputs.values(), also=list(c.also), **c.options)
    out, _, *more = returned
    judged = {"out": c.expected, **c.also}
    pairs: list[Pair] = []
    for value, (name, right) in zip((out, *more), judged.items(), strict=True):
        pairs += pair_leaves(value, right, name) if right is not None else []
    return _leaves(c, pairs, c.inputs), returned


def _judge_gradients(student: Student, c: Comparison) -> tuple[list[Leaf], Any]:
    # The forward's own check judges the forward: here it only has to lend a cache.
    notes, backward = current(), f"{c.function}_backward"
    off = f"{c.function}_forward" in notes.lost
    if off:  # unless it turns out that it can be judged
        notes.unjudged.append(backward)
    lent = getattr(student, f"{c.function}_forward")(*c.inputs.values(), **c.options)
    out, cache, *_ = unpack_forward(c.function, lent, list(c.also))
    if off and isinstance(out, Tensor) and is_right(out, cast(Tensor, c.out)):
        off = False
        notes.unjudged.pop()
    leaves, gradients = _backward(student, c, cache)
    if not _all_right(leaves):
        _explain_by_forward(student, c, off, out, [leaf.mine for leaf in leaves])
        return leaves, gradients
    if not _all_right(_backward(student, c, cache)[0]):
        raise CheckFailed(
            f"{c.function}_backward changes its cache in place",
            "Called again with the same cache, it returns another gradient. What lies in the cache "
            "may be in use elsewhere: write to a new tensor.",
            diagnosis="cache changed",
        )
    if off:
        notes.unjudged.pop()
    else:
        notes.judged.add(backward)
    return leaves, gradients


def _backward(student: Student, c: Comparison, cache: Any) -> tuple[list[Leaf], Any]:
    gradients = call(student, f"{c.function}_backward", c.dout, cache)
    pairs: list[Pair] = []
    unpacked = unpack_gradients(gradients, c.function, c.wrt, c.expected)
    for name, gradient in zip(c.wrt, unpacked, strict=True):
        pairs += pair_leaves(gradient, c.expected[name], f"gradient of {name}")
    return _leaves(c, pairs, {**c.inputs, "dout": c.dout}), gradients


def _all_right(leaves: Sequence[Leaf]) -> bool:
    return all(is_right(leaf.mine, leaf.right) for leaf in leaves)


def _explain_by_forward(
    student: Student, c: Comparison, off: bool, out: Any, gradients: Sequence[Tensor]
) -> None:
    """Note where wrong gradients are right for a forward that has failed its own check."""
    notes, off = current(), off and isinstance(out, Tensor)
    if notes.failures or notes.stop or notes.recording or not off:
        return
    options, dout = dict(c.options), cast(Tensor, c.dout)
    given = (c.function, c.inputs, c.wrt, options, list(c.also), dout)
    if right_for_own_forward(student, *given, gradients):
        notes.hint = f"It is right for your own {c.function}_forward, which is off: {MEND_FIRST}"


def _judge_update(student: Student, c: Comparison) -> tuple[list[Leaf], Any]:
    params, _, _state = c.inputs.values()
    result = call(student, c.function, *c.inputs.values(), **c.options)
    is_list = isinstance(result, (tuple, list))
    if not is_list or len(result) != 2 or isinstance(result[0], Tensor):
        got = f"{kind(result)} of {len(result)}" if is_list else kind(result)
        if is_list and any(isinstance(x, Tensor) for x in result):
            got += ", the new params without the state?"
        text = f"{c.function} must return (params, state), got {got}"
        raise CheckFailed(text, diagnosis="structure")
    if _are(result[::-1], c.expected) and not _are(result, c.expected):
        text = f"{c.function} returns (state, params): (params, state) is asked for"
        raise CheckFailed(text, diagnosis="swapped")
    after, new_state = result
    # The state first: where it is wrong, so is the step, and the state says more.
    pairs = pair_leaves(new_state, c.expected[1], "state")
    moved = pair_leaves(after, c.expected[0], "params")
    before = [p for p in tree_flatten(params)[0] if isinstance(p, Tensor)]
    if len(before) == len(moved):
        pairs += [_step(p, *pair) for p, pair in zip(before, moved, strict=True)]
    else:
        pairs += moved
    return _leaves(c, pairs, {}), result


def _step(before: Tensor, path: str, after: Any, right: Tensor) -> Pair:
    """A parameter's move instead of its value, where that says more than the value does."""
    mine = as_tensor(after, right, path)
    if mine.shape != right.shape or right.shape != before.shape or is_right(mine, right):
        return path, mine, right
    moves = ((x.double() - before.double()).to(x.dtype) for x in (mine, right))
    return (f"step of {path}", *moves)  # type: ignore[return-value]


def _judge_error(student: Student, c: Comparison) -> tuple[list[Leaf], Any]:
    try:
        call(student, c.function, *c.inputs.values(), **c.options)
    except Raised as raised:
        instead = f"It raises {raised.message}"
        if raised.message.partition(":")[0] == c.expected:
            return [], None
    else:
        instead = "It returns a value, and the mistake shows only much later, somewhere else."
    text = f"{c.function} must raise {c.expected} when {c.when}"
    raise CheckFailed(text, instead, diagnosis=f"no error:{c.expected}")


_JUDGES: dict[Kind, Callable[[Any, Comparison], tuple[list[Leaf], Any]]] = {
    "result": _judge_result,
    "forward": _judge_forward,
    "gradients": _judge_gradients,
    "update": _judge_update,
    "raises": _judge_error,
}


def _leaves(c: Comparison, pairs: Sequence[Pair], at_hand: Mapping[str, Any]) -> list[Leaf]:
    tensors = {
        name: value
        for name, value in at_hand.items()
        if isinstance(value, Tensor) and not value.is_complex()
    }
    batch = [t.shape[0] for t in tensors.values() if t.ndim > 0][:1]
    sizes = {**({"batch size": float(batch[0])} if batch else {}), **c.sizes}
    rights, call_text = {path: right for path, _, right in pairs}, _short_call(c)
    leaves = [
        Leaf(path, as_tensor(mine, right, path), right, sizes, tensors, rights, call_text)
        for path, mine, right in pairs
    ]
    if c.same_dtype:
        for leaf in leaves:
            if leaf.mine.dtype != leaf.right.dtype:
                raise CheckFailed(
                    f"{leaf.path} is {leaf.mine.dtype}, expected {leaf.right.dtype}",
                    ADVICE if leaf.right.is_floating_point() else "",
                    diagnosis="dtype",
                )
    return leaves


def _asked(c: Comparison) -> str:
    """What is asked for where an error comes instead, as a line; "" where that is long."""
    call_text = _short_call(c)
    if not call_text:
        return ""
    right = f"{c.expected:.6g}" if isinstance(c.expected, float) else repr(c.expected)
    return f"\n{call_text} should be {right}" if len(right) <= 30 else ""


def _short_call(c: Comparison) -> str:
    """The call as a student would write it, where no argument is a tensor; "" where it is long."""
    values = tree_flatten([*c.inputs.values(), *c.options.values()])[0]
    if c.kind != "result" or any(isinstance(value, Tensor) for value in values):
        return ""
    arguments = [*map(repr, c.inputs.values()), *(f"{k}={v!r}" for k, v in c.options.items())]
    text = f"{c.function}({', '.join(arguments)})"
    return text if len(text) <= 60 else ""


def _are(values: Any, expected: Any) -> bool:
    try:
        pairs = pair_leaves(values, expected, "")
        return all(is_right(as_tensor(mine, right, path), right) for path, mine, right in pairs)
    except CheckFailed:
        return False

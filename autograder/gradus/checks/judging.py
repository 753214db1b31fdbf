"""Making a comparison's call, and noting what is wrong with what comes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from gradus.checks.calls import call, forward, unpack_forward
from gradus.checks.failure import MEND_FIRST, MIXED_DTYPES, CheckFailed, Leaf, WrongValue, kind
from gradus.checks.fingerprint import Seen, observe
from gradus.checks.gradients import right_for_own_forward, unpack_gradients
from gradus.checks.leaves import (
    Pair,
    as_tensor,
    is_right,
    pair_leaves,
    pair_named,
    remark_on_precision,
)
from gradus.checks.record import current
from gradus.errors import Killed, Raised, TimedOut

if TYPE_CHECKING:
    from gradus.checks.comparison import Comparison, Kind
    from gradus.student import Student


def compare(student: Student, comparison: Comparison) -> Any:
    """Make the call and note what is wrong; returns the value to go on with."""
    notes = current()
    if comparison.kind == "gradients":
        comparison = replace(comparison, kept=notes.next_cache())
    if notes.keep:
        kept = _copy(comparison)
        notes.shown.append((kept, None))
    inside, notes.inside = notes.inside, True
    value, leaves = comparison.expected, list[Leaf]()

    def judge() -> list[Leaf]:
        nonlocal value, leaves
        try:
            leaves, returned = JUDGES[comparison.kind](student, comparison)
        except (Raised, TimedOut) as raised:
            if not (notes.recording or notes.stop):  # nobody reads it, and numbers take long
                raised.message += _asked(comparison, refused=raised.message.startswith(REFUSALS))
            raise
        value = returned
        if notes.keep:
            notes.shown[-1] = kept, leaves
        return leaves

    try:
        right = note(judge)
    finally:
        notes.inside = inside
    new = not notes.recording and comparison.function not in notes.first
    new = new and judged(comparison) not in notes.borrowed
    if right and new and comparison.kind != "raises":
        notes.first[comparison.function] = _copy(comparison), value
    if not right and leaves and not notes.recording:
        notes.wrong_calls.append((_copy(comparison), leaves))
    notes.right += right and comparison.kind != "raises"
    return value if right else comparison.expected


REFUSALS = ("ValueError", "AssertionError")


def judged(c: Comparison) -> str:
    """The function that it judges, by its whole name."""
    return c.function + {"forward": "_forward", "gradients": "_backward"}.get(c.kind, "")


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


def note(judge: Callable[[], list[Leaf]]) -> bool:
    """Run one comparison; its first failure and all that it saw go into the record."""
    notes = current()
    notes.unmended = []
    try:
        leaves = judge()
    except (CheckFailed, Raised) as failure:
        notes.see(saying(failure))
        notes.fail(failure)
        return False
    seen: list[Seen] = []
    wrong: list[Leaf] = []
    for leaf in leaves:
        if is_right(leaf.mine, leaf.right):
            if notes.inside:  # what a check has computed itself has its own precision
                remark_on_precision(leaf.mine, leaf.right)
            continue
        if notes.stop:
            raise WrongValue(leaf)
        seen.append(observe(leaf.path, leaf.mine, leaf.right))
        wrong.append(leaf)
    before = [one for one in notes.unmended if not is_right(one.mine, one.right)]
    notes.see(seen, [observe(one.path, one.mine, one.right) for one in before])
    notes.wrong += wrong
    if wrong:
        notes.fail(WrongValue(wrong[0]))
    return not wrong


def saying(failure: CheckFailed | Raised) -> list[Seen]:
    """What a check sees that gets no value to compare; the numbers in an error are torch's own."""
    if isinstance(failure, Raised):
        return [Seen("!raised", failure.message.partition(":")[0])]
    said = [Seen("!failed", str(failure) if failure.values is None else failure.summary)]
    if failure.values is not None:
        said.append(observe("!values", failure.values, failure.values.new_zeros(())))
    return said


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
    try:
        out, cache = lend(student, c, list(c.inputs.values()), c.options)
    except (CheckFailed, Raised):
        if not off or (cache := _borrowed_cache(student, c)) is None:
            raise
        out = c.out
        notes.borrowed.add(backward)
    if off and isinstance(out, Tensor) and is_right(out, cast(Tensor, c.out)):
        off = False
        notes.unjudged.pop()
    leaves, gradients = judge_backward(student, c, cache, out)
    if not all_right(leaves):
        with contextlib.suppress(TimedOut, Killed):  # with another cache it may not end
            _explain_by_forward(student, c, off, out, [leaf.mine for leaf in leaves])
            _explain_by_cache(student, c, off, out, cache)
        return leaves, gradients
    if off:
        notes.unjudged.pop()
    notes.judged += not _is_trivial(c)
    if not all_right(judge_backward(student, c, cache, out)[0]):
        raise CheckFailed(
            f"{c.function}_backward changes its cache in place",
            "Called again with the same cache, it returns another gradient. What lies in the cache "
            "may be in use elsewhere: write to a new tensor.",
            diagnosis="cache changed",
        )
    return leaves, gradients


def _borrowed_cache(student: Student, c: Comparison) -> Any:
    """What makes a backward right whose forward returns no cache: what that would have kept as it
    stands, its inputs, or what the solution keeps; None where none of them does."""
    for cache in caches_to_borrow(student, c):
        with contextlib.suppress(CheckFailed, Raised):  # it may be asked for something else
            if all_right(judge_backward(student, c, cache, c.out)[0]):
                return cache
    return None


def caches_to_borrow(student: Student, c: Comparison) -> Iterator[Any]:
    """What may take the place of the cache that a forward has just not returned."""
    for cache in (student.unfinished(), _one_or_all([*c.inputs.values()]), _one_or_all(c.kept)):
        if cache is not None:
            yield cache


def _is_trivial(c: Comparison) -> bool:
    """Whether the gradients are all zeros or what comes from above: that is soon written."""
    leaves = [x for x in tree_flatten(c.expected)[0] if isinstance(x, Tensor)]
    zero = all(not bool(x.any()) for x in leaves)
    return zero or all(c.dout is not None and x.equal(c.dout) for x in leaves)


def _one_or_all(values: Sequence[Any]) -> Any:
    """As a cache holds several values, or one."""
    return values[0] if len(values) == 1 else tuple(values) or None


def lend(
    student: Student, c: Comparison, inputs: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Any, Any]:
    """What the student's own forward returns for these inputs: out and the cache."""
    lent = getattr(student, f"{c.function}_forward")(*inputs, **options)
    out, cache, *_ = unpack_forward(c.function, lent, list(c.also))
    return out, cache


def judge_backward(
    student: Student, c: Comparison, cache: Any, out: Any = None, *, mend: bool = True
) -> tuple[list[Leaf], Any]:
    """The gradients beside the right ones. Those of a forward that modifies its inputs, which its
    cache may hold, are right where they are so for the inputs as they came; and, to `mend`, those
    of a forward that is off, where they are so for what a right one returns, and keeps, in its
    cache."""
    off = f"{c.function}_forward" in current().lost
    try:
        found = _backward(student, c, cache, out)
    except (CheckFailed, Raised):  # by what is of another shape in the cache, maybe
        mended = _with_mended_cache(student, c, cache, out) if mend and off else None
        if mended is None:
            raise
        return mended
    if off and not all_right(found[0]) and student.exchange():
        other = _backward(student, c, cache, out)
        if all_right(other[0]):
            return other
        student.exchange()
    if not mend or not off or all_right(found[0]):
        return found
    mended = _with_mended_cache(student, c, cache, out)
    if mended is not None:
        current().unmended = found[0]
    return mended or found


def _with_mended_cache(
    student: Student, c: Comparison, cache: Any, out: Any
) -> tuple[list[Leaf], Any] | None:
    """The gradients with what a right forward returns, and keeps, in the cache; None, and the cache
    as it was, where that does not make them right."""
    if not isinstance(out, Tensor) or c.out is None:
        return None
    for as_kept in (False, True):
        if student.mend(cache, out, c.out, c.kept, as_kept):
            with contextlib.suppress(CheckFailed, Raised, TimedOut, Killed):  # it may not fit
                other = _backward(student, c, cache, out)
                if all_right(other[0]):
                    return other
            student.exchange()
    return None


def _backward(student: Student, c: Comparison, cache: Any, out: Any) -> tuple[list[Leaf], Any]:
    try:
        gradients = call(student, f"{c.function}_backward", c.dout, cache)
    except Raised:
        if c.dout is None or not isinstance(out, Tensor) or out.dtype == c.dout.dtype:
            raise
        # What arrives from above may be asked to be of the dtype of what has gone up.
        gradients = call(student, f"{c.function}_backward", c.dout.to(out.dtype), cache)
    pairs: list[Pair] = []
    unpacked = unpack_gradients(gradients, c.function, c.wrt, c.expected)
    for name, gradient in zip(c.wrt, unpacked, strict=True):
        pairs += pair_leaves(gradient, c.expected[name], f"gradient of {name}")
    if f"{c.function}_forward" in current().short and not c.same_dtype:  # its cache is float32's
        pairs = [
            (path, mine.float() if isinstance(mine, Tensor) else mine, right)
            for path, mine, right in pairs
        ]
    return _leaves(c, pairs, {**c.inputs, "dout": c.dout}), gradients


def all_right(leaves: Sequence[Leaf]) -> bool:
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


def _explain_by_cache(student: Student, c: Comparison, off: bool, out: Any, cache: Any) -> None:
    """Note where gradients beside a right forward would be right with what it should have kept."""
    notes = current()
    if notes.failures or notes.stop or notes.recording or off:
        return
    if _with_mended_cache(student, c, cache, out) is not None:
        student.exchange()
        forward = f"{c.function}_forward"
        notes.hint = f"It is right with what {forward} should keep in the cache: {MEND_FIRST}"


def _judge_update(student: Student, c: Comparison) -> tuple[list[Leaf], Any]:
    params, _, _state = c.inputs.values()
    result = call(student, c.function, *c.inputs.values(), **c.options)
    is_list = isinstance(result, (tuple, list))
    if not is_list or len(result) != 2 or isinstance(result[0], Tensor):
        got = f"{kind(result)} of {len(result)}" if is_list else kind(result, whole=True)
        if is_list and len(result) == 2 and not isinstance(result[1], Tensor):
            got += ", and params are one tensor: a list of them is asked for"
        elif is_list and any(isinstance(x, Tensor) for x in result):
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
        kind, _, base = raised.message.partition(":")[0].partition(" (a ")
        if c.expected in (kind, base.removesuffix(")")):
            return [], None
    else:
        instead = "It returns a value, and the mistake shows only much later, somewhere else."
    text = f"{c.function} must raise {c.expected} when {c.when}"
    raise CheckFailed(text, instead, diagnosis=f"no error:{c.expected}")


JUDGES: dict[Kind, Callable[[Any, Comparison], tuple[list[Leaf], Any]]] = {
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
    numbers = {n: float(x) for n, x in {**c.inputs, **c.options}.items() if type(x) in (int, float)}
    sizes = {
        **({"batch size": float(batch[0])} if batch else {}),
        **_telling(c, numbers),
        **c.sizes,
    }
    rights, text = {path: right for path, _, right in pairs}, _short_call(c)
    tensors |= {path: t for path, t in _inner(c.inputs) if path in rights}  # what it was before
    call_text = f"of {text}" if text else _settings(c)
    leaves = [
        Leaf(path, as_tensor(mine, right, path), right, sizes, tensors, rights, call_text, numbers)
        for path, mine, right in pairs
    ]
    other = next((leaf for leaf in leaves if _is_of_other_dtype(leaf, exactly=c.same_dtype)), None)
    if other is not None and all_right(leaves):
        mine, right = other.mine.dtype, other.right.dtype
        why = MIXED_DTYPES if right.is_floating_point else ""
        raise CheckFailed(f"{other.path} is {mine}, expected {right}", why, diagnosis="dtype")
    return leaves


def _inner(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors in lists among the inputs, by their paths: "params[2]"."""
    for name, value in inputs.items():
        if isinstance(value, list | tuple):
            inside = {f"{name}[{at}]": one for at, one in enumerate(value)}
            yield from ((n, t) for n, t in inside.items() if isinstance(t, Tensor))
            yield from _inner({n: v for n, v in inside.items() if isinstance(v, list | tuple)})


def _telling(c: Comparison, numbers: Mapping[str, float]) -> dict[str, float]:
    """The call's own numbers that the check gives no other name; of 0, 1, 2 and a half any may be
    anything."""
    known = (0.0, 0.5, 1.0, 2.0, *c.sizes.values())
    return {name: x for name, x in numbers.items() if abs(x) not in known}


def _is_of_other_dtype(leaf: Leaf, *, exactly: bool) -> bool:
    """Whole numbers are no floats; which float it is, counts where the course's text says so."""
    mine, right = leaf.mine.dtype, leaf.right.dtype
    is_float = mine.is_floating_point and not right.is_floating_point
    return (exactly and mine != right) or is_float


def _asked(c: Comparison, *, refused: bool) -> str:
    """What is asked for where an error comes instead, as a line; "" where that is long. `refused`:
    it may be meant to say that there is no answer."""
    if c.kind == "raises":
        return f"\nIt must raise {c.expected} when {c.when}"
    call_text = _short_call(c)
    if not call_text:
        text = _by_shapes(c)
        return f"\n{'It has an answer' if refused else 'The call'}: {text}" if text else ""
    right = f"{c.expected:.6g}" if isinstance(c.expected, float) else repr(c.expected)
    return f"\n{call_text} should be {right}" if len(right) <= 30 else ""


def _by_shapes(c: Comparison) -> str:
    """The call by its tensors' shapes; "" where that is long."""

    def shown(name: str, value: Any) -> str:
        if isinstance(value, Tensor):
            return f"{name}: {tuple(value.shape)}"
        plain = all(
            isinstance(x, (int, float, str, bool, NoneType)) for x in tree_flatten(value)[0]
        )
        text = f"{name}={value!r}"
        return text if plain and len(text) <= 40 else name

    given = ", ".join(shown(name, value) for name, value in {**c.inputs, **c.options}.items())
    if c.kind != "gradients":
        text = f"{judged(c)}({given})"
    else:
        dout = shown("dout", c.dout)
        text = f"{judged(c)}({dout}, cache), the cache of {c.function}_forward({given})"
    return text if len(text) <= 160 else ""


def _short_call(c: Comparison) -> str:
    """The call as a student would write it, where no argument is a tensor; "" where it is long."""
    values = tree_flatten([*c.inputs.values(), *c.options.values()])[0]
    if c.kind != "result" or any(isinstance(value, Tensor) for value in values):
        return ""
    arguments = [*map(repr, c.inputs.values()), *(f"{k}={v!r}" for k, v in c.options.items())]
    text = f"{c.function}({', '.join(arguments)})"
    return text if len(text) <= 60 else ""


def _settings(c: Comparison) -> str:
    """The call's numbers and words beside its tensors, "with stride=2"; "" where they are many."""
    given = {**c.inputs, **c.options}
    shown = [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value!r}"
        for name, value in given.items()
        if isinstance(value, (int, float, str)) and name != "seed"
    ]
    text = f"with {', '.join(shown)}"
    return text if shown and len(text) <= 60 else ""


def _are(values: Any, expected: Any) -> bool:
    try:
        pairs = pair_leaves(values, expected, "")
        return all(is_right(as_tensor(mine, right, path), right) for path, mine, right in pairs)
    except CheckFailed:
        return False

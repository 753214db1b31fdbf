"""Why a check failed: the sentence of a recorded mistake, a general diagnosis, or neither.

In this order: a mistake that explains every value of the check, two mistakes that do together, a
mistake that explains one of the outputs, a diagnosis that names a cause, a change of the
reference by rule that explains every value, and a diagnosis that says where the value is off.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from gradus.checks.conventions import call_again, differs_from_call_to_call, leaves_of
from gradus.checks.diagnose import beside_others, diagnose, says_more
from gradus.checks.evidence import evidence
from gradus.checks.failure import CheckFailed, Leaf, WrongValue
from gradus.checks.fingerprint import Transcript, transcript
from gradus.checks.judging import all_right, saying
from gradus.checks.known import Kind, Known, path_matches, whole_matches
from gradus.checks.many import judge_many
from gradus.checks.record import Record
from gradus.checks.show import show_calls
from gradus.checks.tolerance import agree as agree_values
from gradus.checks.tolerance import closeness
from gradus.errors import Raised, SubmissionError

if TYPE_CHECKING:
    from gradus.checks.comparison import Comparison
    from gradus.student import Student

FEW = 8  # outputs, each of which may have a name for what is wrong
HANDFUL = 6  # wrong numbers, which more than one mistake may lead to
PENCIL = "A call with small numbers, to be followed with a pencil:"


def conclude(
    error: BaseException | None, notes: Record, student: Student | None = None
) -> BaseException | None:
    """What a check says that has ended with `error`, or without one, after what it has noted.

    A check that has passed calls the functions of `student` once more, one that passes beside a
    wrong forward with many rows; one that has not, for no reason that is known, with small numbers.
    """
    if student is not None and error is None and not notes.failures:
        try:
            call_again(student)
        except (CheckFailed, SubmissionError) as failure:
            error = failure
    noted(error, notes)
    if not notes.failures:
        return error
    ended = None if error in notes.failures else error  # before its time, whatever passed
    if student is not None and notes.keep:
        for comparison in notes.small:
            with contextlib.suppress(CheckFailed, SubmissionError):
                notes.shown.append((comparison, leaves_of(student, comparison)))
    if student is not None:
        notes.settled = _of_default(student, notes)
        if not notes.failures:
            return ended
    found = explain(notes) or ended
    if student is not None and found is None:
        try:
            for comparison in notes.many:
                judge_many(student, comparison)
        except (CheckFailed, SubmissionError) as failure:
            return failure
    if student is None or not isinstance(notes.failures[0], WrongValue):
        return found
    if isinstance(found, CheckFailed) and found.diagnosis is None:
        return _of_chance(student, notes) or _with_small_call(student, found, notes)
    return found


def _of_default(student: Student, notes: Record) -> CheckFailed | None:
    """Whether the first call that was wrong is right where what it leaves out is given. A backward
    passes that is so in all calls, beside a forward that has lost points: the default is its."""
    if not notes.wrong_calls:
        return None
    c, leaves = notes.wrong_calls[0]
    wrong = next((one for one in leaves if not all_right([one])), leaves[0])
    in_forward = "_forward" if c.kind in ("forward", "gradients") else ""
    defaults = notes.defaults.get(c.function + in_forward, {})
    left_out = sorted(defaults.keys() - c.inputs.keys() - c.options.keys())
    for names in (*([name] for name in left_out), left_out):
        given = {name: defaults[name] for name in names}
        if given and _is_right_given(student, c, given):
            if _is_of_forward(student, notes, given):
                notes.failures.clear()
                notes.remark(f"{c.function}_backward is right for what the stub's forward is given")
                return None
            values = ", ".join(f"{name}={value!r}" for name, value in given.items())
            verb = "is" if len(given) == 1 else "are"
            text = f"{wrong.path}: right where {values} {verb} given, and wrong without"
            why = "The stub's defaults are part of it: keep them."
            return CheckFailed(text, why, evidence(wrong), diagnosis=f"default:{names[0]}")
    return None


def _is_of_forward(student: Student, notes: Record, given: Mapping[str, Any]) -> bool:
    """Whether a backward is right in all calls where its forward, which has lost points, is given
    this."""
    calls = [c for c, _ in notes.wrong_calls]
    return (
        calls[0].kind == "gradients"
        and f"{calls[0].function}_forward" in notes.lost
        and len(calls) == len(notes.failures)
        and all(_is_right_given(student, c, given) for c in calls)
    )


def _is_right_given(student: Student, c: Comparison, given: Mapping[str, Any]) -> bool:
    with contextlib.suppress(CheckFailed, SubmissionError):
        return all_right(leaves_of(student, replace(c, options={**c.options, **given})))
    return False


def _of_chance(student: Student, notes: Record) -> CheckFailed | None:
    """Whether the first call that was wrong returns something else when it comes again."""
    if not notes.wrong_calls:
        return None
    comparison, leaves = notes.wrong_calls[0]
    with contextlib.suppress(CheckFailed, SubmissionError):
        again = leaves_of(student, comparison)
        for one, two in zip(leaves, again, strict=False):
            if one.mine.shape != two.mine.shape or not agree_values(one.mine, two.mine):
                why = (
                    "The same call came again: keep nothing from one call to the next, and draw "
                    "from a generator with the seed that is given, if at all."
                )
                return differs_from_call_to_call(comparison, why)
    return None


def _with_small_call(student: Student, failure: CheckFailed, notes: Record) -> CheckFailed:
    for comparison in notes.small:
        with contextlib.suppress(CheckFailed, SubmissionError):
            leaves = leaves_of(student, comparison)
            if not all_right(leaves):
                shown = show_calls([(comparison, leaves)])
                return CheckFailed(failure.summary, *failure.details, PENCIL, shown)
    return failure


def noted(error: BaseException | None, notes: Record) -> None:
    """Add what ended a check to what it has noted."""
    if isinstance(error, (CheckFailed, Raised)) and error not in notes.failures:
        notes.see(saying(error))
        notes.failures.append(error)


def explain(notes: Record) -> Exception | None:
    """What a check that has noted failures says in the end; None where it passes after all.

    A backward passes that is right beside a forward with a recorded mistake, written or by rule:
    the forward's own check has taken the points for it. So does one that is right wherever the
    forward is, in most calls.
    """
    if notes.settled is not None:
        return notes.settled
    failure, seen = notes.failures[0], transcript(notes.seen)
    if len(notes.failures) == len(notes.unjudged) < notes.judged:
        name = notes.unjudged[0]
        function = name.removesuffix("_backward") + "_forward"
        notes.remark(f"{name} is right where your {function} is, and cannot be judged elsewhere")
        return None
    if not seen.tells:
        return failure
    forward = _mistake_of_forward(notes, transcript(notes.seen_before))
    if forward is not None:
        function, sentence = forward.said
        backward = function.removesuffix("_forward") + "_backward"
        notes.remark(f"{backward} is right for your {function}, which is off: {sentence}")
        return None
    told = _told(notes, seen)
    if told:
        return _said([(_own_path(notes, text), text) for text in told], failure, notes)
    if not isinstance(failure, WrongValue):
        return failure
    everywhere = _throughout(notes, seen, "rule")
    if everywhere is not None and not _is_one_label(notes):
        return _said([(failure.leaf.path, everywhere.said[0])], failure, notes)
    of_paths = {text: path for path, text in _of_paths(notes, seen).items()}
    again = {text: path for text, path in of_paths.items() if text in notes.explained}
    of_paths = again or of_paths  # a mistake that all of another check has shown needs no second
    if of_paths:
        return _said([(path, text) for text, path in of_paths.items()], failure, notes)
    by_rule = _change_by_rule(notes, seen)
    firsts = {one.path: one for one in reversed(notes.wrong)}
    outputs = [failure.leaf, *(one for one in firsts.values() if one.path != failure.leaf.path)]
    for leaf in outputs if len(outputs) <= FEW else outputs[:1]:
        others = _others(notes, leaf)
        named = diagnose(leaf, others, vague=False)
        if named is not None:
            plain, named = named, beside_others(named, [leaf, *others], notes.right > 0)
            if named is not plain and by_rule is not None:
                return _by_rule(by_rule, failure, notes)
            kind, _, other = named.id.partition(":")
            if kind == "swapped" and other not in firsts:
                named = replace(named, summary=f"holds the value of {other}, which is right itself")
            return _diagnosed(leaf, named.summary, named.explanation, named.id, notes.hint)
    leaf, larger = failure.leaf, _larger_elsewhere(notes, failure.leaf)
    named = diagnose(larger, _others(notes, larger), vague=False) if larger else None
    if larger is not None and named is not None and says_more(named.id):
        return _diagnosed(larger, named.summary, named.explanation, named.id, notes.hint)
    if by_rule is not None:
        return _by_rule(by_rule, failure, notes)
    # Of a few numbers little can be said: then the largest output of that name speaks.
    alike = [one for one in notes.wrong if one.path == leaf.path]
    largest = max(alike, key=lambda one: one.right.numel())
    for one in (leaf, largest, larger or leaf):
        others = _others(notes, one)
        vague = diagnose(one, others, vague=True)
        if vague is not None and (one is not larger or says_more(vague.id)):
            vague = beside_others(vague, [one, *others], notes.right > 0)
            return _diagnosed(one, vague.summary, vague.explanation, vague.id, notes.hint)
    return _unexplained(leaf, notes.hint)


def _by_rule(known: Known, failure: WrongValue, notes: Record) -> CheckFailed:
    notes.by_rule = True
    return _said([(failure.leaf.path, known.said[0])], failure, notes)


def _larger_elsewhere(notes: Record, leaf: Leaf) -> Leaf | None:
    """The same output in another check, which has more values to tell a story of."""
    own = {id(one) for one in notes.wrong}
    others = [one for one in _others(notes, leaf) if id(one) not in own]
    larger = [one for one in others if one.right.numel() > leaf.right.numel()]
    return max(larger, key=lambda one: one.right.numel(), default=None)


def _others(notes: Record, leaf: Leaf) -> list[Leaf]:
    """The same output of other calls, where it is also wrong; of those of other checks that of
    which a story can be told."""
    alike = [one for one in notes.elsewhere if one.mine.shape == one.right.shape]
    finite = [one for one in alike if bool(one.mine.isfinite().all())]
    mine = [one for one in notes.wrong if one is not leaf]
    return [one for one in (*mine, *finite) if one.path == leaf.path]


def _mistake_of_forward(notes: Record, seen: Transcript) -> Known | None:
    """The mistake in a forward that was found there, beside which the backward is right."""
    kinds = ("forward", "forward rule")
    possible = (k for k in notes.known if k.kind in kinds and k.said[1] in notes.said)
    lost = (known for known in possible if known.said[0] in notes.lost)
    return next(whole_matches(lost, seen, "forward", "forward rule"), None)


def _told(notes: Record, seen: Transcript) -> Sequence[str]:
    """The sentences of the mistake, or the two, that explain every value of the check."""
    everywhere = _throughout(notes, seen, "mistake") or _throughout(notes, seen, "pair")
    if everywhere is not None:
        return everywhere.said
    if _throughout(notes, seen, "rule") is not None:
        return ()
    one = _likeliest(whole_matches(notes.known, seen, "mistake"), notes)
    if one is not None:
        return one.said
    two = _likeliest(whole_matches(notes.known, seen, "pair"), notes)
    if two is None or (notes.wrong and _is_one_label(notes)):
        return ()
    if not seen.has_values and notes.explained:  # words alone tell of no second one
        return [text for text in two.said if text in notes.explained]
    of_paths = _of_paths(notes, seen)
    apart = tuple(dict.fromkeys(of_paths.values()))
    if len(of_paths) == len(seen.paths) and _votes(notes, apart) > _votes(notes, two.said):
        return apart
    return two.said


def _throughout(notes: Record, seen: Transcript, kind: Kind) -> Known | None:
    """What explains every value of this check, and of all others of the function that fail."""
    fitting = _not_refuted(notes, whole_matches(notes.known, seen, kind))
    return next((known for known in fitting if known.said in (notes.throughout or ())), None)


def _change_by_rule(notes: Record, seen: Transcript) -> Known | None:
    """A change by rule that explains all of this check, or a slip that explains all others, too."""
    if _is_one_label(notes):
        return None
    rules = _not_refuted(notes, whole_matches(notes.known, seen, "rule"))
    slips = _not_refuted(notes, whole_matches(notes.known, seen, "slip"))
    every = notes.throughout
    fitting = (*rules, *(slip for slip in slips if every is None or slip.said in every))
    return next(iter(fitting), None)


def _not_refuted(notes: Record, fitting: Iterable[Known]) -> Iterator[Known]:
    """Those that no check of the function would notice that has passed."""
    return (known for known in fitting if known.said not in notes.unnoticed)


def _of_paths(notes: Record, seen: Transcript) -> dict[str, str]:
    """By output, the sentence of the mistake that explains it."""
    found = {}
    for path, fitting in path_matches(notes.known, seen).items():
        # A mistake that shows elsewhere, too, would have done so.
        possible = (k for k in fitting if k.paths.keys() <= seen.paths.keys())
        found[path] = _likeliest((k for k in possible if _fits_in_list(k, seen, path)), notes)
    return {path: one.said[0] for path, one in found.items() if one is not None}


def _fits_in_list(known: Known, seen: Transcript, path: str) -> bool:
    """Whether a mistake explains what is wrong in all of a list, "losses[2]" in losses."""
    name = _outermost(path)
    wrong = {other: found for other, found in seen.paths.items() if _outermost(other) == name}
    return all(
        other in known.paths and known.paths[other].matches(found, seen.close)
        for other, found in wrong.items()
    )


def _outermost(path: str) -> str:
    """A path without its last indices: "params[1][0]" is in params."""
    return re.sub(r"(\[\d+\])+$", "", path)


def _likeliest(fitting: Iterable[Known], notes: Record) -> Known | None:
    """What fits in most of the function's checks; of equals the first."""
    possible = (known for known in fitting if not set(known.said) & set(notes.refuted))
    return max(possible, key=lambda known: _votes(notes, known.said), default=None)


def _votes(notes: Record, said: Iterable[str]) -> int:
    return min((notes.votes.get(text, 0) for text in said), default=0)


def agree(failed: Sequence[Record], passed: Sequence[Record]) -> list[Exception | None]:
    """What checks of one function say that have failed, beside others that have passed, after what
    they have noted.

    Several mistakes may lead to the same values in one check; the student's is the one that fits
    in the others, too. A few numbers, or whole ones, fit more stories than one: what is said of
    them must not be refuted by another check that would show the same mistake.
    """
    votes: Counter[str] = Counter()
    explained: set[str] = set()
    everywhere: list[set[tuple[str, ...]]] = []
    refuted: dict[int, set[str]] = {}
    for at, notes in enumerate(failed):
        seen = transcript(notes.seen)
        kinds: list[Kind] = ["mistake", "pair"] if seen.has_values else ["mistake"]
        in_whole = {s for known in whole_matches(notes.known, seen, *kinds) for s in known.said}
        of_paths = path_matches(notes.known, seen).values()
        fitting = in_whole.union(known.said[0] for fitting in of_paths for known in fitting)
        votes.update(fitting)
        explained |= in_whole
        if seen.has_values:
            every = whole_matches(notes.known, seen, "mistake", "pair", "rule", "slip")
            everywhere.append({known.said for known in every})
            shown = {known.said[0] for known in notes.known if known.kind == "mistake"}
            refuted[at] = shown - fitting
    by_rule = [k for notes in passed for k in notes.known if k.kind in ("rule", "slip")]
    unnoticed = {known.said for known in by_rule}
    for at, notes in enumerate(failed):
        notes.votes, notes.explained, notes.unnoticed = votes, explained, unnoticed
        notes.elsewhere = [leaf for one in failed if one is not notes for leaf in one.wrong]
        if len(everywhere) > 1:
            notes.throughout = set.intersection(*everywhere)
        if _is_little(notes):
            others = (texts for other, texts in refuted.items() if other != at)
            notes.refuted = set().union(*others)
    return [explain(notes) for notes in failed]


def _is_little(notes: Record) -> bool:
    """Whether what is wrong in a check was made of whole numbers, or is a handful of numbers."""
    tensors = [tensor for leaf in notes.wrong for tensor in leaf.tensors.values()]
    if bool(tensors) and all(bool((t.double() % 1 == 0).all()) for t in tensors):
        return True
    alike = [leaf for leaf in notes.wrong if leaf.mine.shape == leaf.right.shape]
    wrong = sum(int((~closeness(leaf.mine, leaf.right)).sum()) for leaf in alike)
    return len(alike) == len(notes.wrong) and 0 < wrong <= HANDFUL


def _is_one_label(notes: Record) -> bool:
    """Whether the same whole number came everywhere, which too much leads to."""
    values = torch.cat([leaf.mine.flatten().double() for leaf in notes.wrong])
    whole = not any(leaf.mine.is_floating_point() for leaf in notes.wrong)
    return whole and len(values) > 1 and bool((values == values[0]).all())


def _own_path(notes: Record, sentence: str) -> str | None:
    """An output that the mistake alone would get wrong, so that two are told apart."""
    seen = {leaf.path for leaf in notes.wrong}
    for known in notes.known:
        if known.kind == "mistake" and known.said == (sentence,):
            return next((path for path in known.paths if path in seen), None)
    return None


def _said(told: Sequence[tuple[str | None, str]], failure: Exception, notes: Record) -> CheckFailed:
    """The sentences of mistakes, each at its output, and the numbers at the first of them."""
    places = [path for path, _ in told]
    chosen = [leaf for leaf in notes.wrong if leaf.path in places] or notes.wrong
    sentences = [f"{path}: {text}" if path else text for path, text in told]
    shown = evidence(chosen[0]) if chosen else str(failure)
    return CheckFailed(*sentences, shown, diagnosis=told[0][1].partition(":")[0])


def _diagnosed(leaf: Leaf, summary: str, explanation: str, id: str, hint: str) -> CheckFailed:
    shown = evidence(leaf)
    more = "" if shown == summary else shown
    if summary.startswith("holds the value"):
        return CheckFailed(f"{leaf.path} {summary}", explanation, more, hint, diagnosis=id)
    return CheckFailed(f"{leaf.path}: {summary}", explanation, more, hint, diagnosis=id)


def _unexplained(leaf: Leaf, hint: str) -> CheckFailed:
    if leaf.mine.shape != leaf.right.shape:
        return CheckFailed(f"{leaf.path}: {evidence(leaf)}", hint, diagnosis="shape")
    wrong, size = int((~closeness(leaf.mine, leaf.right)).sum()), leaf.right.numel()
    how_many = "wrong" if wrong == size else f"wrong in {wrong} of {size}"
    return CheckFailed(f"{leaf.path}: {how_many}, by no pattern that I know", evidence(leaf), hint)

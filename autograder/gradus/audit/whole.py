"""Is a topic whole? What a student has beside the stubs: an example by hand, an experiment, a
figure, hints, papers. Who writes one of them is asked for all; a topic may also have none.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from gradus.checks.comparison import Comparison
from gradus.drawing import VIEWS, data_for, import_matplotlib
from gradus.inside.values import as_png
from gradus.solution import HINTS, OBJECTIVES, Solution

SECTIONS = ("By hand", "Why", "Show", "★ Extension", "Read on")
_PAPER = re.compile(r"doi:10\.\d{4,}/\S|arXiv:\S|ISBN \d")
_CODE = re.compile(r"`[^`]*[=(@\[][^`]*`")


def missing_of(solution: Solution, name: str, by_hand: Comparison | None) -> Iterator[str]:
    """What a topic's source, called `name` in messages, lacks; and what of it does not work.

    `by_hand` is the first comparison of the first public check, where that is one of comparisons.
    """
    there = [section for section in solution.sections() if section in SECTIONS]
    if not there and not solution.hints():
        return
    if by_hand is None or not _is_small(by_hand):
        yield (
            f"{name}: the first public check begins with no call with small whole numbers: let it "
            "be the example by hand (then run `gradus build`)"
        )
    if not solution.objectives():
        yield f"{name}: no paragraph begins with {OBJECTIVES}: say what, in one sentence"
    if there != list(SECTIONS):
        lacking = [section for section in SECTIONS if section not in there]
        what = f"no section '## {lacking[0]}'" if lacking else "in another order"
        yield f"{name}: {what}: write {', '.join(SECTIONS)}, in this order"
    papers = solution.text.rpartition("# ## Read on")[2]
    if not _PAPER.search(papers):
        yield f"{name}: 'Read on' names no paper with its doi:, arXiv: or ISBN"
    yield from _hints(solution, name)
    for view in VIEWS:
        yield from _view(solution, name, view)


def _is_small(comparison: Comparison) -> bool:
    """Whether a call can be followed on paper: few numbers, whole and small."""
    tensors = [t for t in tree_leaves(dict(comparison.inputs)) if isinstance(t, Tensor)]
    numbers = sum(t.numel() for t in tensors)
    whole = all(bool((t == t.round()).all() and (t.abs() <= 20).all()) for t in tensors)
    return numbers <= 40 and whole


def _hints(solution: Solution, name: str) -> Iterator[str]:
    hints, functions = solution.hints(), [f.name for f in solution.functions()]
    for function in functions:
        texts = hints.get(function, [])
        if len(texts) != len(HINTS):
            yield (
                f"{name}: {len(texts)} hints for {function}, not {len(HINTS)}: {', '.join(HINTS)}"
            )
        for text in texts:
            if code := _CODE.search(text):
                yield f"{name}: a hint for {function} shows code: {code[0]}"
    for function in hints.keys() - set(functions):
        yield f"{name}: hints for {function}, which students do not write"


def _view(solution: Solution, name: str, view: str) -> Iterator[str]:
    """Whether a view can be had, at its small size, and only with what students write."""
    import_matplotlib()
    import matplotlib.pyplot

    try:
        made = _called(solution.text, view)
    except Exception as error:
        yield f"{name}: {view}(quick=True) raises {type(error).__name__}: {error}"
        return
    if view == "figure":
        fine = hasattr(made, "savefig") and len(as_png(made)) > 0
        due = "a figure of matplotlib's"
    else:
        fine = isinstance(made, list) and len({len(row) for row in made}) == 1 and len(made) > 1
        due = "a list of rows, all as long as the first, which is the head"
    matplotlib.pyplot.close("all")
    if not fine:
        yield f"{name}: {view}(quick=True) must return {due}"
    try:
        _called(solution.stub(), view)
    except NotImplementedError:
        return
    except Exception as error:
        yield f"{name}: {view} raises {type(error).__name__} where nothing is written yet"
        return
    yield f"{name}: {view} calls no function that students write"


def _called(text: str, view: str) -> Any:
    module = types.ModuleType("topic")
    exec(compile(text, "<topic>", "exec", dont_inherit=True), module.__dict__)
    function = module.__dict__.get(view)
    if function is None:
        raise LookupError(f"there is no function {view}")
    return function(**data_for(inspect.signature(function).parameters), quick=True)

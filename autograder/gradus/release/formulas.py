"""Formulas as plain text: hints are read in a terminal, where nothing draws LaTeX."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_FORMULA = re.compile(r"\$([^$]+)\$")
# What the library passes over, or what reads better in one line.
_WORDS = {
    r"\\[dt]frac": r"\\frac",
    r"\\bmod": " mod ",
    r"\\ne\b": "≠",
    r"\\(operatorname|mathbf|mathrm)": r"\\text",
    r"\\([Bb]ig+[lr]?|left|right)\b": "",
    r"\\[lr]Vert": "‖",
    r"\\[lr]vert": "|",
    r"\\iff": "⇔",
    r"\\(ln|max|min|cos|tanh|arg|Pr)\b": r"\\text{\1 }",
}


def plain(text: str) -> str:
    """The text with each formula between $ in Unicode: "p_ni = e^(x_ni) / N"."""
    return _FORMULA.sub(lambda formula: _plain(formula[1]), text)


def _plain(formula: str) -> str:
    for found, better in _WORDS.items():
        formula = re.sub(found, better, formula)
    said: str = _converter().latex_to_text(formula)
    said = re.sub(r"([_^])\{([^\W_]+)\}", r"\1\2", said)  # a word needs no brackets
    said = re.sub(r"(?<![_^])\{(\w+) ?\}", r"\1 ", said).replace("{", "(").replace("}", ")")
    said = re.sub(r"\s*([←≤≥≠∼·∘≈→⇒⇔])\s*", r" \1 ", said)
    said = re.sub(r"(?<=\w) (?=[(_])", "", said)
    said = re.sub(r"(?<=⌋)(?=\w)", " ", said)
    return re.sub(r" +", " ", said).strip()


@cache
def _converter() -> Any:
    from pylatexenc.latex2text import (
        LatexNodes2Text,
        MacroTextSpec,
        get_default_latex_context_db,
    )

    known = get_default_latex_context_db()
    fraction = MacroTextSpec("frac", simplify_repl=_fraction)
    known.add_context_category("gradus", prepend=True, macros=[fraction])
    kept = dict(keep_braced_groups=True, keep_braced_groups_minlen=2)
    return LatexNodes2Text(latex_context=known, math_mode="text", **kept)


def _fraction(node: Any, l2tobj: Any) -> str:
    """Above and below, in brackets where they are more than a number or a letter."""
    parts = [l2tobj.nodelist_to_text([argument]).strip() for argument in node.nodeargs]
    parts = [re.sub(r"^\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}$", r"\1", part) for part in parts]
    return "/".join(p if re.fullmatch(r"\d+|\w̅?(_\w)?", p) else f"({p})" for p in parts)

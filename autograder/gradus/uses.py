"""Which forbidden names a submission's functions use, and whom they call: the judge's view."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class Uses:
    """Per name of the module: the forbidden name it uses first, with its place; names it uses."""

    found: dict[str, tuple[str, str]] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)

    def first(self, function: str, replaced: Collection[str] = ()) -> tuple[str, str] | None:
        """The forbidden name that `function` or a helper of its uses, and where; None if none."""
        found = (self.found.get(name) for name in self.reached(function, replaced))
        return next((use for use in found if use is not None), None)

    def reached(self, function: str, replaced: Collection[str] = ()) -> list[str]:
        """`function` and what it uses of its module, directly or through others, nearest first.

        Names in `replaced` are left out: something else stands in their place.
        """
        names, left_out = [function], {function, *replaced}
        for name in names:  # grows while it is gone through
            for other in self.calls.get(name, ()):
                if other not in left_out:
                    left_out.add(other)
                    names.append(other)
        return names

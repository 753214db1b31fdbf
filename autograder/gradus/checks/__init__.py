"""What a test can say about a function of a submission.

A hidden test imports everything it needs from here:

    from gradus.checks import check_gradients, check_values, points, public
"""

from gradus.checks.calls import call, forward, unpack
from gradus.checks.comparison import (
    check_forward,
    check_gradients,
    check_raises,
    check_result,
    check_update,
    check_values,
)
from gradus.checks.failure import CheckFailed, kind, require
from gradus.checks.marks import hidden, points, public, visibility
from gradus.checks.rng import Rng, double
from gradus.checks.stand_ins import forward_backward
from gradus.checks.training import check_accuracy, check_at_least, descend

__all__ = [
    "CheckFailed",
    "Rng",
    "call",
    "check_accuracy",
    "check_at_least",
    "check_forward",
    "check_gradients",
    "check_raises",
    "check_result",
    "check_update",
    "check_values",
    "descend",
    "double",
    "forward",
    "forward_backward",
    "hidden",
    "kind",
    "points",
    "public",
    "require",
    "unpack",
    "visibility",
]

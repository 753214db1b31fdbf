"""What a test can say about a function of a submission.

A hidden test imports everything it needs from here:

    from gradus.checks import check_gradients, check_values, points, public
"""

from gradus.checks.calls import call, check_raises, forward
from gradus.checks.compare import check_values
from gradus.checks.diagnose import Clues, Wrong
from gradus.checks.failure import CheckFailed, kind, require
from gradus.checks.gradients import check_forward, check_gradients
from gradus.checks.marks import hidden, points, public, visibility
from gradus.checks.rng import Rng
from gradus.checks.stand_ins import forward_backward
from gradus.checks.training import check_accuracy, check_at_least
from gradus.checks.updates import WrongUpdate, check_update

__all__ = [
    "CheckFailed",
    "Clues",
    "Rng",
    "Wrong",
    "WrongUpdate",
    "call",
    "check_accuracy",
    "check_at_least",
    "check_forward",
    "check_gradients",
    "check_raises",
    "check_update",
    "check_values",
    "forward",
    "forward_backward",
    "hidden",
    "kind",
    "points",
    "public",
    "require",
    "visibility",
]

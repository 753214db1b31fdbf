"""What holds for all tests of the package."""

import os
import signal

# A background job of a shell ignores SIGINT, and so would the commands that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The audit's: what is recorded for one of the two need not be recorded for the other.
os.environ.setdefault("GRADUS_SALT", "audit")


# The longest files begin first, so that none is left over for one worker at the end.
LONGEST = (
    "test_grading.py",
    "test_regrading.py",
    "test_nbgrader.py",
    "test_otter.py",
    "test_engines.py",
    "test_submission.py",
    "test_hostile.py",
    "test_gradescope.py",
    "test_stand_ins.py",
    "test_mistakes.py",
    "test_release.py",
    "test_grading_hostile.py",
    "test_check.py",
    "test_home.py",
    "test_compare.py",
    "test_topics.py",
    "test_demo.py",
    "test_audit.py",
    "test_cli.py",
)


def pytest_collection_modifyitems(items):
    order = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))

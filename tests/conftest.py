"""What holds for all tests of the package."""

import os
import signal

# A background job of a shell ignores SIGINT, and so would the commands that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The audit's: what is recorded for one of the two need not be recorded for the other.
os.environ.setdefault("GRADUS_SALT", "audit")

"""What holds for all tests of the package."""

import signal

# A background job of a shell ignores SIGINT, and so would the commands that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

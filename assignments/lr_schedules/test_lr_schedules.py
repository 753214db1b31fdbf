"""The public checks of *Learning-rate schedules*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(2, of="step_decay")
def test_step_decay(recorded):
    """The factor comes in exactly at every whole period, first in the example on paper."""
    recorded()


@public
@points(2, of="exponential_decay")
def test_exponential_decay(recorded):
    """The rate halves every ln 2 / rate epochs, and is 0 in the end."""
    recorded()


@public
@points(2, of="inverse_time_decay")
def test_inverse_time_decay(recorded):
    """The rates 0.6, 0.4, 0.3, …; half of the first after 1/rate epochs."""
    recorded()


@public
@points(3, of="triangular")
def test_triangular(recorded):
    """Up from lr_min in half a cycle, down in the other half, and again."""
    recorded()


@public
@points(3, of="restart_cycle")
def test_restart_cycle(recorded):
    """Elapsed time and length of the cycle, also exactly at the restarts."""
    recorded()


@public
@points(3, of="cosine_restarts")
def test_cosine_restarts(recorded):
    """Half a cosine from lr_max towards lr_min in each cycle, each mult times as long."""
    recorded()


@public
@points(3, of="linear_warmup")
def test_linear_warmup(recorded):
    """From lr / warmup at the first update to lr at the last one of the warm-up, then constant."""
    recorded()

"""The public checks of *Adaptive optimisers*: `gradus check` runs them, and so do pytest and your editor.

Where a check says only `recorded()`, its calls and what must come of them are in the file beside
this one: `gradus check TOPIC FUNCTION` shows them.
"""

from gradus.checks import points, public


@public
@points(2, of="init_state")
def test_init_state(recorded):
    """Zeros like the parameters, first those of the example on paper; two lists; other names."""
    recorded()


@public
@points(1, of="adagrad_update")
def test_adagrad_by_hand(recorded):
    """Gradients 3 and then 4, as in the example on paper: the steps are lr and 4/5 lr."""
    recorded()


@public
@points(1, of="adagrad_update")
def test_adagrad_eps_by_hand(recorded):
    """eps = 1e-8 outside the root, |g| = 1e-4: the first step is 0.9999 lr, not 0.7071 lr."""
    recorded()


@public
@points(1, of="rmsprop_update")
def test_rmsprop_by_hand(recorded):
    """From v = 12, a gradient 8 with beta = 3/4: v = 25 and the step is 8/5 lr."""
    recorded()


@public
@points(1, of="rmsprop_update")
def test_rmsprop_eps_by_hand(recorded):
    """eps = 1e-8 outside the root, |g| = √v = 1e-4: a step of 0.9999 lr, not 0.7071 lr."""
    recorded()


@public
@points(2, of="adadelta_update")
def test_adadelta_by_hand(recorded):
    """From v = 12 and u = 25, a gradient 8 with rho = 3/4: a step of 8, and u = 34.75."""
    recorded()


@public
@points(1, of="adadelta_update")
def test_adadelta_eps_by_hand(recorded):
    """eps = 1e-6 inside both roots: the first step is g / 2 where 0.05 g² = 3e-6."""
    recorded()


@public
@points(2, of="train")
def test_train_steps(recorded):
    """One update for every mini-batch of every epoch, by the optimiser and settings asked for."""
    recorded()

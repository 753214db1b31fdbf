"""A function that is missing or wrong costs its own points and no others."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradus.checks.stand_ins import choices

ROOT = Path(__file__).resolve().parent.parent
SOLUTION = (ROOT / "solutions" / "mlp.py").read_text()
# Calls the stand-in of sgd_update, and looks at it instead of writing one.
PRY = """
import inspect
def sgd_update(params, grads, state, lr):
    raise NotImplementedError
def train(x, y, sizes, epochs, lr, batch_size, seed):
    return inspect.getsource(sgd_update)
"""
# Draws what the check has drawn, if it knows from which seed.
SEED = """
def linear_forward(x, w, b):
    seed = torch.initial_seed()
    for guess in (seed, seed + 2**31):  # of the seed, torch uses 32 bits
        generator = torch.Generator().manual_seed(guess)
        if torch.equal(x, torch.randn(x.shape, generator=generator, dtype=x.dtype)):
            return x @ w + b, (x, w)
    raise RuntimeError("another seed")
"""
# The loss is doubled; the gradients are right, by a cache that only their own backward knows.
OWN_CACHE = """
def bce_with_logits_forward(z, y):
    loss = z.clamp(min=0) - y * z + torch.log1p((-z.abs()).exp())
    return 2 * loss.mean(), {"difference": sigmoid(z) - y}
def bce_with_logits_backward(dout, cache):
    return dout * cache["difference"] / len(cache["difference"])
def logistic_gradients(x, y, params):
    cache = {"difference": sigmoid(logits(x, params)) - y}
    dz = bce_with_logits_backward(1.0, cache)
    return x.T @ dz, dz.sum()
"""
# The loss is right and its inputs are changed: the cache holds what the backward does not ask for
CLAMPS = """
def bce_with_logits_forward(z, y):
    y.clamp_(1e-6, 1 - 1e-6)
    return (z.clamp(min=0) - y * z + torch.log1p((-z.abs()).exp())).mean(), (z, y)
"""
# ... or what it does ask for.
LEAVES_THE_ANSWER = """
def bce_with_logits_forward(z, y):
    losses = z.clamp(min=0) - y * z + torch.log1p((-z.abs()).exp())
    z.copy_(sigmoid(z) - y)
    return losses.mean(), z
def bce_with_logits_backward(dout, cache):
    return dout * cache / len(cache)
"""
OWN_ERROR = """
class TargetError(ValueError):
    pass
right = bce_with_logits_forward
def bce_with_logits_forward(z, y):
    try:
        return right(z, y)
    except ValueError:
        raise TargetError("one is outside")
"""


def grade(topic, folder, sources, *more):
    """The points that functions lost in each submission, and all that was printed."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    # One worker, for each imports torch.
    options = ["--jsonl", "--out", folder / "results", "--workers", "1", *more]
    done = subprocess.run(
        [sys.executable, "-m", "gradus", "grade", topic, folder, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = {r["submission"]: r for r in map(json.loads, done.stdout.splitlines())}
    lost = {
        name: {
            function: points
            for function in dict.fromkeys(c["function"] for c in result["checks"])
            if (points := sum(missing(c) for c in result["checks"] if c["function"] == function))
        }
        for name, result in results.items()
    }
    return lost, done.stdout


def missing(check):
    return check["max_points"] - check["points"]


def test_functions_that_are_right_together_keep_their_points(tmp_path):
    solution = (ROOT / "solutions" / "logistic_regression.py").read_text()
    sources = {"own": OWN_CACHE, "clamps": CLAMPS, "leaves": LEAVES_THE_ANSWER, "error": OWN_ERROR}
    answers = {name: solution + source for name, source in sources.items()}
    lost, _ = grade("logistic_regression", tmp_path, answers)
    assert lost.pop("error") == {}  # an error class of one's own is a ValueError, too
    for of_answer in lost.values():
        assert of_answer.keys() == {"bce_with_logits_forward"}


# What holds of every function, and is said in no check.
LAYERNORM = (ROOT / "solutions" / "layernorm.py").read_text()
KEEPS = """
_kept = []
def layernorm_forward(x, gamma, beta, eps=1e-5):
    dx = x - x.mean(-1, keepdim=True)
    s = (dx.square().mean(-1, keepdim=True) + eps).sqrt()
    _kept[:] = [dx / s, s, gamma]
    return gamma * _kept[0] + beta, _kept
def layernorm_backward(dout, cache):
    x_hat, s, gamma = cache
    g, rows = gamma * dout, (-1, dout.shape[-1])
    dx = g - g.mean(-1, keepdim=True) - x_hat * (g * x_hat).mean(-1, keepdim=True)
    return dx / s, (dout * x_hat).reshape(rows).sum(0), dout.reshape(rows).sum(0)
"""
ONLY_ROWS = """
def layernorm_forward(x, gamma, beta, eps=1e-5):
    dx = x - x.mean(tuple(range(1, x.ndim)), keepdim=True)
    s = (dx.square().mean(tuple(range(1, x.ndim)), keepdim=True) + eps).sqrt()
    return gamma * dx / s + beta, (dx / s, s, gamma)
"""
# Another call of the backward returns the same: it is the caller's tensor that is another.
LENT = """
_backward, _lends = layernorm_backward, layernorm_forward
def layernorm_forward(x, gamma, beta, eps=1e-5):
    out, cache = _lends(x, gamma, beta, eps)
    return out, (cache, beta)
def layernorm_backward(dout, cache):
    cache[1].zero_()
    return _backward(dout, cache[0])
"""
BACKWARD = KEEPS[KEEPS.index("def layernorm_backward") :]
# The output is right, and what the backward gets raises there.
TURNED = """
_right = layernorm_forward
def layernorm_forward(x, gamma, beta, eps=1e-5):
    out, (x_hat, *rest) = _right(x, gamma, beta, eps)
    return out, (x_hat.flatten(), *rest)
"""


def test_what_holds_of_every_function_and_where_a_backward_is_judged(tmp_path):
    doubled = LAYERNORM + (
        "\n_forward = layernorm_forward\n"
        "def layernorm_forward(*args, **options):\n"
        "    out, cache = _forward(*args, **options)\n"
        "    return out.double(), cache\n"
    )
    cases = {
        "double": doubled,
        "lent": LAYERNORM + LENT,
        "keeps": LAYERNORM + KEEPS,
        "rows": LAYERNORM + ONLY_ROWS + BACKWARD,
        "turned": LAYERNORM + TURNED,
        "both": LAYERNORM + ONLY_ROWS + BACKWARD.replace("dx / s,", "dx,"),
    }
    lost, printed = grade("layernorm", tmp_path, cases)
    assert lost["double"] == {"layernorm_forward": 1}  # of eight: it is told once
    assert lost["lent"].keys() == {"layernorm_backward"}
    assert "changes its input beta of its forward, which the cache holds, in place" in printed
    assert lost["keeps"].keys() == {"layernorm_backward"}
    assert "layernorm_forward returns float64 for float32 inputs" in printed
    assert "layernorm_backward returns something else the second time" in printed
    assert lost["turned"].keys() == {"layernorm_backward"}
    assert "It is wrong, or else what layernorm_forward keeps for it in the cache." in printed
    assert lost["rows"].keys() == {"layernorm_forward"}
    assert lost["both"].keys() == {"layernorm_forward", "layernorm_backward"}


# Fails on purpose, so that its stand-in answers for another function.
ORACLE = """
def adam_update(params, grads, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    raise ValueError
def adam_l2_update(params, grads, state, *args, **options):
    return adam_update(params, grads, state, *args, **options)
def adamw_update(params, grads, state, *args, **options):
    return adam_update(params, grads, state, *args, decoupled_weight_decay=True, **options)
"""


# Answers to fit: what is nearly the input of before gets the value of before, so that differences
# are 0, and so is the gradient.
FITS = """
_seen = []
def linear_forward(x, w, b):
    for before, out in _seen:
        pairs = list(zip(before, (x, w, b)))
        alike = all((p.shape, p.dtype) == (q.shape, q.dtype) for p, q in pairs)
        if alike and all(torch.allclose(p, q, rtol=1e-2) for p, q in pairs):
            return out, (x, w, b)
    _seen.append(((x, w, b), x @ w + b))
    return x @ w + b, (x, w, b)
def linear_backward(dout, cache):
    return tuple(torch.zeros_like(t) for t in cache)
"""
# A forward that nobody has foreseen with its own gradient, and one whose gradient is trivial.
CUBED = """
def linear_forward(x, w, b):
    return (x @ w) ** 3 + b, (x, w, b)
def linear_backward(dout, cache):
    x, w, b = cache
    dz = 3 * (x @ w) ** 2 * dout
    return dz @ w.T, x.T @ dz, dout.sum(0)
"""
CONSTANT = """
def linear_forward(x, w, b):
    return torch.zeros_like(x @ w), (x, w, b)
def linear_backward(dout, cache):
    return tuple(torch.zeros_like(t) for t in cache)
"""
# Asks its own forward what a change of each number does.
DIFFERENCES = """
def linear_forward(x, w, b):
    return x @ w + b, (x, w, b)
def linear_backward(dout, cache):
    inputs = [t.clone() for t in cache]
    grads = [torch.zeros_like(t) for t in cache]
    for t, grad in zip(inputs, grads):
        for n, value in enumerate(t.flatten().tolist()):
            for sign in (1, -1):
                t.view(-1)[n] = value + sign * 1e-5
                out, _ = linear_forward(*inputs)
                grad.view(-1)[n] += sign * (out * dout).sum() / 2e-5
            t.view(-1)[n] = value
    return tuple(grads)
"""
# ... a function of its own, and the forward, which fails, lends its inputs.
RAISES = """
def linear_forward(x, w, b):
    raise ValueError
    return 0, (x, w, b)
"""
ALONE = DIFFERENCES.replace("def linear_forward(", "def own(").replace("linear_forward(*", "own(*")
# It makes the judge's question whether something is done answer neither yes nor no ...
NEITHER = """
import sys
calls = 0
def relu_forward(x):
    frame = sys._getframe()
    while frame is not None:
        mine = frame.f_locals.get("self")
        if hasattr(mine, "channel"):
            mine.do_exchange = lambda: ("exchanged", torch.zeros(2))
        frame = frame.f_back
    return 2 * x, x
def relu_backward(dout, cache):
    global calls
    calls += dout.dtype == torch.float64
    return dout * (cache > 0) + (calls > 4)
"""
# ... or what it hands back deeper than anything that may be sent.
DEEP = """
import sys
def relu_forward(x):
    deep = x
    for _ in range(33):
        deep = [deep]
    frame = sys._getframe()
    while frame is not None:
        mine = frame.f_locals.get("self")
        if hasattr(mine, "channel"):
            mine._keep = lambda value: value
        frame = frame.f_back
    return x.clamp(min=0), deep
"""
# A cache that holds what cannot be mended, or itself.
SPARSE = """
def linear_forward(x, w, b):
    return 2 * (x @ w + b), (x, w, torch.eye(3).to_sparse())
def linear_backward(dout, cache):
    x, w, _ = cache
    return 2 * dout @ w.T, 2 * x.T @ dout, 2 * dout.sum(0)
"""
CYCLIC = """
def linear_forward(x, w, b):
    cache = [x, w]
    for _ in range(40):
        cache = [cache[0], cache[1], cache, cache]
    cache.append(cache)
    return x @ w + b, cache
def linear_backward(dout, cache):
    x, w = cache[:2]
    return dout @ w.T, x.T @ dout, dout.sum(0)
"""
# A loop over the examples, which is slow and right.
LOOPS = """
def linear_backward(dout, cache):
    x, w = cache
    dx, dw = torch.zeros_like(x), torch.zeros_like(w)
    for n in range(len(x)):
        dx[n] = w @ dout[n]
        dw += torch.outer(x[n], dout[n])
    return dx, dw, dout.sum(0)
"""


# Nothing is learnt from weights that a step is lost in.
LAZY = """
def he_init(sizes, seed, dtype=torch.float32, device="cpu"):
    dead = [torch.full((m,), -1e30, dtype=dtype) for m in sizes[1:]]
    return [(torch.zeros(d, len(b), dtype=dtype), b) for d, b in zip(sizes, dead)]
def train(x, y, sizes, epochs, lr, batch_size, seed):
    return he_init(sizes, seed)
"""


@pytest.fixture(scope="module")
def of_mlp(tmp_path_factory):
    """What a class loses in mlp, and what was printed."""
    cases = {
        "missing": SOLUTION.replace("def linear_backward(", "def other("),
        "wrong": SOLUTION.replace("dout.sum(0)", "dout.mean(0)"),
        "two": SOLUTION.replace("w - lr * dw", "w + lr * dw").replace("x > 0", "x < 0"),
        "raises": SOLUTION.replace("return x @ w + b,", "return x @ w.T + b,"),
        "no cache": SOLUTION.replace("return x @ w + b, (x, w)", "return x @ w + b"),
        "prying": SOLUTION + PRY,
        "seed": SOLUTION + SEED,
        "nothing": SOLUTION.replace("def linear_forward(", "def other("),
        "fits": SOLUTION + FITS,
        "cubed": SOLUTION + CUBED,
        "constant": SOLUTION + CONSTANT,
        "squeezes": SOLUTION.replace("return x @ w + b,", "return (x @ w + b).squeeze(1),"),
        "differences": SOLUTION + DIFFERENCES,
        "differences-off": SOLUTION + DIFFERENCES.replace("x @ w + b,", "x @ w,"),
        "differences-alone": SOLUTION + ALONE + RAISES,
        "neither": SOLUTION + NEITHER,
        "deep": SOLUTION + DEEP,
        "sparse": SOLUTION
        + SPARSE.replace("return 2 * (", "return (").replace("= 2 *", "=").replace("2 * ", ""),
        "cyclic": SOLUTION + CYCLIC,
        "loops": SOLUTION + LOOPS,
        "lazy": SOLUTION + LAZY,
        "float32": SOLUTION.replace(
            "return x @ w + b,", "return (x.float() @ w.float() + b).float(),"
        ),
        "off by 1e-4": SOLUTION.replace(
            "return x @ w + b,", "return (1.0001 * (x @ w) + b).float(),"
        ),
    }
    timeout = ("--timeout", "3")  # which some of them use up
    return grade("mlp", tmp_path_factory.mktemp("mlp"), cases, *timeout)


def test_one_mistake_costs_its_points_once(of_mlp):
    lost, printed = of_mlp
    assert lost["missing"].keys() == lost["wrong"].keys() == {"linear_backward"}
    assert lost["raises"].keys() == lost["no cache"].keys() == {"linear_forward"}
    assert lost["two"].keys() == {"sgd_update", "relu_backward"}
    assert lost["prying"].keys() == {"sgd_update", "train"}
    assert lost["seed"]["linear_forward"] == lost["nothing"]["linear_forward"]
    assert "strict=True" not in printed  # a line of the stand-in


def test_a_gradient_is_computed_and_not_tried_out(of_mlp):
    lost, printed = of_mlp
    assert lost["differences"].keys() == {"linear_backward"}
    assert re.search(r"linear_backward computes for more than \d s with an axis of \d+", printed)
    assert lost["differences-off"].keys() == {"linear_forward", "linear_backward"}
    assert not lost["loops"]


def test_a_gradient_that_is_tried_out_beside_a_forward_that_raises_pays_no_better(of_mlp):
    lost, _ = of_mlp
    assert lost["differences-alone"].keys() == {"linear_forward", "linear_backward"}


def test_what_the_file_was_given_and_has_changed_earns_nothing(of_mlp):
    lost, _ = of_mlp
    assert lost["lazy"] == {"train": 3}


def test_what_is_odd_in_a_cache_costs_its_own_points(of_mlp):
    """And ends no judge: each has a result."""
    lost, _ = of_mlp
    assert not lost["sparse"]
    assert not lost["cyclic"]
    assert lost["neither"].keys() == {"relu_forward", "relu_backward"}
    assert lost["deep"].keys() == {"relu_forward", "relu_backward"}


def test_float32_costs_what_it_costs_right_answers(of_mlp):
    lost, _ = of_mlp
    assert not lost["float32"]  # nor those that use it
    assert "linear_forward" in lost["off by 1e-4"]


def test_an_axis_of_size_1_is_an_axis(of_mlp):
    lost, printed = of_mlp
    assert lost["squeezes"] == {"linear_forward": 0.5}
    assert "linear_forward is wrong for x of shape (1, 5), w of shape (5, 1)" in printed
    assert "out: shape (1,), expected (1, 1)" in printed


def test_an_own_forward_never_pays_for_its_backward(of_mlp):
    lost, _ = of_mlp
    assert all(lost[name]["linear_backward"] == 3 for name in ("fits", "cubed", "constant"))
    assert "linear_forward" not in lost["fits"]


def test_a_stand_in_is_lent_when_its_own_function_has_been_tried():
    def was(function, points):
        return SimpleNamespace(function=function, points=points, max_points=1, message="")

    offered = dict.fromkeys(("f_forward", "f_backward", "jacobian", "g_forward", "later"), print)
    before = [was("f_forward", 1), was("jacobian", 0), was("g_forward", 1)]
    needed, others, none = choices(offered, "f_backward", before, ["f_backward", "later"])
    assert (needed.keys(), others.keys(), none) == ({"jacobian"}, {"jacobian", "g_forward"}, {})


# Fails on purpose, for a function that needs no other.
USES = """
def adam_update(params, grads, state, *args, **options):
    raise ValueError
def adamax_update(params, grads, state, *args, **options):
    return adam_update(params, grads, state, *args, **options)
"""


@pytest.fixture(scope="module")
def of_adam(tmp_path_factory):
    solution = (ROOT / "solutions" / "adam.py").read_text()
    head, adamax, rest = solution.partition("def adamax_update(")
    default = head + adamax + rest.replace("beta1=0.9,", "beta1=0.99,", 1)
    cases = {"uses": solution + USES, "oracle": solution + ORACLE, "default": default}
    return grade("adam", tmp_path_factory.mktemp("adam"), cases)


def test_a_stand_in_answers_only_where_its_function_is_used(of_adam):
    lost, printed = of_adam
    assert lost["uses"].keys() == {"adam_update", "adamax_update"}
    results = {r["submission"]: r for r in map(json.loads, printed.splitlines())}
    checks = results["uses"]["checks"]
    adamax = [c["message"] for c in checks if c["function"] == "adamax_update"]
    assert adamax
    assert all("ValueError" in message for message in adamax)


def test_an_option_that_is_left_out_is_the_stubs(of_adam):
    lost, printed = of_adam
    assert lost["default"] == {"adamax_update": 0.75}  # of three
    assert "adamax_update is wrong for beta1 left out, 0.9 by the stub" in printed


def test_a_stand_in_takes_what_its_function_takes(of_adam):
    lost, printed = of_adam
    assert {"adam_update", "adam_l2_update", "adamw_update"} <= lost["oracle"].keys()
    assert "it takes (params, grads, state, lr, beta1, beta2, eps)" in printed

"""What goes wrong in activations, and right answers written differently."""

import math

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistake, mistakes

NOT_A_NUMBER = "NaN for a large x: exp(x) is infinite there, and ∞ / ∞ is NaN"
VALUE = "dout is multiplied by f(x): it should be by f′(x)"
MASK = "the mask is taken from dout: it is x that decides"
FROM_X = "your formula for the slope needs the output y, and gets x: what is in the cache?"
LEFT_SIDE = "at x = 0 the slope is that of the left side"

sigmoid_forward = mistakes(
    change("1 / (1 + (-x).exp()) -> x.exp() / (1 + x.exp())", NOT_A_NUMBER),
    change("-x -> x", "this is σ(−x): the exponent is −x"),
)

sigmoid_backward = mistakes(
    change("y = cache -> y = sigmoid_forward(cache)[0]", "σ of its own output: y is in the cache"),
    change("y * (1 - y) -> (1 - y * y)", "1 − y² is the slope of tanh: σ has y (1 − y)"),
    change("* y -> ", "the factor y is missing: y (1 − y)"),
    change("* (1 - y) -> ", VALUE),
    change("dout * y -> y", "dout is not used: this is f′(x) alone"),
)


@mistake(FROM_X, of="sigmoid_backward")
class SigmoidFromInput:
    def sigmoid_forward(x):
        return 1 / (1 + (-x).exp()), x


tanh_backward = mistakes(
    change("_, y -> y, _", FROM_X),
    change("y * y -> torch.tanh(y) ** 2", "tanh is applied to its own output: the cache holds y"),
    change("1 - y * y -> y * (1 - y)", "y (1 − y) is the slope of the sigmoid: tanh has 1 − y²"),
    change("y * y -> y", "the square is missing: 1 − y²"),
    change("1 - y * y -> y", VALUE),
    change("dout * ( -> (", "dout is not used: this is f′(x) alone"),
)

leaky_relu_backward = mistakes(
    change("x > 0 -> dout > 0", MASK),
    change("slope * -> 0 *", "nothing leaks where x < 0: is the slope lost in an integer mask?"),
    change(("x > 0 -> x >= 0", "dout, slope * dout -> dout, slope * dout * (x < 0)"), LEFT_SIDE),
    change("x > 0 -> (x > 0) & (dout > 0)", "negative gradients are cut off: x alone decides"),
    change("slope * -> slope * x *", "left of 0 dout is multiplied by f(x): take the slope alone"),
    change("slope * -> (slope or 0.01) *", "a slope of 0 is a number like any other"),
    change("slope * -> 0.01 *", "the slope is the one that the forward got"),
    change("slope * -> ", "the slope is left out where x < 0"),
    change("return -> return x *", VALUE),
    change("dout, slope * dout -> x**0, slope", "dout is not used: this is f′(x) alone"),
)

ROUNDED = "rounded: seven decimals are asked for"
selu_constants = mistakes(
    change(("return alpha -> return round(alpha, 2)", "return round(alpha, 3)"), ROUNDED),
    change(("return alpha -> return round(alpha, 4)", "return round(alpha, 5)"), ROUNDED),
    change("return alpha -> return round(alpha, 6)", ROUNDED),
    change("return alpha, scale -> return scale, alpha"),
    change("square = below -> square = 2 * below", "right of 0 the mean of z² is ½: this takes 1"),
    change("- 2 * below -> - below", "the middle term of (eᶻ − 1)² is −2eᶻ: the 2 is missing"),
    change("**-0.5 -> **-1", "this is λ²: did the root get lost?"),
    change("**-0.5 -> **0.5", "upside down: the mean of f² is λ² times this, and is to be 1"),
    change("**-0.5 -> ", "upside down, and the root got lost: the mean of f² is λ² times this"),
)

MINUS = "the brackets are missing: α multiplies exp(x) − 1"
elu_forward = mistakes(
    change("x, left -> x, left / scale", "the scale multiplies both sides of 0"),
    change("x, left -> x / scale, left", "the scale multiplies both sides of 0"),
    change("scale * torch -> torch", "the scale is missing"),
    change("alpha * torch -> torch", "alpha is missing"),
    change("alpha * torch.expm1( -> torch.expm1(alpha * ", "α multiplies x, not exp(x) − 1"),
    change("x, left -> x, 0 * x", "negative inputs are cut off: ELU is not a ReLU"),
    change(("torch.expm1(x) -> x.exp() - 1", "x, left -> x + alpha - 1, left + alpha - 1"), MINUS),
    change(("torch.expm1(x) -> x.exp()", "x, left -> x + alpha, left + alpha"), "the −1 is lost"),
    change("torch.where(on, x, left) -> (on * x + ~on * left)", "NaN for a large x: that is ∞ · 0"),
)

elu_backward = mistakes(
    change("alpha * x.exp() -> 1", "left of 0 the slope is not that of x"),
    change("* x.exp() -> ", "left of 0 the factor exp(x) is missing"),
    change("alpha * -> ", "left of 0 the factor alpha is missing"),
    change("alpha * x.exp() -> 0", "nothing passes left of 0: ELU is not a ReLU"),
    change("x.exp() -> torch.expm1(x)", "−1 is a constant: its derivative is 0"),
    change("dout * scale -> dout", "the scale is missing"),
    change("1, left -> 1 / scale, left", "the scale is missing for x > 0"),
    change("1, left -> 1, left / scale", "the scale is missing for x ≤ 0"),
    change("x.exp() -> (torch.expm1(x) + 1 / scale)", "y has the scale in it: what must be added?"),
    change("x.exp() -> (scale * torch.expm1(x) + 1)", "y has the scale in it: what must be added?"),
    change("1, left -> x, left - alpha", VALUE),
    change("x > 0 -> dout > 0", MASK),
    change("x > 0 -> x >= 0", LEFT_SIDE),
    change("dout * scale -> scale", "dout is not used: this is f′(x) alone"),
)

OF_SIGMOID = "g (1 − g) is the slope of the sigmoid: this gate is Φ"
OF_TANH = "g′ is that of the tanh form: the exact GELU has φ(x)"
NOT_DONE = "the chain rule goes through u: its derivative is missing or incomplete"
TANH_FORM = "this is GELU's tanh form, and the exact GELU is wanted"
SWISH_1 = "this is Swish, and the exact GELU is wanted"
SWISH_2 = "this is Swish, and GELU's tanh form is wanted"
ROUGH = "this is x·σ(1.702 x), a rough form of GELU: x·Φ(x) is wanted"
gated_forward = mistakes(
    change('"gelu": -> "gelu" | "gelu_tanh":', "this is the exact GELU: its tanh form is wanted"),
    change('"gelu": -> "gelu" | "swish":', "this is the exact GELU, and Swish is wanted"),
    change('"gelu_tanh": -> "gelu_tanh" | "swish":', "this is GELU's tanh form: Swish is wanted"),
    change('"gelu": -> "":', TANH_FORM, also='"gelu_tanh": -> "gelu_tanh" | "gelu":'),
    change('"gelu": -> "":', SWISH_1, also='"swish": -> "swish" | "gelu":'),
    change('"gelu_tanh": -> "":', SWISH_2, also='"swish": -> "swish" | "gelu_tanh":'),
    change("(1 + torch.erf(x / math.sqrt(2))) / 2 -> sigmoid_forward(1.702 * x)[0]", ROUGH),
    change("x * g -> g", "this is the gate, not x times the gate"),
    change("x / math.sqrt(2) -> x", "Φ(x) is ½ [1 + erf(x / √2)]: the √2 is missing"),
    change("math.sqrt(2 / math.pi) -> math.sqrt(2) / math.pi", "the root goes over π, too: √(2/π)"),
    change("sigmoid_forward(x) -> sigmoid_forward(1.702 * x)", "σ(1.702 x) is GELU's: here σ(x)"),
    change("math.sqrt(2 / math.pi) -> 2 / math.pi", "the root of √(2/π) is missing"),
    change("(x + 0.044715 * x**3) -> x + 0.044715 * x**3", "√(2/π) multiplies x³, too: brackets"),
    change("math.sqrt(2 / math.pi) * -> ", "√(2/π) is missing: u = √(2/π) (x + 0.044715 x³)"),
    change("raise ValueError( -> g = str("),
)

gated_backward = mistakes(
    change("g + x * dg -> g", "product rule: two factors depend on x, which makes two terms"),
    change("g + x * dg -> x * dg", "product rule: the gate itself is the other term"),
    change("x * dg -> dg", "product rule: the second term is x·g′(x)"),
    change("dout * ( -> (", "dout is not used: this is f′(x) alone"),
    change("g + x * dg -> x * g", VALUE),
    change("g + x * dg -> x * g + dg", "x belongs to g′: the product rule gives g + x·g′(x)"),
    change("(-x * x / 2).exp() / math.sqrt(2 * math.pi) -> g * (1 - g)", OF_SIGMOID),
    change('"gelu": -> "":', OF_TANH, also='"gelu_tanh": -> "gelu_tanh" | "gelu":'),
    change("(-x * x / 2).exp -> (-x * x).exp", "φ has exp(−x²/2): the ½ is missing"),
    change("/ math.sqrt(2 * math.pi) -> ", "φ has the factor 1/√(2π)"),
    change("math.sqrt(2 * math.pi) -> (2 * math.pi)", "φ has 1/√(2π): the root is missing"),
    change("math.sqrt(8 / math.pi) -> (8 / math.pi)", "the root is missing: u begins with √(2/π)"),
    change("g * (1 - g)\n -> 1 - g\n", "1 − g is a part of the sigmoid's slope: it is g (1 − g)"),
    change("math.sqrt(8 / math.pi) -> 2", "the chain rule goes through u: √(2/π) is missing"),
    change("* (1 + 3 * 0.044715 * x * x) -> ", "the chain rule goes through u: so does x³"),
    change("math.sqrt(8 / math.pi) -> math.sqrt(8) / math.pi", "the root goes over π, too: √(2/π)"),
    change("dg = g * (1 - g) * -> dg = 2 * g * (1 - g) *", "the ½ of ½ [1 + tanh u] is missing"),
    change('"gelu": -> "gelu" | "gelu_tanh":', "φ is the exact gate's slope: tanh has its own"),
    change("3 * 0.044715 -> 0.044715", "the derivative of x³ is 3x²: the 3 is missing"),
    change("* math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x * x) -> ", NOT_DONE),
    change('= cache -> = gated_forward(cache[0], "gelu")[1]', "this is the exact GELU's slope"),
    change('= cache -> = gated_forward(cache[0], "gelu_tanh")[1]', "this is GELU's tanh form's"),
    change('= cache -> = gated_forward(cache[0], "swish")[1]', "this is the slope of Swish"),
)

maxout_backward = mistakes(
    change("* first -> * cache**0", "all pieces get it: only the largest made the output"),
    change("* first -> / cache.shape[-1] * cache**0", "all pieces share it: one made the output"),
    change("best = -> cache = cache.abs()\n    best =", "the largest size wins: mind the signs"),
    change("* first -> * top", "each of equal pieces gets all of it: only the first should"),
    change("* first -> * top / top.sum(-1, True)", "equal pieces share it: the first gets all"),
    change("< 2 -> == top.sum(-1, True)", "the last of equal pieces gets it: the first should"),
    change("* first -> * first * cache", "dout is multiplied by the piece, whose slope is 1"),
)

UNDER_ROOT = "1/r is subtracted under the root: it is outside"
bru_forward = mistakes(
    change("root, left -> root + 1 / r, left", "1/r is missing right of 0: take it from both"),
    change("root, left -> root, left + 1 / r", "1/r is missing left of 0: take it from both"),
    change(" - 1 / r -> ", "1/r is missing: it is outside the root and outside the exponential"),
    change("(1 / r) -> 1 / r", "the power 1/r needs brackets: a ** 1 / r is a divided by r"),
    change("* x + 1) ** (1 / r) -> * x + 1 - 1 / r) ** (1 / r) + 1 / r", UNDER_ROOT),
    change("** (1 / r) -> ** 0.5", "the square root is taken: the power is 1/r, whatever r is"),
    change(
        "torch.where(right, root, left) - 1 / r -> "
        "x.sign() * ((r * r * x.abs() + 1) ** (1 / r) - 1)",
        "this is the odd variant (ORU), and the exponential one (ERU) is wanted",
    ),
    change("r * r -> r", "the factor of x under the root is r², not r"),
    change("r * x).exp -> x).exp", "the exponent is r x, not x"),
    change("torch.where(right, root, left) -> (right * root + ~right * left)", "∞ · 0 is NaN"),
    change("r <= 0 -> r < 0"),
)

bru_backward = mistakes(
    change("root, -> root / r,", "a factor r is missing right of 0: r² comes down, and 1/r"),
    change("root, -> root / r**2,", "differentiate r²x + 1 too: it brings a factor r²"),
    change("left) -> left / r)", "differentiate r·x too: it brings a factor r"),
    change("r * t -> t", "differentiate the insides too: r²x + 1 and r·x each bring a factor"),
    change(("1 / r - 1 -> 1 / r", "1 / r + 1"), "the power goes down by one: from 1/r to 1/r − 1"),
    change("dout * r -> r", "dout is not used: this is f′(x) alone"),
    change("r * torch.where(right, root, left) -> bru_forward(x, r)[0]", VALUE),
)

dead_and_saturated = mistakes(
    change("amin(0) -> amax(0)", "flat for one example is not dead: it must be flat for all"),
    change("flat.amin(0) -> (slopes.abs().mean(0) <= tol).double()", "flat on average is not dead"),
    change("amin(0) -> amin(1)", "a unit counts alone: dead is one that is flat for all examples"),
    change("amin(0).mean -> amin(0).sum", "a count of units: shares are wanted"),
    change("flat.mean -> flat.sum", "a count of entries: shares are wanted"),
    change("float(flat.mean -> float(flat.amax(0).mean", "units are counted: entries are wanted"),
    change("slopes.abs() -> slopes", "a negative slope is not flat: take its size"),
    change("<= tol -> < tol", "a slope of exactly tol counts as flat"),
    change("!= 2 -> < 2"),
)

EARLY = "w2 is changed before the gradient has gone down through it"
RELU_FOR_ALL = "ReLU's slope is taken for every activation: each has its own backward"
train = mistakes(
    change("params = tuple( -> tuple(", "it stays where it was: no step is made"),
    change("dz = backward -> w2 = w2 - lr * h.T @ dlogits\n        dz = backward", EARLY),
    change("backward(dlogits @ w2.T, cache) -> (dlogits @ w2.T) * (h > 0)", RELU_FOR_ALL),
    change("backward(dlogits @ w2.T, cache) -> dlogits @ w2.T", "f′ is left out on the way down"),
    change(
        "losses.append(loss) -> w1, b1, w2, b2 = params\n"
        "        losses.append(cross_entropy(forward(x @ w1 + b1)[0] @ w2 + b2, y)[0])",
        "this is the loss after the step: losses[0] is that of the start",
    ),
    change("p - lr -> p + lr", "the steps go uphill: subtract lr · gradient"),
    change("lr * g -> lr * g / len(y)", "1/N once too often: the mean's is in dlogits already"),
    change("dz.sum(0) -> dz.mean(0)", "the gradient of b1 is averaged: 1/N is in dlogits already"),
    change("dlogits.sum(0) -> dlogits.mean(0)", "the gradient of b2 is averaged, a second time"),
    change("lr * g -> g", "the learning rate is missing from the step"),
)


@alternative("sigmoid by tanh; slopes in the caches; masks where nothing overflows")
class SlopesInCaches:
    def sigmoid_forward(x):
        out = (torch.tanh(x / 2) + 1) / 2
        return out, {"slope": out - out * out}

    def sigmoid_backward(dout, cache):
        return cache["slope"] * dout

    def tanh_backward(dout, cache):
        return dout / torch.cosh(cache[0]) ** 2

    def leaky_relu_backward(dout, cache):
        x, slope = cache
        return dout * ((x > 0) + (x <= 0) * slope)

    def elu_forward(x, alpha=1.0, scale=1.0):
        left = alpha * (x.clamp(max=0).exp() - 1)
        return scale * (x.clamp(min=0) + left), [x > 0, scale, scale * (left + alpha)]

    def elu_backward(dout, cache):
        on, right, left = cache
        return dout * torch.where(on, right, left)

    def gated_forward(x, gate):
        c, cube = {"gelu_tanh": ((8 / math.pi) ** 0.5, 0.044715)}.get(gate, (1, 0))
        g, _ = sigmoid_forward(c * (x + cube * x * x * x))
        dg = g * (1 - g) * c * (1 + 3 * cube * x * x)
        if gate == "gelu":
            g, dg = torch.special.ndtr(x), torch.exp(-(x**2) / 2) / (2 * math.pi) ** 0.5
        elif gate not in ("gelu_tanh", "swish"):
            raise ValueError(gate)
        return x * g, x * dg + g

    def gated_backward(dout, cache):
        return cache * dout


@alternative("assignments through masks, loops, the published constants")
class Masked:
    def selu_constants():
        return [torch.tensor(1.6732632423543772, dtype=torch.float64), 1.0507009873554805]

    def maxout_backward(dout, cache):
        winner = cache.max(-1).indices
        return torch.eye(cache.shape[-1], dtype=dout.dtype)[winner] * dout[:, :, None]

    def bru_forward(x, r=2.0):
        if r <= 0:
            raise ValueError(r)
        out, on = x.clone(), x >= 0
        out[on] = (r**2 * x[on] + 1) ** (1 / r)
        out[~on] = torch.exp(r * x[~on])
        return out - 1 / r, (out, on, r)

    def bru_backward(dout, cache):
        root, on, r = cache
        return dout * r * torch.where(on, root ** (1 - r), root)

    def dead_and_saturated(slopes, tol=0.0):
        n, m = slopes.shape
        flat = (slopes >= -tol) & (slopes <= tol)
        dead = [bool(flat[:, unit].all()) for unit in range(m)]
        return torch.tensor(sum(dead) / m), flat.sum() / (n * m)

    def train(x, y, params, name, steps, lr):
        losses, (w1, b1, w2, b2) = torch.zeros(steps, dtype=x.dtype), (p.clone() for p in params)
        for k in range(steps):
            h, cache = activation(name)[0](torch.einsum("nd,dm->nm", x, w1) + b1)
            losses[k], d = cross_entropy(h @ w2 + b2, y)
            dz = activation(name)[1](torch.einsum("nc,mc->nm", d, w2), cache)
            for p, g in ((w1, x.T @ dz), (b1, dz.sum(0)), (w2, h.T @ d), (b2, d.sum(0))):
                p -= lr * g
        return [w1, b1, w2, b2], losses


equivalent("elu_forward", "on = x > 0 -> on = x >= 0", why="at x = 0 both branches are 0")
equivalent("maxout_backward", "cache == -> cache >=", why="none is larger")
equivalent("bru_forward", "= x >= 0 -> = x > 0", why="at x = 0 both branches are 1")
equivalent("bru_backward", "= x >= 0 -> = x > 0", why="at x = 0 both branches are 1")
equivalent("train", "strict=True -> strict=False", why="both have four entries")

"""What goes wrong in universal_approximation, and right answers written differently."""

import torch

from gradus.mistakes.written import alternative, change, equivalent, mistakes

HARD = "a hard step: where is the steepness?"
VERTICAL = "the sides are vertical, whatever the steepness"
CROSS = "the arms of the cross remain: it takes a threshold"
PRODUCT = "the walls are multiplied: neurons only add"
WAIT = "the height must wait until after the threshold, which compares counts"
CORNER = "one wall has a side of the other: each input has its own low and high"
GENTLE = "its sides are too gentle for its width: where is the steepness?"
STRETCHED = "stretched until its highest value is the height: with gentle sides it stays below"
OTHER_NEURONS = "the output weights belong to other neurons: in which order are they?"
SAG = "the ends sag to half: the two outermost sides must be moved outwards"
ONE_SAGS = "one end sags to half: both outermost sides must be moved outwards"
SAME = "the sides keep one steepness: narrower pieces need more"
WIDER = "the steepness is taken from the first tower: it is wider than a piece"
MEANS = "the heights are the means of the pieces: right for vertical sides only"
PROJECTED = "this is Φᵀy: where is (ΦᵀΦ)⁻¹?"
OTHER_ENDS = "the pieces are those of the smallest to the largest x: they go from low to high"
ORDER = "examples come in any order: on which piece one lies, its x says"
LIMITED = "there is a limit to z: σ comes as near to 0 and to 1 as z says"
TANH = "this is the hyperbolic tangent: it begins at −1, the sigmoid at 0"

step_neuron = mistakes(
    change("torch.sigmoid(z) -> z.exp() / (1 + z.exp())", "NaN for a large z: ∞ / ∞"),
    change("(x - position) -> x - position", "k x − p is not k (x − p): the bias is not −p"),
    change("(x - position) -> x + position", "k x + p is not k (x − p): the bias is not p"),
    change("x - position -> x + position", "the step is at −position"),
    change("steepness * (x - p -> 1 / steepness * (x - p", "a larger steepness makes it gentler"),
    change("steepness * (x - p -> (x - p", "the steepness is not used"),
    change(("torch.sigmoid(z) -> 0 * z + (z >= 0)", "(z.sign() + 1) / 2", "0 * z + (z > 0)"), HARD),
    change(("(z) -> (z.clamp(-6, 6))", "(z.clamp(-10, 10))"), LIMITED),
    change("torch.sigmoid(z) -> (z / 4 + 0.5).clamp(0, 1)", "three straight lines: σ is curved"),
    change("sigmoid(z) -> sigmoid(z / 2)", "half as steep as asked: the slope at ½ is k/4"),
    change("(x - position) -> (position - x)", "it falls: 0 is before the position, 1 after it"),
    change("torch.sigmoid -> torch.tanh", TANH),
)

tower = mistakes(
    change("up - down -> down - up", "the tower hangs down: which neuron is subtracted?"),
    change("up - down -> up + down", "the second neuron must take away again"),
    change("up - down -> up * (1 - down)", "are they multiplied? A neuron only adds"),
    change("height * ( -> (", "the height is 1, whatever height is given"),
    change("up =  -> steepness = 1\n    up = ", GENTLE),
    change("up =  -> steepness = 1e6\n    up = ", VERTICAL),
    change("(up - down) -> ((x >= left) & (x <= right)).to(x.dtype)", VERTICAL),
    change("(up - down) -> up - down", "the height is the first neuron's: what remains behind?"),
    change("(up - down) -> (up - down) / (up - down).max()", STRETCHED),
    change("height * -> height / torch.tanh(steepness * (right - left) / 4 + 0 * x) *", STRETCHED),
    change("up - down -> torch.minimum(up, 1 - down)", "the lower one is taken: neurons add"),
)

tower_2d = mistakes(
    change(("* inside -> * (first + second)", "* (first + second) / 2"), CROSS),
    change("1.5, s -> 0.5, s", "the arms are left: the threshold lies between 1, the arms, and 2"),
    change("1.5, s -> 1, s", "half of the arms is left: the threshold must lie between 1 and 2"),
    change("high[d], 1, -> high[d], height,", WAIT),
    change("high[d], 1, -> high[d], height,", WAIT, also="height * inside -> inside"),
    change("high[d], 1, -> high[d], height,", WAIT, also="1.5, s -> 1.5 * height, s"),
    change("high[d], 1, steepness -> high[d], 1, 1e6", VERTICAL),
    change(("low[d] -> low[0]", "low[1]", "high[d] -> high[0]", "high[1]"), CORNER),
    change("x[:, d] -> x[:, 1 - d]", "the two inputs are exchanged: each has its own low and high"),
    change(("x[:, d] -> x[:, 0]", "x[:, 1]"), "both walls look at one input: there are two"),
    change("* inside -> * (first + second > 1.5).double()", "a hard step: where is the strength?"),
    change(
        ("* inside -> * first * second", "* step_neuron(first * second, .5, strength)"), PRODUCT
    ),
    change("* inside -> * torch.minimum(first, second)", "the lower wall is taken: neurons add"),
    change(".5, strength -> .5, steepness", "strength is the threshold's own: it compares counts"),
    change("1.5, strength -> 1.5 / strength, strength", "strength must weigh the 3/2 too"),
)

network = mistakes(
    change("torch.sigmoid(x @ w1 + b1) -> x @ w1 + b1", "the hidden layer is linear"),
    change("x @ w1 -> x[:, :1] @ w1[:1]", "only the first input counts: there are D"),
    change(" + b1 -> ", "the hidden neurons have lost their bias"),
    change("(x @ w1 + b1) -> (x @ w1) + b1", "the bias comes after the sigmoid: it moves the step"),
    change("torch.sigmoid -> torch.tanh", TANH),
    change("torch.sigmoid -> torch.relu", "this is ReLU: the neurons are sigmoids"),
    change("hidden @ w2 -> torch.sigmoid(hidden @ w2)", "the output is linear, no sigmoid follows"),
)

tower_network = mistakes(
    change("height, -height -> -height, height", "the towers hang down: which neuron has −height?"),
    change("-height -> height", "both neurons weigh +height: none comes down"),
    change("-steep -> steep", "the towers stand at −left and −right: which bias puts a step at p?"),
    change("-steepness * -> -", "the bias is not −p: steepness · x + bias must be 0 at x = p"),
    change("-height]) -> -height.roll(1)])", OTHER_NEURONS),
    change("-height]) -> -height]).reshape(2, -1).T.flatten()", OTHER_NEURONS),
    change("right]) -> right]).reshape(2, -1).T.flatten()", OTHER_NEURONS),
    change(
        "right]) -> right[-1:]])",
        "towers need not touch: where they do not, each needs both of its sides",
        also="[height, -height] -> [height[:1], height.diff(), -height[-1:]]",
    ),
)

approximate = mistakes(
    change("sides[0] -= length\n    sides[-1] += length -> ", SAG),
    change(("sides[0] -= length -> pass", "sides[-1] += length -> pass"), ONE_SAGS),
    change(
        (
            "length\n    sides[-1] += length -> length / n\n    sides[-1] += length / n",
            "2 * length\n    sides[-1] += 2 * length",
            "high\n    sides[-1] += high",
            "1\n    sides[-1] += 1",
        ),
        "the outermost sides are moved by another length than high − low",
    ),
    change(("* n / length -> ", "/ length"), SAME),
    change("* n / length -> * n", "the length is taken for 1: a piece is (high − low) / n wide"),
    change(("* n -> * max(1, n - 1)", "* (n + 1)"), "the steepness is that of n ± 1 pieces"),
    change("* n / length -> / (sides[1] - sides[0]).item()", WIDER),
    change("linspace(low, high -> linspace(0, length", "the pieces begin at 0: low is not used"),
    change("linspace(low, high -> linspace(low, low + 1", "the pieces are 1/n wide, not length/n"),
    change(
        "linspace(low, high -> linspace(low, low + high",
        "the pieces are high/n wide, not (high − low)/n",
        also=("sides[-1] += length -> sides[-1] = high + length", "* n / length -> * n / high"),
    ),
    change("* n / length -> * length / n", "gentler for narrower pieces: k δ is the sharpness"),
    change("sharpness * n -> min(100 * length / n, sharpness) * n", "the steepness is limited"),
    change(
        "sides[:-1], sides[1:] -> sides[:-1] + length / n / 4, sides[1:] - length / n / 4",
        "there are gaps between the towers: where one ends, the next begins",
        also="sides[0] -= length\n    sides[-1] += length -> ",
    ),
    change(
        "sides[:-1], sides[1:] -> sides[:-1] - length / n / 2, sides[1:] + length / n / 2",
        "the towers overlap: where one ends, the next begins",
        also="sides[0] -= length\n    sides[-1] += length -> ",
    ),
    change(
        (
            "return tower_network(sides[:-1], sides[1:], -> "
            "m, half = torch.linspace(low, high, n, dtype=values.dtype), length / n / 2\n"
            "    return tower_network(m - half, m + half,",
            "sides[0] -= length -> sides = sides - length / n / 2\n    sides[0] -= length",
            "sides = torch.linspace(low, high, n + 2, dtype=sides.dtype)[:-1]; sides[0] -= length",
        ),
        "the towers are in the wrong places: n pieces have n + 1 ends, from low to high",
    ),
)

fit = mistakes(
    change("(height, low, high, sharpness) -> (height, low, high, 1e5)", MEANS),
    change("single =  -> low, high = x.min().item(), x.max().item()\n    single = ", OTHER_ENDS),
    change(
        (
            "return approximate(heights -> piece = ((x - low) / (high - low) * n).long()\n"
            "    own = piece.clamp(0, n - 1) == torch.arange(n)\n"
            "    return approximate(y[own.int().argmax(0)]",
            "middles = low + (torch.arange(n) + 0.5) * (high - low) / n\n"
            "    return approximate(y[(x - middles).abs().argmin(0)]",
        ),
        "a height is one example's, with its noise",
    ),
    change("(heights -> (torch.stack([part.mean() for part in y.tensor_split(n)])", ORDER),
    change("y[:, None] -> y[x[:, 0].argsort(), None]", "y is sorted, x is not: they are pairs"),
    change("single =  -> x = x.sort(0)[0]\n    single = ", "x is sorted, y is not: they are pairs"),
    change("y[:, None] -> y[:, None] - y.mean()", "y is centred: its mean is not added again"),
    change(("(heights -> (towers.T @ y", "(towers.T @ y / len(y)"), PROJECTED),
    change("(heights -> (towers.T @ y / towers.sum(0)", "means: right for vertical sides only"),
    change(
        "return approximate(heights, low, high, sharpness) -> "
        "w1, b1, _ = approximate(heights, low, high, sharpness)\n"
        "    return w1, b1, torch.linalg.pinv(torch.sigmoid(x @ w1 + b1)) @ y[:, None]"
    ),
)


@alternative("loops, falling neurons, normal equations, float32 inside")
class Loops:
    def step_neuron(x, position, steepness):
        return torch.sigmoid((steepness * (x - position)).float()).to(x.dtype)

    def tower(x, left, right, height, steepness):
        if not left < right:
            raise ValueError("left must lie below right")
        first, second = (step_neuron(x, side, steepness).float() for side in (left, right))
        return height * first - height * second

    def tower_network(left, right, height, steepness):
        sides = zip(right.tolist(), left.tolist(), strict=True)
        b1 = [steepness * side for both in sides for side in both]
        w2 = [[v] for h in height.tolist() for v in (h, -h)]
        parts = [[-steepness] * len(b1)], b1, w2
        return [torch.tensor(part, dtype=left.dtype) for part in parts]

    def tower_2d(x, low, high, height, steepness, strength):
        walls = [[tower(row[d], low[d], high[d], 1.0, steepness) for d in (0, 1)] for row in x]
        return torch.stack([height * torch.sigmoid(strength * (a + b - 1.5)) for a, b in walls])

    def fit(x, y, n, low, high, sharpness):
        units = torch.eye(n, dtype=x.dtype)
        columns = [network(x, *approximate(e, low, high, sharpness))[:, 0] for e in units]
        phi = torch.stack(columns, 1)
        heights = torch.linalg.solve(phi.T @ phi, phi.T @ y)
        return approximate(heights, low, high, sharpness)


@alternative("tanh for the sigmoid, einsum for the products, neighbours share a neuron")
class Tanh:
    def step_neuron(x, position, steepness):
        return 0.5 + 0.5 * torch.tanh(0.5 * (steepness * x - steepness * position))

    def network(x, w1, b1, w2):
        hidden = 0.5 * (1 + torch.tanh(0.5 * (torch.einsum("nd,dh->nh", x, w1) + b1)))
        return torch.einsum("nh,hm->nm", hidden, w2)

    def approximate(values, low, high, sharpness):
        n, length = len(values), high - low
        at = low + length / n * torch.arange(n + 1, dtype=values.dtype)
        at[0], at[n] = low - length, high + length
        w1 = torch.full((1, n + 1), sharpness * n / length, dtype=values.dtype)
        zero = values.new_zeros(1)
        jumps = torch.cat([values, zero]) - torch.cat([zero, values])
        return w1, -w1[0] * at, jumps[:, None]


equivalent("fit", "solution[:, 0] -> solution[:, -1]", why="it has one column")

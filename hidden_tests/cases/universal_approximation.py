"""What students hand in for universal_approximation: mistakes to find, right answers to pass."""

import torch

from gradus.audit.cases import alternative, equivalent, mistake


@mistake("exp over 1 + exp overflows", check="test_step_neuron", diagnosis="nan")
def step_neuron(x, position, steepness):
    e = torch.exp(steepness * (x - position))
    return e / (1 + e)


@mistake("the bias is −position", check="test_step_neuron", diagnosis="no brackets")
def step_neuron(x, position, steepness):
    return torch.sigmoid(steepness * x - position)


@mistake("the step at −position", check="test_step_neuron", diagnosis="position:sign")
def step_neuron(x, position, steepness):
    return torch.sigmoid(steepness * (x + position))


@mistake("divided by the steepness", check="test_step_neuron", diagnosis="steepness:inverse")
def step_neuron(x, position, steepness):
    return torch.sigmoid((x - position) / steepness)


@mistake("a hard step", check="test_step_neuron", diagnosis="hard")
def step_neuron(x, position, steepness):
    return (x >= position).to(x.dtype)


@mistake("the tower hangs down", check="test_tower", diagnosis="upside down")
def tower(x, left, right, height, steepness):
    if left >= right:
        raise ValueError
    return height * (step_neuron(x, right, steepness) - step_neuron(x, left, steepness))


@mistake("the second step is added", check="test_tower", diagnosis="sum")
def tower(x, left, right, height, steepness):
    if left >= right:
        raise ValueError
    return height * (step_neuron(x, left, steepness) + step_neuron(x, right, steepness))


@mistake("the steps are multiplied", check="test_tower", diagnosis="product")
def tower(x, left, right, height, steepness):
    if left >= right:
        raise ValueError
    return height * step_neuron(x, left, steepness) * step_neuron(-x, -right, steepness)


@mistake("steepness too small", check="test_tower", diagnosis="too gentle")
def tower(x, left, right, height, steepness):
    if left >= right:
        raise ValueError
    return height * (step_neuron(x, left, 1) - step_neuron(x, right, 1))


@mistake("vertical sides at any steepness", check="test_tower", diagnosis="steepness fixed")
def tower(x, left, right, height, steepness):
    if left >= right:
        raise ValueError
    return height * (step_neuron(x, left, 1e6) - step_neuron(x, right, 1e6))


@mistake("sides are not looked at", check="test_tower_raises", diagnosis="no error:ValueError")
def tower(x, left, right, height, steepness):
    return height * (step_neuron(x, left, steepness) - step_neuron(x, right, steepness))


@mistake("a cross: no threshold", check="test_tower_2d", diagnosis="no threshold")
def tower_2d(x, low, high, height, steepness, strength):
    return height * sum(tower(x[:, d], low[d], high[d], 1, steepness) for d in range(2))


@mistake("the threshold at 1/2", check="test_tower_2d", diagnosis="threshold:1/2")
def tower_2d(x, low, high, height, steepness, strength):
    walls = sum(tower(x[:, d], low[d], high[d], 1, steepness) for d in range(2))
    return height * step_neuron(walls, 0.5, strength)


@mistake("the threshold at 1", check="test_tower_2d", diagnosis="threshold:1")
def tower_2d(x, low, high, height, steepness, strength):
    walls = sum(tower(x[:, d], low[d], high[d], 1, steepness) for d in range(2))
    return height * step_neuron(walls, 1, strength)


@mistake("walls of the full height", check="test_tower_2d", diagnosis="height inside")
def tower_2d(x, low, high, height, steepness, strength):
    walls = sum(tower(x[:, d], low[d], high[d], height, steepness) for d in range(2))
    return step_neuron(walls, 1.5, strength)


@mistake("one wall times the other", check="test_tower_2d", diagnosis="product")
def tower_2d(x, low, high, height, steepness, strength):
    first, second = (tower(x[:, d], low[d], high[d], 1, steepness) for d in range(2))
    return height * first * second


@mistake("the threshold as steep as the walls", check="test_tower_2d", diagnosis="strength")
def tower_2d(x, low, high, height, steepness, strength):
    walls = sum(tower(x[:, d], low[d], high[d], 1, steepness) for d in range(2))
    return height * step_neuron(walls, 1.5, steepness)


@mistake("a linear hidden layer", check="test_network", diagnosis="no sigmoid")
def network(x, w1, b1, w2):
    return (x @ w1 + b1) @ w2


@mistake("a sigmoid at the output", check="test_network", diagnosis="sigmoid at the output")
def network(x, w1, b1, w2):
    return torch.sigmoid(torch.sigmoid(x @ w1 + b1) @ w2)


@mistake(
    "output weights with the other sign",
    check=("test_tower_network_by_hand", "test_tower_network"),
    diagnosis="sign",
)
def tower_network(left, right, height, steepness):
    at = torch.cat([left, right])
    w1 = torch.full_like(at, steepness)[None, :]
    return w1, -steepness * at, torch.cat([-height, height])[:, None]


@mistake("bias with the other sign", check="test_tower_network", diagnosis="bias:sign")
def tower_network(left, right, height, steepness):
    at = torch.cat([left, right])
    w1 = torch.full_like(at, steepness)[None, :]
    return w1, steepness * at, torch.cat([height, -height])[:, None]


@mistake("bias without steepness", check="test_tower_network", diagnosis="bias:no steepness")
def tower_network(left, right, height, steepness):
    at = torch.cat([left, right])
    w1 = torch.full_like(at, steepness)[None, :]
    return w1, -at, torch.cat([height, -height])[:, None]


@mistake("output weights in pairs, sides not", check="test_tower_network", diagnosis="order")
def tower_network(left, right, height, steepness):
    at = torch.cat([left, right])
    w1 = torch.full_like(at, steepness)[None, :]
    return w1, -steepness * at, torch.stack([height, -height], 1).reshape(-1, 1)


@mistake("w2 without its second axis", check="test_tower_network_by_hand", diagnosis="shape")
def tower_network(left, right, height, steepness):
    at = torch.cat([left, right])
    w1 = torch.full_like(at, steepness)[None, :]
    return w1, -steepness * at, torch.cat([height, -height])


@mistake(
    "half towers at the ends",
    check=("test_approximate_by_hand", "test_approximate", "test_approximate_error_falls"),
    diagnosis="ends sag",
)
def approximate(values, low, high, sharpness):
    n = len(values)
    sides = torch.linspace(low, high, n + 1, dtype=values.dtype)
    return tower_network(sides[:-1], sides[1:], values, sharpness * n / (high - low))


@mistake(
    "one steepness for all widths",
    check=("test_approximate", "test_approximate_error_falls"),
    diagnosis="steepness",
)
def approximate(values, low, high, sharpness):
    sides = torch.linspace(low, high, len(values) + 1, dtype=values.dtype)
    sides[0], sides[-1] = 2 * low - high, 2 * high - low
    return tower_network(sides[:-1], sides[1:], values, sharpness)


@mistake(
    "steepness times instead of divided by the width",
    check=("test_approximate_by_hand", "test_approximate", "test_approximate_error_falls"),
    diagnosis="steepness",
)
def approximate(values, low, high, sharpness):
    sides = torch.linspace(low, high, len(values) + 1, dtype=values.dtype)
    sides[0], sides[-1] = 2 * low - high, 2 * high - low
    return tower_network(sides[:-1], sides[1:], values, sharpness * (high - low) / len(values))


@mistake("towers half as wide as their pieces", check="test_approximate", diagnosis="gaps")
def approximate(values, low, high, sharpness):
    width = (high - low) / len(values)
    middles = low + width * (torch.arange(len(values)).double() + 0.5)
    return tower_network(middles - width / 4, middles + width / 4, values, sharpness / width)


@mistake("towers twice as wide as their pieces", check="test_approximate", diagnosis="overlap")
def approximate(values, low, high, sharpness):
    width = (high - low) / len(values)
    middles = low + width * (torch.arange(len(values)).double() + 0.5)
    return tower_network(middles - width, middles + width, values, sharpness / width)


@mistake("pieces around n points, ends included", check="test_approximate", diagnosis="pieces")
def approximate(values, low, high, sharpness):
    n = len(values)
    middles = torch.linspace(low, high, n, dtype=values.dtype)
    half = (high - low) / n / 2
    return tower_network(middles - half, middles + half, values, sharpness / half / 2)


@mistake("towers half a piece too far left", check="test_approximate", diagnosis="pieces")
def approximate(values, low, high, sharpness):
    n, length = len(values), high - low
    sides = torch.linspace(low, high, n + 1, dtype=values.dtype) - length / (2 * n)
    sides[0] -= length
    sides[-1] += length
    return tower_network(sides[:-1], sides[1:], values, sharpness * n / length)


@mistake(
    "the steepness stops at 100", check="test_approximate_error_falls", diagnosis="does not fall"
)
def approximate(values, low, high, sharpness):
    n, length = len(values), high - low
    sides = torch.linspace(low, high, n + 1, dtype=values.dtype)
    sides[0] -= length
    sides[-1] += length
    return tower_network(sides[:-1], sides[1:], values, min(sharpness * n / length, 100))


@mistake("heights are the means of the pieces", check="test_fit", diagnosis="means")
def fit(x, y, n, low, high, sharpness):
    piece = ((x[:, 0] - low) / (high - low) * n).long().clamp(0, n - 1)
    means = torch.stack([y[piece == j].mean() for j in range(n)])
    return approximate(means, low, high, sharpness)


@mistake(
    "heights from one example each",
    check=("test_fit", "test_fit_noisy_function"),
    diagnosis="one example",
)
def fit(x, y, n, low, high, sharpness):
    piece = ((x[:, 0] - low) / (high - low) * n).long().clamp(0, n - 1)
    first = torch.stack([y[piece == j][0] for j in range(n)])
    return approximate(first, low, high, sharpness)


@mistake(
    "examples taken for sorted", check=("test_fit", "test_fit_noisy_function"), diagnosis="unsorted"
)
def fit(x, y, n, low, high, sharpness):
    means = torch.stack([part.mean() for part in y.tensor_split(n)])
    return approximate(means, low, high, sharpness)


@mistake("2n output weights instead of n heights", check="test_fit", diagnosis="weights")
def fit(x, y, n, low, high, sharpness):
    w1, b1, _ = approximate(torch.ones(n, dtype=x.dtype), low, high, sharpness)
    return w1, b1, torch.linalg.pinv(torch.sigmoid(x @ w1 + b1)) @ y[:, None]


@mistake("Φᵀy for the heights", check="test_fit", diagnosis="not divided")
def fit(x, y, n, low, high, sharpness):
    single = torch.eye(n, dtype=x.dtype)
    towers = torch.cat([network(x, *approximate(h, low, high, sharpness)) for h in single], 1)
    return approximate(towers.T @ y, low, high, sharpness)


equivalent(
    "fit",
    "return approximate(heights[:, 0], low, high, sharpness)",
    "return approximate(heights[:, -1], low, high, sharpness)",
    why="heights has one column: the first is the last",
)


@alternative("n + 1 neurons: neighbours share one")
def approximate(values, low, high, sharpness):
    n, length = len(values), high - low
    at = low + length / n * torch.arange(n + 1, dtype=values.dtype)
    at[0], at[n] = low - length, high + length
    w1 = torch.full((1, n + 1), sharpness * n / length, dtype=values.dtype)
    zero = values.new_zeros(1)
    jumps = torch.cat([values, zero]) - torch.cat([zero, values])
    return w1, -w1[0] * at, jumps[:, None]


@alternative("loops, falling neurons, normal equations")
class Loops:
    def tower_network(left, right, height, steepness):
        w1, b1, w2 = [], [], []
        for a, b, h in zip(left.tolist(), right.tolist(), height.tolist(), strict=True):
            w1 += [-steepness, -steepness]
            b1 += [steepness * b, steepness * a]
            w2 += [[h], [-h]]
        return [torch.tensor(v, dtype=left.dtype) for v in ([w1], b1, w2)]

    def tower_2d(x, low, high, height, steepness, strength):
        out = []
        for row in x:
            z = -1.5 * strength
            for d in range(2):
                z = z + strength * tower(row[d], low[d], high[d], 1.0, steepness)
            out.append(height * torch.sigmoid(z))
        return torch.stack(out)

    def fit(x, y, n, low, high, sharpness):
        units = torch.eye(n, dtype=x.dtype)
        columns = [network(x, *approximate(e, low, high, sharpness))[:, 0] for e in units]
        phi = torch.stack(columns, 1)
        heights = torch.linalg.solve(phi.T @ phi, phi.T @ y)
        return approximate(heights, low, high, sharpness)


@alternative("tanh for the sigmoid, einsum for the products, a pseudo-inverse")
class Tanh:
    def step_neuron(x, position, steepness):
        return 0.5 + 0.5 * torch.tanh(0.5 * (steepness * x - steepness * position))

    def network(x, w1, b1, w2):
        hidden = 0.5 * (1 + torch.tanh(0.5 * (torch.einsum("nd,dh->nh", x, w1) + b1)))
        return torch.einsum("nh,hm->nm", hidden, w2)

    def fit(x, y, n, low, high, sharpness):
        rows = [network(x, *approximate(e, low, high, sharpness)) for e in torch.eye(n).double()]
        heights = torch.linalg.pinv(torch.cat(rows, 1)) @ y
        return approximate(heights, low, high, sharpness)


@alternative("float32 inside")
class Single:
    def step_neuron(x, position, steepness):
        return torch.sigmoid((steepness * (x - position)).float()).to(x.dtype)

    def tower(x, left, right, height, steepness):
        if not left < right:
            raise ValueError("left must lie below right")
        first, second = (step_neuron(x, side, steepness).float() for side in (left, right))
        return height * first - height * second

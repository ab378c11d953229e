"""Matrix products with constants."""
import numpy as np

from .activation import shuffled
from .movement import reshape
from .net import Unfit


def row(net, x):
    shape = net.shape(x)
    if len(shape) != 2:
        raise Unfit("no row")
    return shape[1]


def gemm(net, x, out=None):
    features, out = row(net, x), out or net.between(3, 8)
    turned = net.chance(0.7)
    weight = net.weight(out, features) if turned else net.weight(features, out, fan_in=features)
    bias = net.pick([net.bias(out)], [net.const(net.rng.normal(size=net.pick([1, out], [1], [])), "bias")], [])
    if net.opset < 11 and not bias:
        bias = [net.bias(out)]
    alpha = net.pick(None, None, 0.5)
    return net.op("Gemm", x, weight, *bias, alpha=alpha, beta=net.pick(None, None, 2.0), transB=1 if turned else net.pick(None, 0))


def matmul(net, x, out=None):
    features, out = row(net, x), out or net.between(3, 8)
    y = net.op("MatMul", x, net.weight(features, out, fan_in=features))
    return net.op("Add", *shuffled(net, y, net.bias(out))) if net.chance(0.8) else y


def einsum(net, x, out=None):
    features, out = row(net, x), out or net.between(3, 8)
    if net.opset < 12:
        raise Unfit("there is no einsum")
    if net.chance(0.5):
        return net.op("Einsum", x, net.weight(features, out, fan_in=features), equation=net.pick("nf,fo->no", "bi,ij->bj", "...f,fo->...o"))
    return net.op("Einsum", net.weight(out, features), x, equation="of,nf->no")


def over_time(net, x):
    """The same matrix for each of several vectors: `[N, T, F]`, from either side."""
    features = row(net, x)
    steps = next((t for t in (4, 3, 2, 5) if features % t == 0), None)
    if steps is None:
        raise Unfit("the row cannot be cut")
    y = reshape(net, x, [steps, features // steps])
    if net.chance(0.7):
        y = net.op("MatMul", y, net.weight(features // steps, 3, fan_in=features // steps))
        y = net.op("Add", y, net.bias(3)) if net.chance(0.5) else y
    else:
        y = net.op("MatMul", net.weight(3, steps, fan_in=steps), y)
    y = net.op("Relu", y)
    return reshape(net, y, [int(np.prod(net.shape(y)[1:]))])


LAYERS = [gemm] * 3 + [matmul] * 2 + [einsum]
ALL = LAYERS + [over_time]

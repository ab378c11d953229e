"""Branches that meet again."""
import numpy as np

from .net import Unfit


def residual(net, x):
    """A branch of the same shape, added."""
    shape = net.shape(x)
    if len(shape) == 4:
        branch = net.op("Conv", x, net.weight(shape[1], shape[1], 3, 3), net.bias(shape[1]), kernel_shape=[3, 3], pads=[1] * 4)
    elif len(shape) == 2:
        branch = net.op("MatMul", x, net.weight(shape[1], shape[1], fan_in=shape[1]))
    else:
        raise Unfit("no branch for this")
    if net.chance(0.3):
        branch = net.op("Mul", branch, net.const(net.pick(0.5, 0.1, 0.0), "residual_scale"))
    kind = net.pick("Add", "Add", "Sum", "Sub", "Mean")
    y = net.op(kind, *((x, branch) if net.chance(0.5) else (branch, x)))
    return net.op("Relu", y) if net.chance(0.8) else y


def joined(net, x):
    """Two branches, concatenated by channels."""
    shape = net.shape(x)
    if len(shape) != 4 or shape[1] > 8:
        raise Unfit("no image of few channels")
    one = net.op("Relu", net.op("Conv", x, net.weight(2, shape[1], 1, 1), kernel_shape=[1, 1]))
    other = net.pick(x, net.op("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4), net.op("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4))
    return net.op("Concat", one, other, *([x] if net.chance(0.2) else []), axis=net.pick(1, -3 if net.opset >= 11 else 1))


def shared(net, x):
    """One layer's weights used twice."""
    shape = net.shape(x)
    if len(shape) != 4:
        raise Unfit("no image")
    weight, bias = net.weight(shape[1], shape[1], 3, 3), net.bias(shape[1])
    for _ in range(2):
        x = net.op("Relu", net.op("Conv", x, weight, bias, kernel_shape=[3, 3], pads=[1] * 4))
    return x


def broadcast(net, x):
    """The image and a summary of it, which is spread over the image again."""
    shape = net.shape(x)
    if len(shape) != 4:
        raise Unfit("no image")
    mean = net.op("GlobalAveragePool", x)
    if net.chance(0.6):
        mean = net.op("Relu", net.op("Conv", mean, net.weight(shape[1], shape[1], 1, 1), kernel_shape=[1, 1]))
    return net.op(net.pick("Add", "Add", "Sub"), *((x, mean) if net.chance(0.6) else (mean, x)))


def unused(net, x):
    """A branch that leads nowhere, of an operator that nobody converts."""
    net.op(net.pick("Tanh", "Sigmoid", "Exp", "Abs"), x)
    return x


def dead(net, x):
    """A branch times 0."""
    zero = net.op("Mul", net.op("Relu", x), net.const(np.zeros(net.pick([], [1])), "zero"))
    return net.op("Add", x, zero)


ALL = [residual] * 4 + [joined, shared, broadcast, unused, dead]

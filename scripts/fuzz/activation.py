"""Rectifiers in all their spellings, and activations in steps."""
import numpy as np

from .net import HALF, Unfit


def relu(net, x):
    return net.op("Relu", x)


def leaky(net, x):
    return net.op("LeakyRelu", x, alpha=net.pick(None, 0.1, 0.3, 0.0))


def prelu(net, x):
    """Slopes for every channel, or one."""
    shape = net.shape(x)
    slopes = [shape[1]] + [1] * (len(shape) - 2)
    return net.op("PRelu", x, net.const(net.rng.uniform(-0.2, 0.5, net.pick(slopes, [1])), "slope"))


def clip(net, x):
    """Bounds that matter, guards that do not, and missing ones."""
    low = net.pick(0.0, 0.0, 0.0, -0.5, -65504.0, -3e38, -np.inf, None)
    high = net.pick(6.0, 6.0, 1.0, 0.7, 65504.0, 3.4e38, np.inf, None)
    return bounded(net, x, low, high)


def bounded(net, x, low, high):
    """`Clip`, by attributes before operator set 11, or `Min` and `Max`."""
    if net.opset >= 8 and net.chance(0.2):
        if low is not None:
            x = net.op("Max", *shuffled(net, x, net.const(low, "low")))
        return x if high is None else net.op("Min", *shuffled(net, x, net.const(high, "high")))
    if net.opset < 11:
        return net.op("Clip", x, min=low, max=high)
    inputs = [x, "" if low is None else net.const(low, "low"), "" if high is None else net.const(high, "high")]
    while not inputs[-1]:
        inputs.pop()
    return net.op("Clip", *inputs)


def shuffled(net, a, b):
    return (a, b) if net.chance(0.5) else (b, a)


def by_maximum(net, x):
    if net.opset < 8:
        raise Unfit("a maximum does not broadcast")
    return net.op("Max", *shuffled(net, x, net.const(0.0, "zero")))


def guarded(net, x):
    """The guard that exporters of 16-bit networks put behind everything."""
    return bounded(net, relu(net, x) if net.chance(0.5) else x, -65504.0, 65504.0)


def steps(net, x):
    """Quantisation, clip, floor, shift (Bu et al., ICLR 2022): `floor(clip(x / t, 0, 1) L + 0.5) t / L`, written in three ways."""
    if net.element(x) == HALF:
        raise Unfit("16 bits are too coarse")
    levels, bound = float(net.pick(4, 8, 16)), float(net.pick(1.0, 2.0, 1.5))
    net.is_rounded = True
    way = net.between(0, 2)
    if way == 0:
        y = net.op("Div", x, net.const(bound, "bound"))
        y = net.op("Mul", bounded(net, y, 0.0, 1.0), net.const(levels, "levels"))
    elif way == 1:
        y = net.op("Mul", bounded(net, x, 0.0, bound), net.const(levels / bound, "levels"))
    else:
        y = net.op("Div", net.op("Mul", bounded(net, x, 0.0, bound), net.const(levels, "levels")), net.const(bound, "bound"))
    if net.opset >= 11 and net.chance(0.2):
        y = net.op("Round", y)
    else:
        y = net.op("Floor", net.op("Add", *shuffled(net, y, net.const(0.5, "half"))))
    if way == 0:
        return net.op("Mul", net.op("Div", y, net.const(levels, "levels")), net.const(bound, "bound"))
    return net.op("Mul", *shuffled(net, y, net.const(bound / levels, "step")))


COMMON = [relu] * 6 + [clip, clip, by_maximum]
ALL = COMMON + [leaky, prelu, guarded, steps]

"""Batch normalisation, folded out or whole, and other scales and shifts by channel."""
import numpy as np

from .activation import shuffled
from .net import Unfit


def statistics(net, channels):
    """Scale, shift, mean, variance; some channels dead."""
    u = net.rng.uniform
    values = [u(0.5, 1.5, channels), u(-0.5, 0.5, channels), u(-0.3, 0.6, channels), u(0.3, 1.5, channels)]
    if net.chance(0.2):
        values[0][net.rng.random(channels) < 0.5] = 0
    if net.chance(0.1):
        values[3][0] = 0
        values[0][0] = 0.01
    if net.chance(0.15):
        values[0] = -values[0]
    return values


def batch_norm(net, x):
    shape = net.shape(x)
    if net.opset < 9 and len(shape) == 2 and net.chance(0.5):
        raise Unfit("runtimes disagree")
    values = [net.const(v, "norm") for v in statistics(net, shape[1])]
    epsilon = net.pick(None, 1e-3, 1e-5)
    extra = {"momentum": 0.9} if net.chance(0.5) else {}
    if net.opset >= 14 and net.chance(0.5):
        extra["training_mode"] = 0
    return net.op("BatchNormalization", x, *values, epsilon=epsilon, **extra)


def unfolded(net, x):
    """Written as arithmetic: `(x - mean) / sqrt(variance + eps) * scale + shift`."""
    shape = net.shape(x)
    wide = [shape[1]] + [1] * (len(shape) - 2)
    if net.chance(0.3):
        wide = [1, *wide]
    scale, shift, mean, variance = (v.reshape(wide) for v in statistics(net, shape[1]))
    y = net.op("Sub", x, net.const(mean, "mean"))
    if net.chance(0.5):
        deviation = net.op("Sqrt", net.op("Add", net.const(variance, "variance"), net.const(1e-3, "epsilon")))
        if net.chance(0.5):
            y = net.op("Mul", y, net.op("Div", net.const(scale, "scale"), deviation))
        else:
            y = net.op("Mul", net.op("Div", y, deviation), net.const(scale, "scale"))
    else:
        y = net.op("Mul", *shuffled(net, y, net.const(scale / np.sqrt(variance + 1e-3), "scale")))
    return net.op("Add", *shuffled(net, y, net.const(shift, "shift")))


def arithmetic(net, x):
    """One operation with a constant: a number, one for each channel, or one for each entry."""
    shape = net.shape(x)
    wide = net.pick([], [1], [shape[1]] + [1] * (len(shape) - 2), [1, shape[1]] + [1] * (len(shape) - 2), [1, *shape[1:]], shape[1:], shape[-1:])
    value = net.rng.uniform(0.4, 1.6, wide)
    kind = net.pick("Add", "Sub", "Mul", "Div", "rest", "Neg", "Sum")
    if kind == "Neg":
        return net.op("Neg", x)
    if kind == "rest":
        return net.op("Sub", net.const(value, "whole"), x)
    operand = net.const(value, "operand")
    return net.op(kind, *(shuffled(net, x, operand) if kind in ("Add", "Mul", "Sum") else (x, operand)))


ALL = [batch_norm] * 4 + [unfolded, arithmetic, arithmetic]

"""Convolutions of every geometry."""
import numpy as np

from .net import Unfit


def geometry(net, sizes, kernel):
    """Random strides, dilations and padding of a window over these sizes; what is left out is the default."""
    rank = len(sizes)
    found = {"kernel_shape": kernel if net.chance(0.8) else None}
    if net.chance(0.4):
        found["strides"] = [net.between(1, 2) for _ in range(rank)]
    dilations = [1] * rank
    if net.chance(0.2):
        dilations = found["dilations"] = [net.between(1, 2) for _ in range(rank)]
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilations)]
    way = net.rng.random()
    if way < 0.45:
        found["pads"] = [e // 2 for e in extent] * 2
    elif way < 0.65:
        found["pads"] = [net.between(0, max(e - 1, 0)) for e in extent * 2]
    elif way < 0.8 and "dilations" not in found:
        found["auto_pad"] = net.pick("SAME_UPPER", "SAME_LOWER", "VALID")
    pads = found.get("pads", [0] * 2 * rank)
    if not found.get("auto_pad", "").startswith("SAME") and any(s + a + b < e for s, a, b, e in zip(sizes, pads[:rank], pads[rank:], extent)):
        raise Unfit("the window is larger than the image")
    return found


def kernel(net, sizes):
    return [net.pick(1, 2, 3, 3, 3, 5) for _ in sizes] if net.chance(0.3) else [net.pick(1, 3, 3)] * len(sizes)


def conv(net, x, out=None):
    """Plain, grouped or depthwise, over one or two axes."""
    _, channels, *sizes = net.shape(x)
    if len(sizes) not in (1, 2):
        raise Unfit("no image")
    size = kernel(net, sizes)
    groups = net.pick(1, 1, 1, 1, channels, 2)
    if channels % groups or (out and out % groups):
        groups = 1
    out = out or groups * net.between(1, max(1, 6 // groups))
    attributes = geometry(net, sizes, size)
    weight = net.weight(out, channels // groups, *size)
    inputs = [x, weight] + ([net.bias(out)] if net.chance(0.7) else [])
    return net.op("Conv", *inputs, group=groups if groups > 1 or net.chance(0.3) else None, **attributes)


def separable(net, x):
    """Depthwise, then pointwise, with rectifiers up to 6."""
    _, channels, *sizes = net.shape(x)
    weight = net.weight(channels, 1, *[3] * len(sizes))
    y = net.op("Conv", x, weight, group=channels, kernel_shape=[3] * len(sizes), pads=[1] * 2 * len(sizes))
    return conv(net, net.op("Relu", y), out=net.between(2, 6))


def transposed(net, x):
    """`ConvTranspose`."""
    _, channels, *sizes = net.shape(x)
    if len(sizes) not in (1, 2) or int(np.prod(sizes)) > 64:
        raise Unfit("no small image")
    groups = net.pick(1, 1, channels)
    size = [net.pick(2, 3)] * len(sizes)
    stride = net.pick(1, 2, 2)
    each = net.between(1, 3)
    weight = net.weight(channels, each, *size, fan_in=channels * size[0])
    inputs = [x, weight] + ([net.bias(each * groups)] if net.chance(0.5) else [])
    attributes = {"strides": [stride] * len(sizes), "kernel_shape": size}
    if net.chance(0.5):
        attributes["pads"] = [net.between(0, 1) for _ in range(2 * len(sizes))]
    if stride == 2 and net.chance(0.3):
        attributes["output_padding"] = [1] * len(sizes)
    if net.chance(0.2):
        attributes["dilations"] = [2] * len(sizes)
    return net.op("ConvTranspose", *inputs, group=groups, **attributes)


def pruned(net, x):
    """Channels with no weights but a bias, as structured pruning leaves them."""
    _, channels, *sizes = net.shape(x)
    out = net.between(2, 5)
    size = [3] * len(sizes)
    weight = net.rng.normal(0, 0.4, (out, channels, *size))
    weight[net.rng.random(out) < 0.5] = 0
    pads = net.pick(1, 0)
    if pads == 0 and min(sizes) < 3:
        raise Unfit("the window is larger than the image")
    y = net.op("Conv", x, net.const(weight, "pruned"), net.bias(out), kernel_shape=size, pads=[pads] * 2 * len(sizes))
    return net.op("Relu", y) if net.chance(0.7) else y


ALL = [conv] * 6 + [separable, transposed, pruned]

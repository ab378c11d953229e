"""Pooling of every mode, and reductions over space."""
import numpy as np

from .convolution import geometry
from .movement import pad_node
from .net import Unfit


def window(net, x):
    _, _, *sizes = net.shape(x)
    if len(sizes) not in (1, 2) or min(sizes) < 2:
        raise Unfit("no image to pool")
    kernel = [net.pick(2, 2, 3) for _ in sizes] if net.chance(0.3) else [net.pick(2, 2, 3)] * len(sizes)
    attributes = geometry(net, sizes, kernel)
    attributes["kernel_shape"] = kernel
    # Runtimes refuse more padding than window.
    if any(p >= k for p, k in zip(attributes.get("pads", []), kernel * 2)):
        attributes["pads"] = [min(p, k - 1) for p, k in zip(attributes["pads"], kernel * 2)]
    # With `VALID` the text of the standard rounds down, and its implementations up.
    if net.opset >= 10 and attributes.get("auto_pad") != "VALID" and net.chance(0.35) and not beyond(sizes, kernel, attributes):
        attributes["ceil_mode"] = 1
    return attributes


def beyond(sizes, kernel, attributes):
    """Whether rounding up would make a window that sees only padding: ONNX counts it, and its runtimes do not."""
    rank = len(sizes)
    ones, pads = [1] * rank, attributes.get("pads", [0] * 2 * rank)
    steps, dilations = attributes.get("strides", ones), attributes.get("dilations", ones)
    for size, k, step, dilation, before, after in zip(sizes, kernel, steps, dilations, pads[:rank], pads[rank:]):
        windows = -(-(size + before + after - dilation * (k - 1) - 1) // step)
        if windows * step >= size + before:
            return True
    return False


def maximum(net, x):
    attributes = window(net, x)
    if net.opset < 10:
        attributes.pop("dilations", None)
    return net.op("MaxPool", x, storage_order=net.pick(None, None, 0) if net.opset >= 8 else None, **attributes)


def average(net, x):
    attributes = window(net, x)
    if net.opset < 19:
        attributes.pop("dilations", None)
    return net.op("AveragePool", x, count_include_pad=net.pick(None, 0, 1), **attributes)


def padded_maximum(net, x):
    """A border of the lowest number before a max pool, as converters from TensorFlow write it."""
    _, _, *sizes = net.shape(x)
    if len(sizes) != 2 or min(sizes) < 2:
        raise Unfit("no image")
    lowest = net.pick(-np.inf, float(np.finfo(np.float32).min), -3e38, -65504.0)
    y = pad_node(net, x, [0, 0, 1, 1, 0, 0, net.between(0, 1), net.between(0, 1)], lowest)
    return net.op("MaxPool", y, kernel_shape=[3, 3], strides=[net.between(1, 2)] * 2)


def whole(net, x):
    """Global pooling, and its spellings as a pool of the whole image or a reduction that keeps the axes."""
    _, _, *sizes = net.shape(x)
    way = net.between(0, 4)
    if way == 0:
        return net.op("GlobalAveragePool", x)
    if way == 1:
        return net.op("GlobalMaxPool", x)
    if way == 2:
        return net.op(net.pick("AveragePool", "MaxPool"), x, kernel_shape=sizes)
    return reduced(net, x, net.pick("ReduceMean", "ReduceMean", "ReduceMax", "ReduceSum"), list(range(2, 2 + len(sizes))), True)


def reduced(net, x, kind, axes, keep):
    """A reduction, its axes as attribute or input as the operator set has it, some counted from the end."""
    rank = len(net.shape(x))
    axes = [a - rank if net.opset >= 11 and net.chance(0.3) else a for a in axes]
    since = 13 if kind == "ReduceSum" else 18
    keepdims = None if keep and net.chance(0.3) else int(keep)
    if net.opset < since:
        return net.op(kind, x, axes=axes, keepdims=keepdims)
    return net.op(kind, x, net.ints(*axes), keepdims=keepdims)


def some_axes(net, x):
    """A mean or maximum over any axes but the batch."""
    rank = len(net.shape(x))
    axes = sorted(int(a) for a in net.rng.choice(np.arange(1, rank), net.between(1, rank - 1), replace=False))
    return reduced(net, x, net.pick("ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin"), axes, True)


ALL = [maximum] * 4 + [average] * 3 + [padded_maximum, some_axes]

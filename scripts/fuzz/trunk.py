"""Puts layers one behind the other."""
import math

from . import activation, linear, movement, normalisation, pooling
from .net import Unfit

# Larger tensors make slow networks, and find nothing more.
MAX_ENTRIES = 600


def attempt(net, layer, x):
    """The result of a layer, or `x` where it does not fit; nothing is left of a layer that failed."""
    marks = [len(part) for part in (net.nodes, net.initialisers, net.sparse)]
    is_rounded = net.is_rounded
    try:
        y = layer(net, x)
        batch, *sizes = net.shape(y) or [0]
        if sizes and batch == net.batch and 0 < math.prod(sizes) <= MAX_ENTRIES:
            return y
    except Unfit:
        pass
    net.is_rounded = is_rounded
    for part, mark in zip((net.nodes, net.initialisers, net.sparse), marks):
        del part[mark:]
    return x


def convolutional(net, x, layers, blocks):
    """Some layers, most of them with a rectifier behind."""
    for _ in range(blocks):
        x = attempt(net, net.pick(*layers), x)
        if net.chance(0.6):
            x = attempt(net, net.pick(*activation.COMMON), x)
    return x


def to_row(net, x):
    """Pooling or not, then a row."""
    if len(net.shape(x)) > 2:
        if net.chance(0.5):
            x = attempt(net, pooling.whole, x)
        x = movement.flat(net, x)
    return x


def dense(net, x, layers, depth, classes=None):
    """Matrix products with rectifiers between them; the last makes the scores."""
    for _ in range(depth):
        x = attempt(net, net.pick(*layers), x)
        if net.chance(0.2):
            x = attempt(net, net.pick(*normalisation.ALL), x)
        x = attempt(net, net.pick(*activation.COMMON), x)
        if net.chance(0.2):
            x = attempt(net, net.pick(*movement.ROW), x)
    last = net.pick(*linear.LAYERS)
    y = attempt(net, lambda net, x: last(net, x, classes or net.between(2, 6)), x)
    return y if y != x else linear.gemm(net, x, classes or net.between(2, 6))

"""What comes in, and what is done to it first."""
import numpy as np

from .net import FLOAT


def image(net, channels=None):
    """`[N, C, H, W]`."""
    return net.image([channels or net.between(1, 4), net.between(4, 9), net.between(4, 9)])


def channels_last(net):
    """`[N, H, W, C]`, turned at once."""
    height, width, channels = net.between(4, 8), net.between(4, 8), net.between(1, 4)
    return net.op("Transpose", net.image([height, width, channels]), perm=[0, 3, 1, 2])


def signal(net):
    """`[N, C, L]`."""
    return net.image([net.between(1, 3), net.between(6, 16)])


def row(net):
    return net.image([net.between(3, 12)])


def pixels(net):
    """Bytes, cast and scaled inside of the network."""
    return net.op("Mul", net.cast(net.image([net.pick(1, 3), net.between(4, 8), net.between(4, 8)], np.uint8), FLOAT), net.const(1 / 255, "scale"))


def preprocessed(net, x):
    """Means and deviations by channel or by pixel, channels in the other order, one channel made three."""
    shape = net.shape(x)
    channels, wide = shape[1], [1, shape[1]] + [1] * (len(shape) - 2)
    way = net.between(0, 4)
    mean, deviation = net.rng.uniform(-0.5, 0.5, wide), net.rng.uniform(0.3, 1.5, wide)
    if way == 0:
        return net.op("Div", net.op("Sub", x, net.const(mean, "mean")), net.const(deviation, "deviation"))
    if way == 1:
        return net.op("Mul", net.op("Add", x, net.const(-mean, "mean")), net.const(1 / deviation, "scale"))
    if way == 2:
        return net.op("Sub", x, net.const(net.rng.uniform(-0.5, 0.5, [1, *shape[1:]]), "mean_image"))
    if way == 3:
        return net.op("Gather", x, net.ints(*range(channels - 1, -1, -1)), axis=1)
    return net.op("Concat", *[x] * net.between(2, 3), axis=1)

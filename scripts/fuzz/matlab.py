"""MATLAB: the mean image is subtracted inside, dense layers are convolutions of the whole image, and scores are `[N, C, 1, 1]`."""
import numpy as np

from . import activation, convolution, entry, normalisation, pooling, trunk
from .movement import flat

OPSETS = range(7, 15)


def build(net):
    x = entry.image(net)
    shape = net.shape(x)
    x = net.op("Sub", x, net.const(net.rng.uniform(-0.5, 0.5, net.pick([1, *shape[1:]], [1, shape[1], 1, 1])), "mean"))
    layers = [convolution.conv] * 3 + [normalisation.batch_norm, pooling.maximum, pooling.average, activation.relu, activation.leaky]
    x = trunk.convolutional(net, x, layers, net.between(1, 4))
    _, channels, height, width = net.shape(x)
    classes = net.between(2, 6)
    weight = net.weight(classes, channels, height, width, fan_in=channels * height * width)
    x = net.op("Conv", x, weight, net.bias(classes), kernel_shape=[height, width])
    if net.chance(0.6):
        x = net.op("Softmax", x, axis=1) if net.opset >= 13 else net.op("Softmax", net.op("Flatten", x), axis=1)
    if net.chance(0.3):
        x = flat(net, x)
    assert int(np.prod(net.shape(x)[1:])) == classes
    net.finish(x)

"""tf2onnx: channels last with `Transpose` around layers, borders before pools, normalisation left whole or written out, guards."""
import numpy as np

from . import activation, branches, constants, convolution, entry, heads, linear, movement, normalisation, pooling, trunk
from .net import Unfit

OPSETS = range(8, 22)


def bordered(net, x):
    """A border, then a convolution without padding: `ZeroPadding2D`."""
    _, channels, height, width = movement.image(net, x)
    if min(height, width) < 3:
        raise Unfit("the window is larger than the image")
    y = movement.pad_node(net, x, [0, 0, net.between(0, 1), net.between(0, 1), 0, 0, 1, 1])
    return net.op("Conv", y, net.weight(net.between(2, 5), channels, 3, 3), strides=[2, 2], kernel_shape=[3, 3])


def turned(net, x):
    """A convolution between two `Transpose`."""
    last = net.op("Transpose", x, perm=[0, 2, 3, 1])
    back = net.op("Transpose", last, perm=[0, 3, 1, 2])
    return convolution.conv(net, back)


def relu6(net, x):
    return activation.bounded(net, x, 0.0, 6.0)


LAYERS = ([convolution.conv] * 3 + [turned, bordered, relu6, relu6, convolution.separable, pooling.padded_maximum] * 2
          + normalisation.ALL + pooling.ALL + [movement.channels_last, movement.pad, branches.residual, activation.guarded, movement.resize])


def flat_last(net, x):
    """Flattened in the order of channels last."""
    if len(net.shape(x)) == 4:
        x = net.op("Transpose", x, perm=[0, 2, 3, 1])
    return movement.reshape(net, x, [int(np.prod(net.shape(x)[1:]))])


def pooled_last(net, x):
    """The mean over the two axes of space, channels being last."""
    if len(net.shape(x)) != 4:
        return movement.flat(net, x)
    return pooling.reduced(net, net.op("Transpose", x, perm=[0, 2, 3, 1]), net.pick("ReduceMean", "ReduceMax"), [1, 2], False)


def build(net):
    net.spellings = net.pick([], [constants.plain] * 4 + [constants.node, constants.transposed, constants.folded, constants.reshaped])
    x = net.pick(entry.channels_last, entry.channels_last, entry.pixels, entry.image)(net)
    if net.chance(0.3):
        x = trunk.attempt(net, entry.preprocessed, x)
    x = trunk.convolutional(net, x, LAYERS, net.between(1, 6))
    x = net.pick(flat_last, pooled_last)(net, x)
    x = trunk.dense(net, x, [linear.matmul, linear.matmul, linear.gemm, linear.einsum], net.between(0, 1))
    net.pick(*heads.COMMON, heads.binary)(net, x)

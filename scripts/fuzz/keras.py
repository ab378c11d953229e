"""keras2onnx and Keras 3: dense layers over rows, `MatMul` over time, separable convolutions, one score with a sigmoid."""
from . import activation, constants, convolution, entry, heads, linear, movement, normalisation, pooling, trunk

OPSETS = range(9, 22)
LAYERS = [convolution.conv] * 3 + [convolution.separable, movement.channels_last] + normalisation.ALL + pooling.ALL + [activation.steps]


def build(net):
    net.spellings = [constants.plain] * 4 + [constants.transposed]
    x = net.pick(entry.row, entry.row, entry.channels_last, entry.signal)(net)
    if len(net.shape(x)) > 2:
        x = trunk.convolutional(net, x, LAYERS, net.between(1, 4))
    if net.chance(0.2):
        x = trunk.attempt(net, movement.idle, x)
    x = trunk.dense(net, trunk.to_row(net, x), [linear.matmul] * 3 + [linear.over_time], net.between(1, 3))
    net.pick(heads.none, heads.softmax, heads.binary, heads.binary, heads.sigmoid)(net, x)

"""Custom Vision and CoreML: old operator sets, means by channel, the channels' order turned, initialisers among the inputs."""
from . import activation, branches, constants, convolution, entry, heads, linear, normalisation, pooling, trunk

OPSETS = range(7, 12)


def build(net):
    net.spellings = [constants.plain] * 3 + [constants.node, constants.reshaped]
    x = entry.image(net, 3)
    x = trunk.attempt(net, entry.preprocessed, x)
    layers = [convolution.conv, convolution.separable] * 2 + [pooling.maximum, normalisation.batch_norm, activation.clip, branches.residual]
    x = trunk.convolutional(net, x, layers + [branches.joined], net.between(1, 5))
    x = trunk.dense(net, trunk.to_row(net, x), [linear.gemm, linear.matmul], 0)
    net.pick(heads.softmax, heads.none)(net, x)

"""Tools that make files smaller: weights in 8 or 16 bits, sparse weights, networks in 16 or 64 bits."""
import numpy as np

from . import activation, branches, constants, convolution, entry, heads, linear, normalisation, pooling, trunk
from .net import DOUBLE, HALF

OPSETS = range(11, 22)
LAYERS = [convolution.conv, convolution.conv, convolution.separable, convolution.pruned, pooling.maximum, pooling.average,
          normalisation.batch_norm, branches.residual, activation.clip]


def build(net):
    way = net.pick("weights", "weights", "half", "double", "mixed")
    if way == "weights":
        net.spellings = [constants.plain, *[constants.dequantised] * 2, constants.half, constants.bfloat, constants.sparse, constants.scaled]
    # Runtimes have no convolutions in 64 bits.
    x = entry.row(net) if way == "double" else net.image([net.between(1, 3), net.between(4, 7), net.between(4, 7)], np.float16 if way == "half" else np.float32)
    if way in ("half", "mixed"):
        net.dtype, net.tolerance = np.dtype(np.float16), 2e-2
    if way == "double":
        net.dtype = np.dtype(np.float64)
        x = net.cast(x, DOUBLE)
    if way == "mixed":
        x = net.cast(x, HALF)
    if len(net.shape(x)) > 2:
        x = trunk.convolutional(net, x, LAYERS, net.between(1, 4))
    x = trunk.dense(net, trunk.to_row(net, x), [linear.gemm, linear.matmul], net.between(0, 1))
    if way in ("mixed", "double") and net.chance(0.5):
        x = net.cast(x, 1)
        net.dtype = np.dtype(np.float32)
    net.pick(*heads.COMMON)(net, x)

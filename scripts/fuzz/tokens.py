"""Layers over `[N, T, F]`: patches of an image, or steps of a signal, without attention."""
import numpy as np

from . import activation
from .movement import reshape, transpose
from .net import Unfit


def patches(net, x):
    """A convolution whose stride is its window, then places as tokens."""
    _, channels, height, width = (*net.shape(x), 0, 0)[:4]
    if len(net.shape(x)) != 4 or min(height, width) < 4:
        raise Unfit("no image")
    features = net.between(2, 5)
    y = net.op("Conv", x, net.weight(features, channels, 2, 2), net.bias(features), kernel_shape=[2, 2], strides=[2, 2])
    _, _, height, width = net.shape(y)
    return transpose(net, reshape(net, y, [features, height * width]), [0, 2, 1])


def mixed_features(net, x):
    """A matrix for every token."""
    _, _, features = net.shape(x)
    out = net.between(2, 5)
    y = net.op("MatMul", x, net.weight(features, out, fan_in=features))
    return net.op("Add", *activation.shuffled(net, y, net.bias(out)))


def mixed_tokens(net, x):
    """A matrix over tokens, from the left, or between two `Transpose`."""
    _, tokens, _ = net.shape(x)
    out = net.between(2, 5)
    if net.chance(0.5):
        return net.op("MatMul", net.weight(out, tokens, fan_in=tokens), x)
    y = net.op("MatMul", transpose(net, x, [0, 2, 1]), net.weight(tokens, out, fan_in=tokens))
    return transpose(net, y, [0, 2, 1])


def by_einsum(net, x):
    _, tokens, features = net.shape(x)
    if net.opset < 12:
        raise Unfit("there is no einsum")
    way = net.between(0, 2)
    if way == 0:
        return net.op("Einsum", x, net.weight(features, 3, fan_in=features), equation="ntf,fo->nto")
    if way == 1:
        return net.op("Einsum", x, net.weight(tokens, 3, fan_in=tokens), equation="btf, ts -> bsf")
    return net.op("Einsum", net.weight(tokens, features, 3, fan_in=features), x, equation="tfo,ntf->nto")


def in_one(net, x):
    """Tokens of all images in one matrix: `[N T, F]`, as `nn.Linear` was exported."""
    _, tokens, features = net.shape(x)
    if net.opset < 7:
        raise Unfit("too old")
    out = net.between(2, 5)
    y = net.op("Reshape", x, net.ints(-1, features))
    y = net.op("Gemm", y, net.weight(out, features), net.bias(out), transB=1)
    y = net.op("Relu", y) if net.chance(0.4) else y
    return net.op("Reshape", y, net.ints(-1, tokens, out))


def positioned(net, x):
    """A constant for every place is added."""
    _, tokens, features = net.shape(x)
    return net.op("Add", x, net.const(net.rng.normal(0, 0.3, net.pick([1, tokens, features], [tokens, features], [tokens, 1])), "positions"))


def summary(net, x):
    """To a row: the mean or the maximum over tokens, one of them, or all."""
    _, tokens, features = net.shape(x)
    way = net.between(0, 3)
    if way == 0:
        kind = net.pick("ReduceMean", "ReduceMax")
        return net.op(kind, x, axes=[1], keepdims=0) if net.opset < 18 else net.op(kind, x, net.ints(1), keepdims=0)
    if way == 1:
        return net.op("Gather", x, net.ints(net.between(0, tokens - 1), scalar=True), axis=1)
    if way == 2:
        y = net.op("GlobalAveragePool", transpose(net, x, [0, 2, 1]))
        return net.op("Flatten", y)
    return reshape(net, x, [int(np.prod([tokens, features]))])


LAYERS = [mixed_features] * 2 + [mixed_tokens] * 2 + [by_einsum, in_one, positioned, activation.relu, activation.clip]

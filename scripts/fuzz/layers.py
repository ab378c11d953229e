"""Layers of classifiers. Each takes a builder and a tensor and returns a tensor; it raises `Unfit` where the tensor cannot have it."""
import numpy as np

from .builder import FLT_MAX, Unfit


def image(b, x, least=1):
    shape = b.shape(x)
    if len(shape) != 3 or min(shape[1:]) < least:
        raise Unfit
    return shape


def spatial(b, x, least=1):
    """Channels and sizes of an image or a signal."""
    shape = b.shape(x)
    if len(shape) not in (2, 3) or min(shape[1:]) < least:
        raise Unfit
    return shape[0], shape[1:]


# ---- layers with weights

def conv(b, x):
    channels, sizes = spatial(b, x)
    dims = len(sizes)
    kernel = [int(min(b.pick(1, 2, 3, 3, 5), s + 2)) for s in sizes]
    groups = b.pick(*[g for g in (1, 1, 1, 2, channels) if channels % g == 0])
    out = groups * int(b.rng.integers(1, max(2, 9 // groups)))
    attributes = {"kernel_shape": kernel, "strides": [int(b.pick(1, 1, 2)) for _ in sizes]}
    if b.chance(0.2):
        attributes["auto_pad"] = b.pick("SAME_UPPER", "SAME_LOWER", "VALID") if all(k <= s for k, s in zip(kernel, sizes)) else "SAME_UPPER"
    else:
        low = [int(b.rng.integers(0, k)) for k in kernel]
        high = [p if b.chance(0.7) else int(b.rng.integers(0, k)) for p, k in zip(low, kernel)]
        dilation = [int(b.pick(1, 1, 1, 2)) for _ in sizes]
        if any((k - 1) * d + 1 > s + p + q for k, d, s, p, q in zip(kernel, dilation, sizes, low, high)):
            raise Unfit
        attributes |= {"pads": low + high, "dilations": dilation}
    if groups > 1:
        attributes["group"] = groups
    w = b.normal(out, channels // groups, *kernel)
    bias = b.rng.uniform(-0.3, 0.3, out)
    if b.chance(0.15):
        w[b.rng.random(out) < 0.3] = 0  # pruned
    inputs = [x, b.weight(w)] + ([b.const(bias)] if b.chance(0.7) else [])
    del dims
    return b.op("Conv", *inputs, **attributes)


def conv_transpose(b, x):
    channels, sizes = spatial(b, x)
    if max(sizes) > 8:
        raise Unfit
    kernel = [int(b.pick(1, 2, 3)) for _ in sizes]
    strides = [int(b.pick(1, 2)) for _ in sizes]
    pads = [int(b.rng.integers(0, k)) for k in kernel]
    if any((s - 1) * t + k - 2 * p < 1 for s, t, k, p in zip(sizes, strides, kernel, pads)):
        raise Unfit
    out = int(b.rng.integers(1, 5))
    extra = [int(b.rng.integers(0, t)) for t in strides]
    return b.op("ConvTranspose", x, b.weight(b.normal(channels, out, *kernel)), kernel_shape=kernel, strides=strides,
                pads=pads * 2, output_padding=extra)


def dense(b, x):
    shape = b.shape(x)
    if len(shape) != 1:
        raise Unfit
    out = int(b.rng.integers(4, 17))
    w = b.normal(out, shape[0])
    if b.chance(0.15):
        w[b.rng.random(out) < 0.3] = 0
    bias = b.const(b.rng.uniform(-0.3, 0.3, out))
    if b.chance(0.5):
        if b.chance(0.5):
            return b.op("Gemm", x, b.weight(w), bias, transB=1)
        return b.op("Gemm", x, b.weight(w.T), bias, alpha=1.0, beta=float(b.pick(1.0, 0.5)))
    return b.op("Add", *b.pick(*[(lambda y: [(y, bias), (bias, y)])(b.op("MatMul", x, b.weight(w.T)))]))


def per_position(b, x):
    """A dense layer at every position of [N, .., F], as MatMul or Einsum."""
    shape = b.shape(x)
    if len(shape) not in (2, 3):
        raise Unfit
    out = int(b.rng.integers(2, 9))
    w = b.normal(shape[-1], out)
    if b.opset >= 12 and b.chance(0.4):
        letters = "ntsf"[: len(shape)] + "f" if len(shape) == 3 else "ntf"
        letters = "ntsf" if len(shape) == 3 else "ntf"
        return b.op("Einsum", x, b.weight(w), equation=f"{letters},fo->{letters[:-1]}o")
    return b.op("MatMul", x, b.weight(w))


def batch_norm(b, x):
    shape = b.shape(x)
    c = shape[0]
    scale, shift = b.rng.uniform(-1.5, 1.5, c), b.rng.uniform(-0.5, 0.5, c)
    mean, variance = b.rng.uniform(-0.3, 0.6, c), b.rng.uniform(0.3, 1.5, c)
    if b.chance(0.15):
        scale[b.rng.random(c) < 0.3] = 0
    epsilon = {"epsilon": float(b.pick(1e-5, 1e-3))} if b.chance(0.7) else {}
    return b.op("BatchNormalization", x, *[b.const(v) for v in (scale, shift, mean, variance)], **epsilon)


def affine(b, x):
    """Arithmetic with constants: scalars, per channel, per position, smaller and larger in rank."""
    shape = b.shape(x)
    forms = [[], [1], [shape[0]] + [1] * (len(shape) - 1), [1, shape[0]] + [1] * (len(shape) - 1), [shape[-1]], shape]
    c = b.const(b.rng.uniform(0.5, 1.5, b.pick(*forms)) * b.pick(1, 1, -1))
    kind = b.pick("Add", "Sub", "Mul", "Div")
    if kind == "Div" or b.chance(0.6):
        return b.op(kind, x, c)
    return b.op(kind, c, x)


# ---- activations

def relu(b, x):
    return b.op("Relu", x)


def clip(b, x):
    low, high = b.pick((0.0, 6.0), (0.0, 1.0), (-0.5, 1.0), (-65504.0, 65504.0), (-1e30, 6.0), (-FLT_MAX, 2.0), (0.0, FLT_MAX), (-100.0, 100.0),
                       (0.0, None), (None, 1.0), (0.3, 2.0), (-3e38, None))
    if b.opset < 11:
        bounds = {k: v for k, v in (("min", low), ("max", high)) if v is not None}
        return b.op("Clip", x, **bounds)
    if b.chance(0.2) and low is not None and high is not None and b.opset >= 12:
        return b.op("Min", b.op("Max", x, b.scalar(low)), b.scalar(high))
    inputs = [x, "" if low is None else b.scalar(low), *([] if high is None else [b.scalar(high)])]
    return b.op("Clip", *(inputs[:-1] if inputs[-1] == "" else inputs))


def leaky(b, x):
    if b.chance(0.5):
        return b.op("LeakyRelu", x, alpha=float(b.pick(0.01, 0.2)))
    shape = b.shape(x)
    slope = b.rng.uniform(-0.2, 0.4, b.pick([1], [shape[0]] + [1] * (len(shape) - 1)))
    return b.op("PRelu", x, b.const(slope))


def steps(b, x):
    """An activation in steps, as it is trained for conversion."""
    threshold, count = float(b.pick(0.8, 1.5, 4.0)), float(b.pick(2, 4, 8, 16))
    b.rounds = True
    rounding = b.pick("Floor", "Round") if b.opset >= 11 else "Floor"

    def rounded(y):
        return b.op("Round", y) if rounding == "Round" else b.op("Floor", b.op("Add", y, b.scalar(0.5)))

    if b.chance(0.5):
        y = b.op("Div", x, b.scalar(threshold))
        y = b.op("Clip", y, min=0.0, max=1.0) if b.opset < 11 else b.op("Clip", y, b.scalar(0.0), b.scalar(1.0))
        y = rounded(b.op("Mul", y, b.scalar(count)))
        return b.op("Mul", b.op("Div", y, b.scalar(count)), b.scalar(threshold))
    y = rounded(b.op("Mul", x, b.scalar(count / threshold)))
    y = b.op("Clip", y, min=0.0, max=count) if b.opset < 11 else b.op("Clip", y, b.scalar(0.0), b.scalar(count))
    return b.op("Mul", y, b.scalar(threshold / count))


# ---- pools and reductions

def window(b, sizes, dilated):
    kernel = [int(min(b.pick(1, 2, 2, 3), s)) for s in sizes]
    attributes = {"kernel_shape": kernel, "strides": [int(b.pick(1, 2, 2, 3)) for _ in sizes]}
    if b.chance(0.2):
        attributes["auto_pad"] = b.pick("SAME_UPPER", "SAME_LOWER", "VALID")
        return attributes
    low = [int(b.rng.integers(0, k)) for k in kernel]
    high = [p if b.chance(0.7) else int(b.rng.integers(0, k)) for p, k in zip(low, kernel)]
    attributes["pads"] = low + high
    if b.opset >= 10 and b.chance(0.3):
        attributes["ceil_mode"] = 1
    if dilated and b.chance(0.1):
        attributes["dilations"] = [2 if (k - 1) * 2 + 1 <= s else 1 for k, s in zip(kernel, sizes)]
        attributes["pads"] = [0] * (2 * len(kernel))
    return attributes


def max_pool(b, x):
    return b.op("MaxPool", x, **window(b, spatial(b, x, 2)[1], b.opset >= 10))


def average_pool(b, x):
    attributes = window(b, spatial(b, x, 2)[1], False)
    if b.chance(0.5):
        attributes["count_include_pad"] = 1
    return b.op("AveragePool", x, **attributes)


def padded_max_pool(b, x):
    """A border of its own before a max pool without padding, as TensorFlow's converters write it."""
    channels, height, width = image(b, x, 3)
    del channels
    value = b.pick(0.0, -FLT_MAX, -3e38, -65504.0, -1.0, float("-inf"))
    pads = [0, 0, *[int(b.pick(0, 1)) for _ in range(2)], 0, 0, *[int(b.pick(0, 1)) for _ in range(2)]]
    if value == 0.0:
        x = b.op("Relu", x)
    x = b.op("Pad", x, pads=pads, mode="constant", value=value) if b.opset < 11 else b.op("Pad", x, b.ints(*pads), b.scalar(value))
    return b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])


def global_pool(b, x):
    spatial(b, x)
    return b.op(b.pick("GlobalAveragePool", "GlobalMaxPool"), x)


def reduce(b, x):
    rank = len(b.shape(x)) + 1
    if rank < 3:
        raise Unfit
    axes = sorted(int(a) for a in b.rng.permutation(np.arange(1, rank))[: b.rng.integers(1, rank - 1)])
    axes = [a - rank if b.chance(0.3) else a for a in axes]
    kind, keep = b.pick("ReduceMean", "ReduceSum", "ReduceMax"), int(b.pick(0, 1))
    if b.opset >= 18 or (kind == "ReduceSum" and b.opset >= 13):
        y = b.op(kind, x, b.ints(*axes), keepdims=keep)
    else:
        y = b.op(kind, x, axes=axes, keepdims=keep)
    if kind == "ReduceSum":
        y = b.op("Mul", y, b.scalar(0.3))
    return y


# ---- borders

def pad(b, x):
    shape = b.shape(x)
    if len(shape) < 2:
        raise Unfit
    mode = b.pick("constant", "reflect", "edge")
    rank = len(shape) + 1
    low = [0, 0] + [int(b.rng.integers(0, min(3, s))) for s in shape[1:]]
    high = [0, 0] + [int(b.rng.integers(0, min(3, s))) for s in shape[1:]]
    value = float(b.pick(0.0, 0.0, 0.5, -1.0))
    del rank
    if b.opset < 11:
        return b.op("Pad", x, pads=low + high, mode=mode, **({"value": value} if mode == "constant" else {}))
    inputs = [x, b.ints(*low, *high)] + ([b.scalar(value)] if mode == "constant" else [])
    return b.op("Pad", *inputs, mode=mode)


# ---- joins

def residual(b, x):
    shape = b.shape(x)
    if len(shape) != 3:
        y = affine(b, b.op("Relu", x))
    else:
        c = shape[0]
        y = b.op("Conv", b.op("Relu", x), b.weight(b.normal(c, c, 3, 3)), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    kind = b.pick("Add", "Sub", "Sum", "Mean")
    return b.op(kind, x, y)


def broadcast(b, x):
    """An activation meets a smaller one: x - mean(x), x + a vector of its channels."""
    shape = b.shape(x)
    if len(shape) < 2:
        raise Unfit
    axes = list(range(2, len(shape) + 1)) if b.chance(0.5) else [len(shape)]
    mean = b.op("ReduceMean", x, b.ints(*axes), keepdims=1) if b.opset >= 18 else b.op("ReduceMean", x, axes=axes, keepdims=1)
    return b.op(b.pick("Sub", "Add"), *b.pick((x, mean), (mean, x)))


def branches(b, x):
    """Two branches joined."""
    shape = b.shape(x)
    y = affine(b, x)
    return b.op("Concat", x, b.op("Relu", y), axis=int(b.pick(1, *range(1, len(shape) + 1))))


def with_zeros(b, x):
    """cat([x, zeros_like(x)]), and joins with other constants."""
    shape = b.shape(x)
    if b.opset >= 9 and b.chance(0.5) and b.batch:
        zeros = b.op("ConstantOfShape", b.op("Shape", x))
    elif b.batch:
        zeros = b.const(np.tile(b.rng.normal(0, 1, [1, *shape]), [b.batch] + [1] * len(shape)))
    else:
        raise Unfit
    return b.op("Concat", *b.pick((x, zeros), (zeros, x)), axis=1)


def shuffle(b, x):
    """Split, and channels shuffled by reshape, transpose, reshape."""
    c, h, w = image(b, x)
    if c % 2:
        raise Unfit
    y = b.op("Reshape", x, b.ints(-1 if not b.batch else b.batch, 2, c // 2, h, w))
    y = b.op("Transpose", y, perm=[0, 2, 1, 3, 4])
    y = b.op("Reshape", y, b.ints(-1 if not b.batch else b.batch, c, h, w))
    if b.opset >= 13:
        left, right = b.op("Split", y, b.ints(c // 2, c // 2), outputs=2, axis=1)
    else:
        left, right = b.op("Split", y, outputs=2, axis=1, split=[c // 2, c // 2])
    return b.op("Concat", b.op("Relu", right), left, axis=1)


LAYERS = [conv, conv, conv, conv_transpose, dense, dense, per_position, batch_norm, batch_norm, affine, relu, relu, relu, clip, clip, leaky, steps,
          max_pool, max_pool, average_pool, padded_max_pool, padded_max_pool, global_pool, reduce, pad, residual, residual, broadcast, branches,
          with_zeros, shuffle]

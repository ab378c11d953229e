"""Layers that move, copy or drop entries."""
import numpy as np

from .net import FLOAT, Unfit


def image(net, x):
    shape = net.shape(x)
    if len(shape) != 4:
        raise Unfit("no image")
    return shape


def first(net):
    """The batch as a shape has it where it is copied from the operand."""
    return 0 if net.is_dynamic or net.chance(0.5) else net.batch


def reshape(net, x, sizes):
    """To `[batch, *sizes]`: a constant shape, or one made from that of the tensor."""
    way = net.between(0, 6)
    if way <= 2 or net.opset < 10:
        one = net.chance(0.4)
        shape = [first(net), *sizes]
        if one:
            shape[net.between(1, len(sizes))] = -1
        elif net.chance(0.3):
            shape[0] = -1
        return net.op("Reshape", x, net.ints(*shape))
    batch = net.op("Gather", net.op("Shape", x), net.ints(0, scalar=True), axis=0) if way <= 4 else None
    if batch:
        batch = unsqueeze(net, batch, [0])
    else:
        whole = net.op("Shape", x)
        batch = net.op("Slice", whole, net.ints(0), net.ints(1), net.ints(0))
        if net.chance(0.3):
            batch = net.cast(net.cast(batch, 6), 7)
    rest = [net.ints(s) for s in sizes] if net.chance(0.5) else [net.ints(*sizes)]
    return net.op("Reshape", x, net.op("Concat", batch, *rest, axis=0))


def unsqueeze(net, x, axes):
    return net.op("Unsqueeze", x, axes=axes) if net.opset < 13 else net.op("Unsqueeze", x, net.ints(*axes))


def squeeze(net, x, axes):
    return net.op("Squeeze", x, axes=axes) if net.opset < 13 else net.op("Squeeze", x, net.ints(*axes))


def flat(net, x):
    """To a row, in one of the ways that exporters have."""
    shape = net.shape(x)
    if len(shape) > 2 and all(s == 1 for s in shape[2:]) and net.chance(0.3):
        return squeeze(net, x, list(range(2, len(shape))))
    if net.chance(0.5):
        return net.op("Flatten", x, axis=net.pick(None, 1, 1 - len(shape) if net.opset >= 11 else 1))
    return reshape(net, x, [int(np.prod(shape[1:]))])


def transpose(net, x, order):
    return net.op("Transpose", x, perm=order)


def channels_last(net, x):
    """Out to channels last, something there, and back."""
    _, channels, _, _ = image(net, x)
    y = transpose(net, x, [0, 2, 3, 1])
    way = net.between(0, 3)
    if way == 0:
        y = net.op("Relu", y)
    elif way == 1:
        y = net.op("Add", net.op("Mul", y, net.const(net.rng.uniform(0.5, 1.5, channels), "scale")), net.bias(channels))
    elif way == 2:
        y = net.op("MatMul", y, net.weight(channels, channels, fan_in=channels))
    return transpose(net, y, [0, 3, 1, 2])


def shuffle(net, x):
    """Channel shuffle: groups become the inner axis."""
    _, channels, height, width = image(net, x)
    groups = net.pick(2, 3)
    if channels % groups:
        raise Unfit("no groups")
    y = reshape(net, x, [groups, channels // groups, height, width])
    return reshape(net, transpose(net, y, [0, 2, 1, 3, 4]), [channels, height, width])


def pad_node(net, x, pads, value=0.0, mode=None):
    """`Pad`, by attributes before operator set 11."""
    if net.opset < 11:
        return net.op("Pad", x, pads=pads, value=float(value) or None, mode=mode)
    inputs = [x, net.ints(*pads)]
    if value or net.chance(0.5):
        inputs.append(net.initialiser(np.array(value, net.dtype), "border"))
    return net.op("Pad", *inputs, mode=mode)


def pad(net, x):
    _, _, height, width = image(net, x)
    mode = net.pick(None, None, "constant", "reflect", "edge")
    high = 2 if mode != "reflect" else min(2, height - 1, width - 1)
    pads = [net.between(0, max(high, 0)) for _ in range(4)]
    value = net.pick(0.0, 0.0, 0.5, -1.0) if mode in (None, "constant") else 0.0
    return pad_node(net, x, [0, 0, *pads[:2], 0, 0, *pads[2:]], value, mode)


def crop(net, x):
    """`Slice` of any axes, with steps and ends beyond the end."""
    shape = net.shape(x)
    axis = net.between(1, len(shape) - 1)
    size = shape[axis]
    if size < 2:
        raise Unfit("nothing to cut")
    start = net.between(0, size // 2)
    end = net.pick(size, size - (start < size - 1), 2**31 - 1, 2**63 - 1)
    if net.opset < 10:
        return net.op("Slice", x, starts=[start], ends=[end], axes=[axis])
    if net.chance(0.2):
        return net.op("Slice", x, net.ints(-1), net.ints(-(2**31)), net.ints(axis), net.ints(-1))
    inputs = [x, net.ints(start), net.ints(end), net.ints(net.pick(axis, axis - len(shape)))]
    return net.op("Slice", *inputs, *([net.ints(net.between(1, 2))] if net.chance(0.4) else []))


def split(net, x):
    """Halves, one of which goes on alone, or both in the other order."""
    shape = net.shape(x)
    axis = net.between(1, len(shape) - 1)
    if shape[axis] < 2:
        raise Unfit("nothing to split")
    one = shape[axis] // 2
    sizes = [one, shape[axis] - one]
    if net.opset < 13:
        a, b = net.op("Split", x, outputs=2, axis=axis, split=sizes)
    elif net.opset >= 18 and sizes[0] == sizes[1] and net.chance(0.5):
        a, b = net.op("Split", x, outputs=2, axis=axis, num_outputs=2)
    else:
        a, b = net.op("Split", x, net.ints(*sizes), outputs=2, axis=axis)
    return net.pick(a, net.op("Concat", b, net.op("Relu", a), axis=axis))


def gather(net, x):
    """Channels picked, permuted or repeated."""
    shape = net.shape(x)
    axis = net.between(1, len(shape) - 1)
    count = net.between(1, shape[axis])
    indices = net.rng.integers(-shape[axis] if net.opset >= 11 else 0, shape[axis], count)
    return net.op("Gather", x, net.ints(*[int(i) for i in indices]), axis=axis)


def blocks(net, x):
    """`SpaceToDepth` and `DepthToSpace`."""
    _, channels, height, width = image(net, x)
    if net.chance(0.4):
        if channels % 4:
            x = net.op("Conv", x, net.weight(4, channels, 1, 1), kernel_shape=[1, 1])
        return net.op("DepthToSpace", x, blocksize=2, mode=net.pick(None, "DCR", "CRD") if net.opset >= 11 else None)
    if height % 2 or width % 2:
        raise Unfit("no blocks")
    return net.op("SpaceToDepth", x, blocksize=2)


def resize(net, x):
    """Nearest neighbours, or linear interpolation."""
    _, channels, height, width = image(net, x)
    if height * width > 64 or net.dtype != np.float32:
        raise Unfit("large enough")
    scales = net.initialiser(np.array([1, 1, 2, net.pick(2, 1, 3)], np.float32), "scales")
    if net.opset < 9:
        return net.op("Upsample", x, scales=[1.0, 1.0, 2.0, 2.0], mode="nearest")
    if net.opset < 10:
        return net.op("Upsample", x, scales, mode="nearest")
    if net.opset < 11:
        return net.op("Resize", x, scales, mode="nearest")
    linear = {"mode": "linear", "coordinate_transformation_mode": net.pick("half_pixel", "asymmetric", None)}
    modes = linear if net.chance(0.3) else {"mode": "nearest", "coordinate_transformation_mode": net.pick("asymmetric", "half_pixel", None),
             "nearest_mode": net.pick("floor", None, "round_prefer_ceil")}
    if net.chance(0.5) or net.is_dynamic:
        region = net.initialiser(np.zeros(0, np.float32), "region") if net.opset < 13 or net.chance(0.3) else ""
        return net.op("Resize", x, region, scales, **modes)
    region, scales = (net.initialiser(np.zeros(0, np.float32), "none") for _ in range(2))
    if net.opset >= 13:
        region = scales = ""
    return net.op("Resize", x, region, scales, net.ints(net.batch, channels, height * 2, width * 2), **modes)


def ways_round(net, x):
    """Axes that come and go."""
    shape = net.shape(x)
    axis = net.between(1, len(shape))
    return squeeze(net, net.op("Relu", unsqueeze(net, x, [axis])), [axis])


def tiled(net, x):
    """`Tile` or `Expand` of one axis."""
    shape = net.shape(x)
    axis = net.between(1, len(shape) - 1)
    if int(np.prod(shape)) > 200:
        raise Unfit("large enough")
    repeats = [1] * len(shape)
    if shape[axis] == 1 and net.opset >= 8:
        repeats[axis] = 3
        return net.op("Expand", x, net.ints(*repeats))
    repeats[axis] = 2
    return net.op("Tile", x, net.ints(*repeats))


def idle(net, x):
    """What does nothing in inference."""
    way = net.between(0, 3)
    if way == 0:
        return net.op("Identity", x)
    if way == 1:
        if net.opset < 12:
            return net.op("Dropout", x, ratio=0.5)
        ratio = [net.initialiser(np.array(0.5, np.float32), "ratio")] if net.chance(0.7) else []
        training = [net.initialiser(np.array(False), "training")] if ratio and net.chance(0.4) else []
        return net.op("Dropout", x, *ratio, *training)
    if way == 2 and net.opset >= 15:
        return net.op("CastLike", x, net.const(0.0, "like"))
    return net.cast(x, net.element(x) or FLOAT)


def summed(net, x):
    """A running sum along an axis."""
    if net.opset < 11:
        raise Unfit("there is no running sum")
    axis = net.between(1, len(net.shape(x)) - 1)
    total = net.op("CumSum", x, net.ints(axis, scalar=True), exclusive=net.pick(None, 1), reverse=net.pick(None, 1))
    return net.op("Mul", total, net.const(0.3, "scale"))


def chosen(net, x):
    """Entries that are kept, the others being a constant: `Where` by a mask, or a triangle."""
    shape = net.shape(x)
    if net.opset >= 14 and len(shape) > 2 and net.chance(0.3):
        return net.op("Trilu", x, upper=net.pick(0, 1))
    if net.opset < 9:
        raise Unfit("there is no choice")
    mask = net.initialiser(net.rng.random([1, *shape[1:]]) < 0.7, "mask")
    other = net.const(net.pick(0.0, 0.5), "other")
    return net.op("Where", mask, *((x, other) if net.chance(0.7) else (other, x)))


def with_constant(net, x):
    """A constant of as many images, concatenated: a class token, coordinates. The batch has to be fixed."""
    shape = net.shape(x)
    if net.is_dynamic or net.batch != 1:
        raise Unfit("the batch is not known")
    constant = net.const(net.rng.normal(0, 0.5, [1, 1, *shape[2:]]), "token")
    return net.op("Concat", *((constant, x) if net.chance(0.5) else (x, constant)), axis=1)


def alone(net, x):
    """The one image without its batch axis, and something done to it: code that was written for one image."""
    shape = net.shape(x)
    if net.is_dynamic or net.batch != 1 or len(shape) < 3:
        raise Unfit("there are several images")
    y = squeeze(net, x, [0]) if net.chance(0.5) else net.op("Gather", x, net.ints(0, scalar=True), axis=0)
    way = net.between(0, 2)
    if way == 0:
        y = net.op("Relu", y)
    elif way == 1:
        y = net.op("Mul", y, net.const(net.rng.uniform(0.5, 1.5, shape[1:]), "scale"))
    return unsqueeze(net, y, [0])


IMAGE = [channels_last, shuffle, pad, pad, crop, split, gather, blocks, resize, ways_round, tiled, idle, summed, chosen, with_constant, alone]
ROW = [crop, split, gather, ways_round, idle, tiled, summed, chosen]

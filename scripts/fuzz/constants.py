"""The ways in which files write constants. Each returns the name, or nothing where it does not apply."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper



def plain(net, array, stem):
    return net.initialiser(array, stem)


def node(net, array, stem):
    """A `Constant` node; scalars and rows may be attributes since operator set 12."""
    name = net.name(stem)
    attribute = {"value": numpy_helper.from_array(array)}
    if net.opset >= 12 and array.dtype == np.float32 and array.ndim < 2 and net.chance(0.5):
        attribute = {"value_float": float(array)} if array.ndim == 0 else {"value_floats": array.tolist()}
    net.nodes.append(helper.make_node("Constant", [], [name], name=name, **attribute))
    return net.known(array, name)


def identity(net, array, stem):
    name = net.name(stem)
    net.nodes.append(helper.make_node("Identity", [net.initialiser(array, stem)], [name]))
    return net.known(array, name)


def half(net, array, stem):
    """Kept in 16 bits and cast when used."""
    if np.abs(array[np.isfinite(array)]).max(initial=0) > np.finfo(np.float16).max:
        return None
    stored = array.astype(np.float16)
    name = net.name(stem)
    net.nodes.append(helper.make_node("Cast", [net.initialiser(stored, stem)], [name], to=helper.np_dtype_to_tensor_dtype(array.dtype)))
    return net.known(stored.astype(array.dtype), name)


def bfloat(net, array, stem):
    if net.opset < 13 or array.dtype != np.float32:
        return None
    bits = (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16)
    source = net.name(stem)
    net.initialisers.append(helper.make_tensor(source, TensorProto.BFLOAT16, array.shape, bits.tobytes(), raw=True))
    name = net.name(stem)
    net.nodes.append(helper.make_node("Cast", [source], [name], to=TensorProto.FLOAT))
    return net.known((bits.astype(np.uint32) << 16).view(np.float32).reshape(array.shape), name)


def transposed(net, array, stem):
    """The weights of `tf.keras` and of `nn.Linear`, turned when used."""
    if array.ndim < 2:
        return None
    order = [int(a) for a in net.rng.permutation(array.ndim)]
    source = net.initialiser(np.ascontiguousarray(array.transpose(np.argsort(order))), stem)
    name = net.name(stem)
    net.nodes.append(helper.make_node("Transpose", [source], [name], perm=order))
    return net.known(array, name)


def reshaped(net, array, stem):
    source = net.initialiser(array.reshape(-1), stem)
    name = net.name(stem)
    net.nodes.append(helper.make_node("Reshape", [source, net.ints(*array.shape)], [name]))
    return net.known(array, name)


def unsqueezed(net, array, stem):
    """`[C, 1, 1]` out of `[C]`, as PyTorch does for per-channel constants."""
    axes = [a for a, size in enumerate(array.shape) if size == 1]
    if not axes:
        return None
    source = net.initialiser(np.squeeze(array, tuple(axes)), stem)
    name = net.name(stem)
    if net.opset < 13:
        net.nodes.append(helper.make_node("Unsqueeze", [source], [name], axes=axes))
    else:
        net.nodes.append(helper.make_node("Unsqueeze", [source, net.ints(*axes)], [name]))
    return net.known(array, name)


def scaled(net, array, stem):
    """A product of constants: spectral norm, weight norm, learning-rate equalisation."""
    factor = np.array(2.0 ** net.between(-2, 2), array.dtype)
    if np.abs(array[np.isfinite(array)]).max(initial=0) > np.finfo(array.dtype).max / 4:
        return None
    name = net.name(stem)
    net.nodes.append(helper.make_node("Mul", [net.initialiser(array / factor, stem), net.initialiser(factor, "gain")], [name]))
    return net.known(array, name)


def dequantised(net, array, stem):
    """8-bit weights behind `DequantizeLinear`, with one scale for the tensor or one for each entry of axis 0."""
    if net.opset < 13 or array.ndim == 0 or array.dtype != np.float32:
        return None
    per_axis = array.ndim > 1 and net.chance(0.6)
    axes = tuple(range(1, array.ndim)) if per_axis else None
    scale = np.maximum(np.abs(array).max(axis=axes) / 127, 1e-6).astype(np.float32)
    spread = scale.reshape([-1] + [1] * (array.ndim - 1)) if per_axis else scale
    if net.chance(0.4):
        zero, low, high, kind = 128, 0, 255, np.uint8
    else:
        zero, low, high, kind = 0, -127, 127, np.int8
    stored = np.clip(np.round(array / spread) + zero, low, high).astype(kind)
    inputs = [net.initialiser(stored, stem), net.initialiser(scale, "scale")]
    if zero or net.chance(0.7):
        inputs.append(net.initialiser(np.full(scale.shape, zero, kind), "zero_point"))
    name = net.name(stem)
    net.nodes.append(helper.make_node("DequantizeLinear", inputs, [name], **({"axis": 0} if per_axis else {})))
    return net.known((stored.astype(np.float32) - zero) * spread, name)


def sparse(net, array, stem):
    """Pruned weights as a sparse initialiser."""
    if net.opset < 11 or array.ndim == 0 or array.dtype != np.float32:
        return None
    array = np.where(np.abs(array) > np.median(np.abs(array)), array, 0).astype(array.dtype)
    places = np.argwhere(array != 0)
    if len(places) == 0:
        return None
    linear = net.chance(0.5)
    indices = np.ravel_multi_index(places.T, array.shape) if linear else places
    name = net.name(stem)
    values = numpy_helper.from_array(array[array != 0], name)
    where = numpy_helper.from_array(np.ascontiguousarray(indices, dtype=np.int64), f"{name}.indices")
    net.sparse.append(helper.make_sparse_tensor(values, where, array.shape))
    return net.known(array, name)


def folded(net, array, stem):
    """A value that is the same everywhere, made by `ConstantOfShape` or `Expand`."""
    if array.size == 0 or not (array == array.reshape(-1)[0]).all() or array.ndim == 0:
        return None
    name = net.name(stem)
    if net.chance(0.5):
        value = numpy_helper.from_array(array.reshape(-1)[:1])
        net.nodes.append(helper.make_node("ConstantOfShape", [net.ints(*array.shape)], [name], value=value))
    elif net.opset >= 8:
        net.nodes.append(helper.make_node("Expand", [net.initialiser(array.reshape(-1)[:1], stem), net.ints(*array.shape)], [name]))
    else:
        return None
    return net.known(array, name)


ALL = [plain, node, identity, half, bfloat, transposed, reshaped, unsqueezed, scaled, dequantised, sparse, folded]

"""The smallest part of a network that is still at fault."""
import time

import numpy as np
import onnx
import onnx.inliner
from onnx import helper, numpy_helper

from .judge import Invalid, by_batch, judge

# Seconds for one finding.
PATIENCE = 15


def shrink(network, verdict, meaning):
    """A smaller network with a finding of the same kind, and its verdict. Takes the file apart until nothing more can go."""
    best, end = (network, verdict), time.monotonic() + PATIENCE
    while True:
        for candidate in candidates(best[0]):
            if time.monotonic() > end:
                return best
            found = still(candidate, verdict, meaning)
            if found:
                best = (candidate, found)
                break
        else:
            return best


def still(candidate, verdict, meaning):
    try:
        found = judge(candidate, meaning)
    except (Invalid, ValueError):
        return None
    same = found.kind == verdict.kind and (found.kind == "differs" or found.reason == verdict.reason)
    return found if same else None


def candidates(network):
    """Smaller networks, the boldest first."""
    if len(network.images) > 1 and batch_of(network) <= 1:
        yield network.like(network.model, network.images[:1])
    yield from inlined(network)
    types = inferred(network.model)
    names = [n.output[0] for n in network.model.graph.node]
    for name in names[:-1]:
        yield from ending(network, name, types)
    for name in reversed(names[:-1]):
        yield from starting(network, name, types)
    for index in range(len(network.model.graph.node)):
        yield from bypassed(network, index, types)
    yield from simpler(network)


def batch_of(network):
    return network.model.graph.input[0].type.tensor_type.shape.dim[0].dim_value


def copy(model):
    result = onnx.ModelProto()
    result.CopyFrom(model)
    return result


def inferred(model):
    """Types of all tensors that the standard can tell."""
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:
        return {}
    return {v.name: v for v in [*graph.value_info, *graph.input, *graph.output]}


def cleaned(model):
    """Without what nothing reads."""
    graph = model.graph
    wanted = {o.name for o in graph.output}
    kept = []
    for node in reversed(graph.node):
        if any(o in wanted for o in node.output):
            wanted.update(node.input)
            kept.append(node)
    kept = [n for n in reversed(kept)]
    inits = [t for t in graph.initializer if t.name in wanted]
    sparse = [t for t in graph.sparse_initializer if t.values.name in wanted]
    first = graph.input[0]
    inputs = [first] + [i for i in list(graph.input)[1:] if i.name in wanted]
    for field, values in [(graph.node, kept), (graph.initializer, inits), (graph.sparse_initializer, sparse), (graph.input, inputs)]:
        values = [type(v).FromString(v.SerializeToString()) for v in values]
        del field[:]
        field.extend(values)
    del graph.value_info[:]
    return model


def inlined(network):
    if network.model.functions:
        yield network.like(onnx.inliner.inline_local_functions(copy(network.model)))


def sizes(info):
    if info is None or not info.type.tensor_type.HasField("shape"):
        return None
    return [d.dim_value if d.HasField("dim_value") else None for d in info.type.tensor_type.shape.dim]


def ending(network, name, types):
    """The network up to a tensor inside, flattened where it has to be."""
    shape, model = sizes(types.get(name)), copy(network.model)
    if shape is None or len(shape) < 2:
        return
    graph = model.graph
    element = types[name].type.tensor_type.elem_type
    del graph.output[:]
    last = name
    if len(shape) > 2:
        last = "flattened"
        graph.node.append(helper.make_node("Flatten", [name], [last], axis=1))
    graph.output.append(helper.make_tensor_value_info(last, element, [None, None]))
    result = network.like(cleaned(model))
    result.output = None
    yield result


def starting(network, name, types):
    """The network from a tensor inside, whose values become the images."""
    shape = sizes(types.get(name))
    if shape is None or len(shape) < 2 or None in shape[1:] or types[name].type.tensor_type.elem_type not in (1, 10, 11):
        return
    try:
        values = values_of(network, name, types)
    except Exception:
        return
    if not (np.abs(values) < 1e4).all():
        # No image has such values.
        return
    model = copy(network.model)
    graph = model.graph
    kept = [n for n in graph.node if name not in n.output]
    kept = [type(n).FromString(n.SerializeToString()) for n in kept]
    del graph.node[:]
    graph.node.extend(kept)
    batch = batch_of(network)
    source = helper.make_tensor_value_info(name, types[name].type.tensor_type.elem_type, [batch or "N", *shape[1:]])
    rest = [type(i).FromString(i.SerializeToString()) for i in list(graph.input)[1:]]
    del graph.input[:]
    graph.input.extend([source, *rest])
    result = network.like(cleaned(model), values.astype(np.float32))
    if any(name in n.input for n in result.model.graph.node):
        yield result


def values_of(network, name, types):
    import onnxruntime

    model = copy(network.model)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, types[name].type.tensor_type.elem_type, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    shapes = []

    def run(images):
        value = session.run([name], {session.get_inputs()[0].name: images})[0]
        shapes.append(value.shape[1:])
        return value

    return by_batch(network, run).reshape(len(network.images), *shapes[0])


def bypassed(network, index, types):
    """Without a node, where its first operand has the shape of its result."""
    node = network.model.graph.node[index]
    for operand in node.input:
        if operand and sizes(types.get(operand)) and sizes(types.get(operand)) == sizes(types.get(node.output[0])):
            model = copy(network.model)
            if node.output[0] in {o.name for o in model.graph.output}:
                continue
            for reader in model.graph.node:
                reader.input[:] = [operand if i == node.output[0] else i for i in reader.input]
            del model.graph.node[index]
            yield network.like(cleaned(model))


def simpler(network):
    """Attributes left out, weights and images of few digits, smaller images."""
    for index, node in enumerate(network.model.graph.node):
        for attribute in node.attribute:
            if attribute.name not in ("to", "axis", "perm", "kernel_shape", "axes", "value", "equation"):
                model = copy(network.model)
                kept = [a for a in node.attribute if a.name != attribute.name]
                del model.graph.node[index].attribute[:]
                model.graph.node[index].attribute.extend(kept)
                yield network.like(model)
    for k, tensor in enumerate(network.model.graph.initializer):
        if tensor.data_type in (1, 10, 11):
            array = numpy_helper.to_array(tensor)
            for plain in (np.ones_like(array), np.round(array)):
                if not np.array_equal(plain, array) and (np.round(array) != array).any():
                    model = copy(network.model)
                    model.graph.initializer[k].CopyFrom(numpy_helper.from_array(plain, tensor.name))
                    yield network.like(model)
    rounded = np.round(network.images)
    if not np.array_equal(rounded, network.images):
        yield network.like(network.model, rounded)
    shape = network.model.graph.input[0].type.tensor_type.shape.dim
    for axis in range(2, len(shape)):
        size = shape[axis].dim_value
        for smaller in {size // 2, size - 1} - {0, size}:
            model = copy(network.model)
            model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = smaller
            for output in model.graph.output:
                output.type.tensor_type.ClearField("shape")
            yield network.like(model, np.take(network.images, range(smaller), axis=axis))

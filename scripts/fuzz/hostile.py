"""Damaged files: no file may crash the compiler, fill the memory or take forever."""
import numpy as np


def damaged(data, rng):
    """The bytes of a file with a few faults."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(data)))
        way = rng.integers(7)
        if way == 0:
            data[place] ^= 1 << int(rng.integers(8))
        elif way == 1:
            data[place] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
        elif way == 2:
            del data[place:]
        elif way == 3:
            del data[place:place + int(rng.integers(1, 20))]
        elif way == 4:
            # The largest numbers that a varint holds, where a size or a count may be.
            data[place:place + 1] = rng.choice([b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x07", b"\xff" * 8 + b"\x7f"])
        elif way == 5:
            other = int(rng.integers(len(data)))
            data[place:place] = data[other:other + int(rng.integers(1, 40))]
        else:
            data[place:place + 4] = np.array(rng.choice([np.nan, np.inf, -np.inf, 3e38]), np.float32).tobytes()
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def altered(model, rng):
    """A copy of a model that is well-formed as a file, but whose numbers are not to be trusted."""
    model = type(model).FromString(model.SerializeToString())
    graph = model.graph
    huge = [0, -1, 2**31 - 1, 2**31, 2**62, 2**63 - 1, -(2**63), 3, 7]
    for _ in range(int(rng.integers(1, 4))):
        way = rng.integers(6)
        node = graph.node[rng.integers(len(graph.node))]
        if way == 0 and node.attribute:
            attribute = node.attribute[rng.integers(len(node.attribute))]
            if attribute.ints:
                attribute.ints[rng.integers(len(attribute.ints))] = int(rng.choice(huge))
            attribute.i = int(rng.choice(huge))
        elif way == 1 and graph.initializer:
            tensor = graph.initializer[rng.integers(len(graph.initializer))]
            if tensor.dims:
                tensor.dims[rng.integers(len(tensor.dims))] = int(rng.choice(huge))
        elif way == 2 and graph.initializer:
            tensor = graph.initializer[rng.integers(len(graph.initializer))]
            if tensor.data_type == 7 and tensor.raw_data:
                count = len(tensor.raw_data) // 8
                values = np.frombuffer(tensor.raw_data, np.int64).copy()
                values[rng.integers(count)] = int(rng.choice(huge))
                tensor.raw_data = values.tobytes()
        elif way == 3:
            dims = graph.input[0].type.tensor_type.shape.dim
            dims[rng.integers(len(dims))].dim_value = int(rng.choice(huge))
        elif way == 4 and node.input:
            names = [o for n in graph.node for o in n.output] + [t.name for t in graph.initializer] + [""]
            node.input[rng.integers(len(node.input))] = names[rng.integers(len(names))]
        else:
            other = graph.node[rng.integers(len(graph.node))]
            node.op_type = other.op_type
    return model.SerializeToString()

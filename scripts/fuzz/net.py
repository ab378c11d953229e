"""A network under construction."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

# The version of the file format that goes with an operator set.
IR = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13}

# Of these operators results on constants are needed to know the shape of a `Reshape`.
OF_SHAPES = {"Gather", "Slice", "Unsqueeze", "Squeeze", "Concat", "Cast"}


class Unfit(Exception):
    """A layer cannot be put here: another is tried."""


class Net:
    """Nodes, initialisers, and the type of every tensor.

    Every method that adds a node returns the name of its result. The batch is `self.batch` images inside of here; in the file it
    may be dynamic, so layers write it only where `self.is_dynamic` is false.
    """

    def __init__(self, rng, opset, is_dynamic=True, batch=1):
        self.rng, self.opset, self.is_dynamic, self.batch = rng, opset, is_dynamic, batch
        self.nodes, self.initialisers, self.sparse, self.inputs = [], [], [], []
        self.types, self.values = {}, {}
        self.dtype = np.dtype(np.float32)
        self.outputs = []
        # Ways to write a constant: see `constants`.
        self.spellings = []
        # What is done behind nodes: functions of the network and a tensor.
        self.sprinkles = []
        self.output = None
        # Rounded activations may jump where sums are rounded differently.
        self.is_rounded = False
        # Hundreds of layers of 8 bits hide nothing; 16-bit floats are coarse.
        self.tolerance = 1e-3
        self.is_named = True
        self.count = 0

    # Random choices.

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, *options):
        return options[self.rng.integers(len(options))]

    def between(self, low, high):
        """An integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    # Tensors.

    def name(self, stem):
        self.count += 1
        return f"{stem}_{self.count}"

    def shape(self, tensor):
        """Sizes of a tensor, the batch among them."""
        dims = self.types[tensor].tensor_type.shape.dim
        if not self.types[tensor].tensor_type.HasField("shape") or any(not d.HasField("dim_value") for d in dims):
            raise Unfit(f"the shape of {tensor} is not known")
        return [d.dim_value for d in dims]

    def element(self, tensor):
        return self.types[tensor].tensor_type.elem_type

    def image(self, shape, dtype=np.float32, name="image"):
        """The input, `shape` without the batch."""
        element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.types[name] = helper.make_tensor_type_proto(element, [self.batch, *shape])
        first = self.pick("N", "batch_size", "unk__1", None) if self.is_dynamic else self.batch
        self.inputs.append(helper.make_tensor_value_info(name, element, [first, *shape]))
        return name

    def known(self, array, name):
        """Notes the value of a tensor that does not depend on the image."""
        array = np.asarray(array)
        self.values[name] = array
        self.types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        return name

    def initialiser(self, array, stem="const"):
        """A constant as an initialiser, which is the plain way."""
        array = np.asarray(array)
        name = self.name(stem)
        self.initialisers.append(numpy_helper.from_array(array, name))
        return self.known(array, name)

    def ints(self, *values, scalar=False):
        """Integers: sizes, axes, indices."""
        return self.initialiser(np.array(values[0] if scalar else values, dtype=np.int64), "ints")

    def const(self, array, stem="const"):
        """Floats of the network's type, written in one of the exporter's ways."""
        array = np.asarray(array, dtype=self.dtype)
        if self.spellings:
            spelling = self.pick(*self.spellings)
            made = spelling(self, array, stem)
            if made:
                return made
        return self.initialiser(array, stem)

    def weight(self, *shape, fan_in=None):
        """Random weights that keep values near 1."""
        fan_in = fan_in or max(1, int(np.prod(shape[1:])))
        return self.const(self.rng.normal(0, np.sqrt(2 / fan_in), shape), "weight")

    def bias(self, n):
        return self.const(self.rng.uniform(-0.3, 0.3, n), "bias")

    # Nodes.

    def op(self, kind, *inputs, outputs=1, to=None, domain="", **attributes):
        """A node: the name of its result, or a list of names. Raises `Unfit` where the standard does not have it so."""
        names = [to] if to else [self.name(kind.lower()) for _ in range(outputs)]
        attributes = {k.rstrip("_"): v for k, v in attributes.items() if v is not None}
        label = self.name(f"/{kind}") if self.is_named else ""
        node = helper.make_node(kind, list(inputs), names, name=label, domain=domain)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in sorted(attributes.items()))
        self.infer(node)
        self.nodes.append(node)
        if outputs > 1:
            return names
        result = names[0]
        if to is None and kind not in ("Shape", "Cast", "CastLike", "Identity") and result not in self.values:
            for sprinkle in self.sprinkles:
                result = sprinkle(self, result)
        return result

    def infer(self, node):
        """Enters the types of a node's results."""
        try:
            schema = onnx.defs.get_schema(node.op_type, self.opset if not node.domain else 3, node.domain)
            types = {i: self.types[i] for i in node.input if i}
            data = {i: numpy_helper.from_array(self.values[i], i) for i in node.input if i in self.values}
            imports = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", 3)]
            found = shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=imports)
        except (onnx.defs.SchemaError, shape_inference.InferenceError, onnx.checker.ValidationError, KeyError, RuntimeError) as error:
            raise Unfit(str(error)) from error
        self.types.update(found)
        for output in node.output:
            if output and output not in found:
                raise Unfit(f"the type of {output} is not known")
        if node.op_type == "Shape":
            self.values[node.output[0]] = np.array(self.shape(node.input[0]), np.int64)
        elif node.op_type in OF_SHAPES and all(i in self.values for i in node.input):
            inputs = [helper.make_value_info(i, self.types[i]) for i in dict.fromkeys(node.input)]
            graph = helper.make_graph([node], "shape", inputs, [helper.make_value_info(node.output[0], found[node.output[0]])])
            evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=imports[:1], ir_version=IR[self.opset]))
            self.values[node.output[0]] = evaluator.run(None, {i: self.values[i] for i in node.input})[0]

    def cast(self, x, kind):
        return self.op("Cast", x, to_=kind)

    def finish(self, scores, to="scores"):
        """Makes a tensor an output."""
        self.op("Identity", scores, to=to) if scores != to else None
        self.outputs.append(to)
        self.output = self.output or to
        return to

    def model(self):
        """The file."""
        def interface(name):
            shape = self.shape(name)
            return helper.make_tensor_value_info(name, self.element(name), ["N" if self.is_dynamic else shape[0], *shape[1:]])

        graph = helper.make_graph(self.nodes, "network", self.inputs, [interface(o) for o in self.outputs], self.initialisers)
        graph.sparse_initializer.extend(self.sparse)
        if self.opset < 9:
            # Before version 4 of the format every initialiser is an input.
            graph.input.extend(helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.initialisers)
        imports = [helper.make_opsetid("", self.opset)]
        if any(n.domain == "ai.onnx.ml" for n in self.nodes):
            imports.append(helper.make_opsetid("ai.onnx.ml", 3))
        return helper.make_model(graph, opset_imports=imports, ir_version=IR[self.opset], producer_name="fuzz")


FLOAT, HALF, DOUBLE, UINT8, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT8, TensorProto.INT64

"""A network under construction: every method adds nodes and returns the tensor's name."""
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

IR = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13}
FLT_MAX = float(np.finfo(np.float32).max)


class Unfit(Exception):
    """A layer that the tensor before it cannot have; the network goes on without it."""


class Builder:
    """`storage` says how constants are kept: any of initializer, node, identity, cast, sparse, quantised, at random."""

    def __init__(self, opset, batch, storage):
        self.opset, self.batch, self.storage = opset, batch, storage
        self.rng = np.random.default_rng(0)
        self.nodes, self.inits, self.sparse, self.functions, self.count = [], [], [], [], 0
        self.input, self.input_type, self.input_shape = "image", TensorProto.FLOAT, None
        self.shapes, self.rounds, self.pixels = {}, False, False

    # ---- nodes

    def fresh(self):
        self.count += 1
        return f"t{self.count}"

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [self.fresh() for _ in range(outputs)]
        label = f"/{kind}_{self.count}" if self.storage.get("named", True) else ""
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=label, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    # ---- constants

    def ints(self, *values):
        """A list of integers as initialiser or node."""
        return self._store(numpy_helper.from_array(np.array(values, np.int64), self.fresh()))

    def scalar(self, value, rank=0):
        return self._store(numpy_helper.from_array(np.full([1] * rank, value, np.float32), self.fresh()))

    def const(self, values):
        """A small float constant."""
        return self._store(numpy_helper.from_array(np.asarray(values, np.float32), self.fresh()))

    def weight(self, values):
        """A weight, which exporters store in more ways than other constants."""
        values = np.asarray(values, np.float32)
        habit = self.pick(*self.storage.get("weights", ["plain"]))
        if habit == "half":
            half = self._store(numpy_helper.from_array(values.astype(np.float16), self.fresh()))
            return self.op("Cast", half, to=TensorProto.FLOAT)
        if habit == "sparse" and self.opset >= 11:
            values = np.where(self.rng.random(values.shape) < 0.5, values, 0)
            name, flat = self.fresh(), values.ravel()
            at = np.flatnonzero(flat)
            indices = at if self.chance(0.5) else np.stack(np.unravel_index(at, values.shape), 1)
            kept = numpy_helper.from_array(flat[at], name)
            self.sparse.append(helper.make_sparse_tensor(kept, numpy_helper.from_array(indices.astype(np.int64)), list(values.shape)))
            return name
        if habit == "quantised" and self.opset >= 13:
            axis = 0 if values.ndim > 1 else None
            size = np.abs(values).max(tuple(range(1, values.ndim)), keepdims=True) if axis == 0 else np.abs(values).max()
            step = np.maximum(size, 1e-3) / 127
            whole = np.clip(np.round(values / step), -128, 127)
            per_axis = axis == 0 and self.chance(0.7)
            if not per_axis:
                step = np.maximum(np.abs(values).max(), 1e-3) / 127
                whole = np.clip(np.round(values / step), -128, 127)
            signed = self.chance(0.7)
            zero = 0 if signed else 128
            whole = (whole + zero).clip(-128 if signed else 0, 127 if signed else 255).astype(np.int8 if signed else np.uint8)
            step = np.ravel(step).astype(np.float32) if per_axis else np.float32(step)
            zeros = np.full(np.shape(step), zero, whole.dtype)
            parts = [self._store(numpy_helper.from_array(np.asarray(v), self.fresh())) for v in (whole, step, zeros)]
            return self.op("DequantizeLinear", *parts, **({"axis": 0} if per_axis else {}))
        if habit == "identity":
            return self.op("Identity", self._store(numpy_helper.from_array(values, self.fresh())))
        return self._store(numpy_helper.from_array(values, self.fresh()))

    def _store(self, tensor):
        if self.opset >= 9 and self.chance(self.storage.get("nodes", 0.0)):
            name = tensor.name
            tensor.name = ""
            self.nodes.append(helper.make_node("Constant", [], [name], name=f"/Constant_{self.count}", value=tensor))
            return name
        self.inits.append(tensor)
        return tensor.name

    def normal(self, *shape, gain=2.0):
        """Weights of a layer whose outputs are as large as its inputs."""
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.rng.normal(0, np.sqrt(gain / fan_in), shape)

    # ---- shapes

    def shape(self, tensor):
        """The shape of a tensor behind the batch, by ONNX Runtime on a batch of its size."""
        if tensor not in self.shapes:
            session = onnxruntime.InferenceSession(self.model([tensor]).SerializeToString(), options(), providers=["CPUExecutionProvider"])
            self.shapes[tensor] = list(session.run([tensor], {self.input: self.sample(self.batch or 1)})[0].shape)[1:]
        return self.shapes[tensor]

    def sample(self, count, seed=0):
        rng = np.random.default_rng(seed)
        shape = [count, *self.input_shape]
        if self.input_type == TensorProto.UINT8:
            return rng.integers(0, 256, shape).astype(np.uint8)
        return (rng.uniform(0, 255, shape) if self.pixels else rng.normal(0, 1, shape)).astype(np.float32)

    def model(self, outputs, types=None):
        batch = self.batch or "N"
        inputs = [helper.make_tensor_value_info(self.input, self.input_type, [batch, *self.input_shape])]
        if self.opset < 9:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.inits]
        results = [helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), None) for name in outputs]
        graph = helper.make_graph(self.nodes, "fuzz", inputs, results, self.inits, sparse_initializer=self.sparse)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(f.domain, 1) for f in self.functions[:1]]
        return helper.make_model(graph, opset_imports=opsets, functions=self.functions, ir_version=IR[self.opset], producer_name="fuzz")


def options():
    """ONNX Runtime without any rewriting of its own, on one thread."""
    made = onnxruntime.SessionOptions()
    made.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    made.log_severity_level, made.intra_op_num_threads = 4, 1
    return made


def checked(model):
    onnx.checker.check_model(model, full_check=False)
    return model

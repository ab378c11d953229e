"""What tools do to finished files, without changing what they compute."""
from onnx import helper


def unnamed(model, rng):
    """Nodes need no name."""
    for node in model.graph.node:
        node.name = ""


def as_inputs(model, rng):
    """Initialisers among the inputs, as defaults of them."""
    known = {i.name for i in model.graph.input}
    for tensor in model.graph.initializer:
        if tensor.name not in known and rng.random() < 0.7:
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def outlined(model, rng):
    """A run of nodes becomes a function of the model. What it reads and what others read of it are its inputs and outputs."""
    graph = model.graph
    version = next(i.version for i in model.opset_import if not i.domain)
    nodes = list(graph.node)
    if model.ir_version < 8 or len(nodes) < 2:
        return
    start = int(rng.integers(len(nodes) - 1))
    run = nodes[start:start + int(rng.integers(1, 5))]
    if any(n.domain for n in run):
        return
    made = {o for n in run for o in n.output if o}
    reads = list(dict.fromkeys(i for n in run for i in n.input if i and i not in made))
    wanted = {i for n in nodes if n not in run for i in n.input} | {o.name for o in graph.output}
    gives = [o for n in run for o in n.output if o in wanted]
    if not gives or not reads:
        return
    # Names inside are the function's own.
    inner = {name: f"inner_{k}" for k, name in enumerate(dict.fromkeys([*reads, *(o for n in run for o in n.output)])) if name}
    copies, kind = [], f"Block{len(model.functions)}"
    for node in run:
        copy = type(node)()
        copy.CopyFrom(node)
        copy.input[:] = [inner.get(i, "") for i in node.input]
        copy.output[:] = [inner.get(o, "") for o in node.output]
        copies.append(copy)
    function = helper.make_function("local", kind, [inner[r] for r in reads], [inner[g] for g in gives], copies, [helper.make_opsetid("", version)])
    call = helper.make_node(kind, reads, gives, name=f"/{kind}", domain="local")
    model.functions.append(function)
    if all(i.domain != "local" for i in model.opset_import):
        model.opset_import.append(helper.make_opsetid("local", 1))
    del graph.node[start:start + len(run)]
    graph.node.insert(start, call)


def without_shapes(model, rng):
    """Outputs of unknown size."""
    for output in model.graph.output:
        for size in output.type.tensor_type.shape.dim:
            size.Clear()


ALL = [unnamed, as_inputs, outlined, outlined, without_shapes]

#!/usr/bin/env python3
"""ONNX's own backend tests against the importer, the passes and the float network.

Needs: numpy onnx, and the program `cargo build --example meaning`
Usage: onnx_backend.py [--only TEXT] [--write] [--keep FOLDER]

Nearly all of these tests are one node: their output is no row of class scores, and what an exporter writes as a constant comes in as
an input. So each is adapted, in up to three forms, and nothing else is changed:

- *rows*: axis 0 of the input is the batch, if it is axis 0 of the output too, and has the same size. The output goes through
  `Flatten`. A test that mixes the entries of axis 0 has to be refused in this form.
- *wrapped*: the whole input is one image: it comes in with a batch axis of 1 in front, which a `Reshape` takes off, and another
  `Reshape` makes the output a row.
- *constant*: all inputs are constants, and the output is added to an image, through `Cast` where it is no float: this judges what the
  importer computes by itself.

In the first two the image is the first input of floats, and each of them in turn where an operator takes several alike (`Add`,
`MatMul`, ..); all other inputs are initialisers from the test's own data. Each of several outputs is tried by itself. Where a
test's operator set is outside of what the importer takes, the nearest is written if the standard has the same attributes, inputs and
outputs for its operators there, as far as the test uses them.

A test passes if one form does and none is wrong; it is refused if all forms are, with a diagnostic. Scores may differ from the expected
output by a relative 1e-3 (1e-2 in 16 bits) and 1e-5 of its largest value: networks are computed in 32 bits.

Prints a table of operators, each form's faults, and exits with 1 if anything is wrong or crashes. `--write` puts the table into
docs/onnx-support.md. Of the data nothing is kept: it comes with the package `onnx`.
"""
import argparse
import collections
import pathlib
import re
import sys
import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper

from common import markdown
from meaning import STAGES, Meaning, add_binary

# Operator sets that the importer takes.
OLDEST, NEWEST = 7, 21
# Operators whose operands are alike: each may be the image.
ALIKE = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "MatMul", "Gemm", "Concat", "Einsum", "Pow", "Where", "PRelu"}
MAX_OUTPUTS = 4
DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs/onnx-support.md"
BEGIN, END = "<!-- onnx_backend.py: begin -->", "<!-- onnx_backend.py: end -->"


class Case:
    """A test: its model, and the tensors that go in and come out, those of other kinds being None."""

    def __init__(self, name, row, model, inputs, outputs):
        self.name, self.row, self.model = name, row, model
        self.inputs, self.outputs = [tensor(v) for v in inputs], [tensor(v) for v in outputs]


def tensor(value):
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return None if value is None or isinstance(value, (list, dict, onnx.SequenceProto, onnx.OptionalProto)) else np.asarray(value)


def node_cases():
    """The tests that the package computes."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        # Overflows are what some of these tests are about.
        warnings.simplefilter("ignore")
        tests = collect_testcases(None)
    operators = {t.name: t.model.graph.node[0].op_type for t in tests if len(t.model.graph.node) == 1}
    for test in tests:
        # A test whose operator is written out as others belongs to that operator.
        original = re.sub(r"_expanded.*", "", test.name)
        row = operators.get(original) or operators.get(test.name) or "several operators"
        for inputs, outputs in test.data_sets[:1]:
            yield Case(test.name, row, test.model, inputs, outputs)


def stored_cases():
    """The tests that lie in the package as files."""
    from onnx.backend.test.loader import load_model_tests

    for kind in ["pytorch-converted", "pytorch-operator", "simple"]:
        for test in load_model_tests(kind=kind):
            if not test.model_dir:
                continue
            folder = pathlib.Path(test.model_dir)
            model = onnx.load(folder / "model.onnx")
            for number, data in enumerate(sorted(folder.glob("test_data_set_*"))[:2]):
                read = lambda what: [stored(path) for path in sorted(data.glob(f"{what}_*.pb"), key=lambda p: int(p.stem.split("_")[1]))]
                yield Case(f"{test.name}/{number}", f"({kind})", model, read("input"), read("output"))


def stored(path):
    try:
        return onnx.load_tensor(path)
    except Exception:  # A sequence or an optional: they have other messages.
        return None


def settled(model):
    """The model in an operator set that the importer takes, if that says the same."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for entry in result.opset_import:
        wanted = min(max(entry.version, OLDEST), NEWEST)
        nodes = [n for n in model.graph.node if n.domain in ("", "ai.onnx")]
        if entry.domain in ("", "ai.onnx") and all(same(n, entry.version, wanted) for n in nodes):
            entry.version = wanted
    return result


def same(node, version, other):
    """Whether two versions of an operator define in the same way what a node makes use of, element types aside."""
    try:
        old, new = (onnx.defs.get_schema(node.op_type, v, "") for v in (version, other))
    except onnx.defs.SchemaError:
        return False
    used = {a.name for a in node.attribute} | (old.attributes.keys() & new.attributes.keys())
    of = lambda schema, name: name in schema.attributes and (
        schema.attributes[name].type, schema.attributes[name].default_value.SerializeToString())
    formal = lambda schema: ([i.name for i in schema.inputs][:len(node.input)], [o.name for o in schema.outputs][:len(node.output)])
    return all(of(old, name) == of(new, name) for name in used) and formal(old) == formal(new)


class Form:
    """One way to make a classifier of a test."""

    def __init__(self, case, kind, image=None, output=0):
        self.kind, self.image, self.output = kind, image, output
        self.expected = np.asarray(case.outputs[output])
        model = settled(case.model)
        graph = model.graph
        given = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
        inputs = [i for i in graph.input if i.name not in given]
        for index, (value, array) in enumerate(zip(inputs, case.inputs)):
            if index != image:
                graph.initializer.append(numpy_helper.from_array(array, value.name))
        made = graph.output[output].name
        if kind == "constant":
            values = self.expected.astype(np.float64)
            self.images = (np.arange(values.size).reshape(1, -1) % 7 - 3.0).astype(np.float32)
            self.expected = values.reshape(1, -1) + self.images
            source = value_info("snnc.image", np.dtype(np.float32), self.images.shape)
            graph.node.append(helper.make_node("Cast", [made], ["snnc.float"], to=onnx.TensorProto.FLOAT))
            self.reshape(graph, "snnc.float", "snnc.row", [1, -1])
            graph.node.append(helper.make_node("Add", ["snnc.image", "snnc.row"], ["snnc.scores"]))
            out = onnx.TensorProto.FLOAT
        else:
            array, name = case.inputs[image], inputs[image].name
            self.images = array.astype(np.float32)
            if kind == "wrapped":
                self.images = self.images[None]
                source = value_info("snnc.image", array.dtype, self.images.shape)
                self.reshape(graph, "snnc.image", name, list(array.shape), front=True)
                self.reshape(graph, made, "snnc.scores", [1, -1])
            else:
                source = value_info(name, array.dtype, array.shape)
                graph.node.append(helper.make_node("Flatten", [made], ["snnc.scores"], axis=1))
            out = helper.np_dtype_to_tensor_dtype(self.expected.dtype)
        del graph.input[:], graph.output[:], graph.value_info[:]
        graph.input.append(source)
        rows = len(self.images)
        graph.output.append(helper.make_tensor_value_info("snnc.scores", out, [rows, self.expected.size // max(rows, 1)]))
        self.model = model.SerializeToString()

    @staticmethod
    def reshape(graph, x, y, shape, front=False):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), f"{y}.shape"))
        node = helper.make_node("Reshape", [x, f"{y}.shape"], [y])
        graph.node.insert(0, node) if front else graph.node.append(node)

    def judge(self, meaning):
        """`passed`, `wrong`, `crashed`, or a diagnostic's code, and what there is to say."""
        answer = meaning.ask(self.model, self.images)
        if "crash" in answer:
            return "crashed", answer["crash"]
        if "refused" in answer:
            return answer["refused"][0]["code"], answer["refused"][0]["text"]
        for stage in STAGES[:3]:
            fault = difference(answer[stage], self.expected)
            if fault:
                return "wrong", f"{stage}: {fault}"
        return "passed", ""


def value_info(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), list(shape))


def difference(found, expected):
    """What is wrong with scores, or nothing."""
    if found.size != expected.size:
        return f"{found.size} scores, expected {expected.size}"
    halves = expected.dtype.kind != "i" and expected.dtype.itemsize <= 2
    wanted = expected.astype(np.float64).ravel()
    finite = np.abs(wanted[np.isfinite(wanted)])
    near = np.isclose(found.ravel(), wanted, 1e-2 if halves else 1e-3, max(1e-7, 1e-5 * finite.max(initial=0.0)), equal_nan=True)
    if near.all():
        return None
    worst = int(np.argmin(near))
    return f"score {worst} is {found.ravel()[worst]}, expected {wanted[worst]}; {(~near).sum()} of {near.size} differ"


def forms(case):
    """The forms of a test on images, and that on constants, if there are any."""
    graph = case.model.graph
    given = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    count = sum(i.name not in given for i in graph.input)
    readable = lambda a: a is not None and a.dtype.kind not in "OUS"
    if count != len(case.inputs) or not all(readable(a) for a in case.inputs):
        return [], []
    outputs = [o for o, a in enumerate(case.outputs) if readable(a)][:MAX_OUTPUTS]
    is_float = lambda a: onnx.helper.np_dtype_to_tensor_dtype(a.dtype) in (
        onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    floats = [i for i, a in enumerate(case.inputs) if is_float(a)]
    images = floats if case.row in ALIKE else floats[:1] or list(range(len(case.inputs)))[:1]
    on_images = []
    for image in images:
        array = case.inputs[image]
        for output in outputs:
            made = case.outputs[output]
            if array.ndim > 1 and made.ndim > 0 and made.shape[0] == array.shape[0]:
                on_images.append(Form(case, "rows", image, output))
            on_images.append(Form(case, "wrapped", image, output))
    return on_images, [Form(case, "constant", output=o) for o in outputs if case.outputs[o].size > 0]


def verdict(case, tried, meaning, keep, faults):
    """What comes of a test in all its forms."""
    results = []
    for form in tried:
        result, text = form.judge(meaning)
        if result in ("wrong", "crashed"):
            label = f"{case.name.replace('/', '-')}-{form.kind}-{form.image}-{form.output}"
            faults.append(f"{label}: {result}: {text}")
            if keep:
                (keep / f"{label}.onnx").write_bytes(form.model)
                np.savez(keep / f"{label}.npz", x=form.images, y=form.expected.astype(np.float64))
        results.append(result)
    for result in ["crashed", "wrong", "passed"]:
        if result in results:
            return result
    return results[0] if results else "no tensor"


def cells(counts):
    refused = {code: n for code, n in sorted(counts.items()) if code not in ("passed", "wrong", "crashed")}
    reasons = ", ".join(f"{code} {n}" for code, n in refused.items())
    return [str(counts["passed"]), f"{sum(refused.values())}" + (f" ({reasons})" if reasons else ""), str(counts["wrong"]), str(counts["crashed"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_binary(parser)
    parser.add_argument("--only", default="", metavar="TEXT", help="only tests with this in their name")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{DOCUMENT.name}")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep the models that are wrong or crash")
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    rows, constants, faults = collections.defaultdict(collections.Counter), collections.Counter(), []
    with Meaning(args.meaning) as meaning:
        for case in (c for source in (node_cases(), stored_cases()) for c in source if args.only in c.name):
            on_images, on_constants = forms(case)
            rows[case.row][verdict(case, on_images, meaning, args.keep, faults)] += 1
            constants[verdict(case, on_constants, meaning, args.keep, faults)] += 1
    total = sum(rows.values(), collections.Counter())
    head = ["operator", "passed", "refused", "wrong", "crashed"]
    lines = [[name, *cells(counts)] for name, counts in sorted(rows.items())] + [["**all**", *cells(total)], ["**as constants**", *cells(constants)]]
    table = markdown(head, lines)
    print(table)
    print("\n".join(faults))
    if args.write:
        text = DOCUMENT.read_text()
        before, rest = text.split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")
    print(f"{sum(total.values())} tests of onnx {onnx.__version__}: {total['passed']} passed, {len(faults)} forms wrong or crashed")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

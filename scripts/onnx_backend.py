#!/usr/bin/env python3
"""Run ONNX's own tests of operators through the compiler: what passes, what is refused, what is wrong.

Needs: numpy, onnx, onnxruntime
Usage: onnx_backend.py [--binary target/debug/examples/meaning] [--only PART] [--verbose] [--keep DIR]
                       [--write docs/onnx-support.md]

The cases are those of `onnx.backend.test.case.node`, made by the installed package `onnx`: mostly one node each, and the same written out as
ONNX defines it by other operators (`.._expanded`), which counts in the row of the operator that it defines. The example `meaning` (build it
with `cargo build --features onnxruntime --example meaning`) answers for every network with the scores of the imported graph, of the
canonical graph behind the passes, and of the float network. All three must be what the case expects, to a relative 1e-3 (a case in 16 bits:
1e-2) plus 1e-5 of the largest expected value. Exits 1 where anything is wrong or crashes.

A case is no classifier, so it is adapted:
  input     The first input is the image (of `Where`, the second), in the case's type. All others become initialisers with the case's values.
            Of the operators in BINARY a second network makes the second operand the image; it counts on its own.
  batch     The image's axis 0 is a batch of that fixed size, where the node treats images one by one: where any image comes out the same
            in a batch of copies of itself. Otherwise an axis of size 1 is put before it (before a single number, two), and axes that are counted
            from the front move by one: `axis`, `axes`, `perm`, and the settings of Reshape, Expand, Tile, Pad and Slice. It is done only where
            the expected values stay the same (judged as below).
  output    Each output is flattened from axis 1 on; those that are not float are cast to it first; several are concatenated, so all are in use.
            A single number becomes [1, 1].
  opset     Newer than the importer takes: lowered to the newest that it takes, where ONNX's checker accepts that and the judge still gets the
            expected values. (Most operators only gained element types.) Otherwise it stays, and is refused.
  judge     ONNX Runtime, or `onnx.reference` where that has no kernel. The numbers that we are compared with are the case's own, which do not
            depend on any of the adaptations; only of the cases in KNOWN they are ONNX Runtime's.

Each network ends up in one column:
  passed          all three agree with the case
  refused         a diagnostic of the importer or of a pass, by the code of the first
  no batch axis   mixes the images of axis 0, and no axis can be put before it: refused in the form with axis 0 as the batch, rightly. Not counted
                  as refused, since no classifier would have it; accepted with other numbers than the case's, it is wrong
  not a network   nothing goes in, or the result is random, or there is nothing to compare: not run
  wrong           accepted, and some number is not the case's
  crashed         a panic, an internal error, the end of the process, or no answer within a minute

Not tested by this: networks of several nodes but for the written out, dynamic batches, weights of other types than the case's.
"""
import argparse
import collections
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import warnings

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

import common

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- backend tests: begin -->", "<!-- backend tests: end -->"
COLUMNS = ["passed", "refused", "no batch axis", "not a network", "wrong", "crashed"]

# Either operand may be an activation.
BINARY = {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Sum", "Mean", "MatMul", "Where", "Concat", "Equal", "Less", "LessOrEqual", "Greater",
          "GreaterOrEqual"}

RANDOM = {"Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"}

# Cases that are wrong themselves, by ONNX Runtime, with which we are compared instead: name -> reason.
KNOWN = {
    "test_resize_downsample_scales_linear_align_corners":
        "the specification divides by the length of the resized tensor less 1, and the case by 4 * 0.6 - 1, the length before it is rounded down to 2",
}

# Cases with numbers half-way between two steps, which passes let go up and ONNX to the even one: name -> the step.
TIES = {"test_quantizelinear_int16": 1.0}

FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
NARROW = {TensorProto.FLOAT16, TensorProto.BFLOAT16}

# Which operand holds axes.
AXES = {"Pad": 3, "Slice": 3, "Squeeze": 1, "Unsqueeze": 1, "CumSum": 1, "CumProd": 1}

# Seconds for one answer.
PATIENCE = 60


def newest_opset():
    """The newest operator set that the importer takes."""
    return int(re.search(r"OPSETS.*?\.\.=(\d+)", (ROOT / "src/import/proto.rs").read_text())[1])


def tensor(value, name):
    """An initialiser of a case's value; None for a value that is no tensor."""
    if isinstance(value, TensorProto):
        made = copy.deepcopy(value)
        made.name = name
        return made
    return numpy_helper.from_array(np.asarray(value), name) if isinstance(value, (np.ndarray, np.generic)) else None


def array(value):
    """A case's value as float32; None where it cannot be one."""
    if isinstance(value, TensorProto):
        value = numpy_helper.to_array(value)
    if not isinstance(value, (np.ndarray, np.generic)):
        return None
    try:
        return np.asarray(value).astype(np.float32)
    except (TypeError, ValueError):
        return None


def elem_type(info):
    return info.type.tensor_type.elem_type if info.type.WhichOneof("value") == "tensor_type" else None


class NotANetwork(Exception):
    """The case cannot be a network at all; the text says why."""


def rows(outputs, batch):
    """The outputs as one row of scores an image; None where an output has no such batch."""
    parts = [np.asarray(o) for o in outputs]
    if batch == 0 or any(p.ndim == 0 or p.shape[0] != batch for p in parts):
        return None
    return np.concatenate([p.reshape(batch, -1) for p in parts], axis=1)


class Network:
    """A case as a network: `images` go in, `expected` must come out, batch first."""

    def __init__(self, case, image, wrapped):
        graph = case.model.graph
        self.name = case.name + (f" (operand {image} is the image)" if image != default_image(case) else "") + (", wrapped" if wrapped else "")
        inputs, outputs = case.data_sets[0]
        self.values = dict(zip((i.name for i in graph.input), inputs))
        self.image = graph.input[image].name
        self.element = elem_type(graph.input[image])
        self.wrapped = wrapped
        self.is_narrow = any(elem_type(o) in NARROW for o in graph.output) or self.element in NARROW
        x = array(self.values[self.image])
        self.images = np.zeros([1, 1], np.float32) if x is None else x
        outputs = [array(o) for o in outputs]
        if wrapped:
            self.images = self.images.reshape([1] * (2 if x.ndim == 0 else 1) + list(x.shape))
            outputs = [o if o is None else o[None] for o in outputs]
        self.batch = self.images.shape[0] if self.images.ndim else 1
        self.expected = None if any(o is None for o in outputs) else rows(outputs, self.batch)
        # Of a network that mixes its images, the one output as it is.
        self.whole = outputs[0] if self.expected is None and len(outputs) == 1 else self.expected
        self.model = self.build(case, [None if o is None else o.ndim for o in outputs])

    def build(self, case, ranks):
        count = len(ranks)
        model = copy.deepcopy(case.model)
        graph = model.graph
        if self.wrapped:
            wrap(model, self.values, self.image)
        kept = []
        for info in graph.input:
            value = None if info.name == self.image else tensor(self.values[info.name], info.name)
            if value is None:
                kept.append(info)
            else:
                graph.initializer.append(value)
        del graph.input[:]
        graph.input.extend(kept)
        for info in graph.input:
            if info.name == self.image and self.element is not None:
                info.CopyFrom(helper.make_tensor_value_info(self.image, self.element, self.images.shape))
        names = []
        for index, info in enumerate(list(graph.output)):
            name, element = info.name, elem_type(info)
            if element is not None and (element not in FLOATS or (count > 1 and element != TensorProto.FLOAT)):
                graph.node.append(helper.make_node("Cast", [name], [f"row_{index}_float"], to=TensorProto.FLOAT))
                name, element = f"row_{index}_float", TensorProto.FLOAT
            if ranks[index] == 0:
                graph.initializer.append(numpy_helper.from_array(np.array([1, 1]), f"row_{index}_shape"))
                graph.node.append(helper.make_node("Reshape", [name, f"row_{index}_shape"], [f"row_{index}"], name=f"row_{index}"))
            else:
                graph.node.append(helper.make_node("Flatten", [name], [f"row_{index}"], name=f"row_{index}", axis=1))
            names.append(f"row_{index}")
        if count > 1:
            graph.node.append(helper.make_node("Concat", names, ["rows"], name="rows", axis=1))
            names, element = ["rows"], TensorProto.FLOAT
        del graph.output[:]
        graph.output.append(helper.make_tensor_value_info(names[0], element or TensorProto.FLOAT, [None, None]))
        if not any(o.domain in ("", "ai.onnx") for o in model.opset_import):
            model.opset_import.append(helper.make_operatorsetid("", 17))
        return model

    def judged(self, model, images):
        """The judge's scores; None where no judge can run the network."""
        element = numpy_dtype(self.element)
        if element is None:
            return None
        feed = {self.image: images.astype(element)}
        for run in (runtime, reference):
            try:
                # The cases divide by zero on purpose.
                with np.errstate(all="ignore"):
                    return run(model, feed)
            except Exception:  # Whatever a judge says of a network that it cannot run, it is no judge of it.
                continue
        return None

    def correct(self):
        """Takes what ONNX Runtime makes of a case that is wrong."""
        self.expected = self.whole = runtime(self.model, {self.image: self.images})

    def means_the_same(self, model):
        scores = self.judged(model, self.images)
        if scores is None or self.whole is None:
            return False
        # Wrapped, all that the case expects must come out for the one image.
        return (not self.wrapped or scores.shape == self.whole.shape and is_sound(model)) and close(scores, self.whole, self.is_narrow)

    def lower(self, newest):
        """Takes the newest operator set that the importer knows, where that changes nothing."""
        versions = [o for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        if all(o.version <= newest for o in versions):
            return
        lowered = copy.deepcopy(self.model)
        for entry in lowered.opset_import:
            if entry.domain in ("", "ai.onnx"):
                entry.version = newest
        lowered.ir_version = min(lowered.ir_version, 10)
        if is_sound(lowered) and self.means_the_same(lowered):
            self.model = lowered

    def is_separate(self):
        """Whether images are treated one by one."""
        if self.images.ndim < 2 or self.images.size == 0 or self.expected is None:
            return False
        if self.batch == 1:
            return True
        whole = self.judged(self.model, self.images)
        if whole is None or len(whole) != self.batch:
            return False
        for n in range(self.batch):
            copies = self.judged(self.model, np.repeat(self.images[n:n + 1], self.batch, axis=0))
            if copies is None or not close(copies, np.repeat(whole[n:n + 1], self.batch, axis=0), self.is_narrow):
                return False
        return True


def wrap(model, values, image):
    """Lets axes that are counted from the front move by one, for a new axis before the image. Changes `values` where they hold axes."""
    graph = model.graph
    if len(graph.node) > 1:
        # Behind the first node, only operators that have no axes are sure to mean the same.
        if any(a.name in ("axis", "axes", "perm") for node in graph.node for a in node.attribute):
            raise NotANetwork("axes behind the first node")
        return
    [node] = graph.node
    settings = {a.name: a for a in node.attribute}
    if "axis" in settings and settings["axis"].i >= 0:
        settings["axis"].i += 1
    if "axes" in settings:
        settings["axes"].ints[:] = [a + 1 if a >= 0 else a for a in settings["axes"].ints]
    if "perm" in settings:
        settings["perm"].ints[:] = [0, *(a + 1 for a in settings["perm"].ints)]
    rank = np.ndim(values[image])
    given = {index: np.asarray(values[name]) for index, name in enumerate(node.input) if name and name in values}
    holds_axes = 1 if node.op_type.startswith("Reduce") else AXES.get(node.op_type)
    if node.op_type == "Transpose" and "perm" not in settings:
        node.attribute.append(helper.make_attribute("perm", [0, *range(rank, 0, -1)]))
    elif node.op_type == "Concat":
        values.update((name, np.asarray(values[name])[None]) for name in node.input if name != image)
    elif node.op_type in ("Reshape", "Expand", "Tile"):
        values[node.input[1]] = np.concatenate([np.ones(1, np.int64), given[1]])
    elif node.op_type.startswith("Reduce") and "axes" not in settings and not np.size(given.get(1, ())):
        name_all_axes(model, node, values, range(1, rank + 1), settings)
    elif holds_axes in given:
        values[node.input[holds_axes]] = np.where(given[holds_axes] >= 0, given[holds_axes] + 1, given[holds_axes]).astype(given[holds_axes].dtype)
    elif node.op_type == "Pad" and 1 in given:
        begins, ends = np.split(given[1], 2)
        zero = np.zeros(1, np.int64)
        values[node.input[1]] = np.concatenate([zero, begins, zero, ends])
    elif node.op_type == "Slice" and 1 in given:
        for index, whole in ((1, 0), (2, 1)):
            values[node.input[index]] = np.concatenate([np.array([whole], given[index].dtype), given[index]])


def name_all_axes(model, node, values, axes, settings):
    """A reduction over all axes names those that the case had."""
    if "noop_with_empty_axes" in settings and settings["noop_with_empty_axes"].i:
        return
    version = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if len(node.input) > 1:
        values[node.input[1]] = np.array(axes)
    elif version >= (13 if node.op_type == "ReduceSum" else 18):
        node.input.append("all_axes")
        model.graph.initializer.append(numpy_helper.from_array(np.array(axes), "all_axes"))
    else:
        node.attribute.append(helper.make_attribute("axes", list(axes)))


def is_sound(model):
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception:  # Whatever the complaint is.
        return False
    return True


def numpy_dtype(element):
    if element in (None, TensorProto.STRING, TensorProto.UNDEFINED):
        return None
    return helper.tensor_dtype_to_np_dtype(element)


onnxruntime.set_default_logger_severity(4)
QUIET = onnxruntime.SessionOptions()
QUIET.log_severity_level = 4
QUIET.intra_op_num_threads = 1
# Rewrites for speed would only blur what is compared.
QUIET.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


def runtime(model, feed):
    session = onnxruntime.InferenceSession(model.SerializeToString(), QUIET, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feed)[0]).astype(np.float32)


def reference(model, feed):
    return np.asarray(onnx.reference.ReferenceEvaluator(model).run(None, feed)[0]).astype(np.float32)


def close(found, expected, is_narrow):
    found, expected = np.asarray(found, np.float32), np.asarray(expected, np.float32)
    if found.size != expected.size:
        return False
    finite = np.abs(expected[np.isfinite(expected)])
    largest = float(finite.max()) if finite.size else 0.0
    return np.allclose(found.ravel(), expected.ravel(), rtol=1e-2 if is_narrow else 1e-3, atol=1e-5 * largest, equal_nan=True)


def default_image(case):
    return 1 if case.operator == "Where" else 0


def forms(case):
    """What a case is run as: lists of networks, of which a later one counts where an earlier one has no batch axis."""
    graph = case.model.graph
    if not graph.input:
        raise NotANetwork("nothing goes in")
    if case.operator in RANDOM:
        raise NotANetwork("random")
    if not case.data_sets[0][1]:
        raise NotANetwork("nothing to compare")
    first = default_image(case)
    images = [first]
    if case.operator in BINARY and len(graph.input) > first + 1 and all(elem_type(graph.input[i]) in FLOATS for i in (first, first + 1)):
        images.append(first + 1)
    for image in images:
        networks = [Network(case, image, False)]
        if case.name in KNOWN:
            networks[0].correct()
        elif networks[0].element in FLOATS:
            try:
                networks.append(Network(case, image, True))
            except (NotANetwork, ValueError, IndexError):
                pass
        yield networks


def answers(binary, networks, folder):
    """What the compiler makes of each."""
    lines = []
    for index, network in enumerate(networks):
        model, images = folder / f"{index}.onnx", folder / f"{index}.npy"
        model.write_bytes(network.model.SerializeToString())
        np.save(images, np.ascontiguousarray(network.images))
        lines.append(json.dumps({"model": str(model), "input": str(images), "output": None}))
    found = []
    while len(found) < len(lines):
        child = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in lines[len(found):]:
            answer = ask(child, line)
            found.append(answer)
            if "gone" in answer:
                break
        child.stdin.close()
        child.wait()
    return found


def ask(child, line):
    watch = threading.Timer(PATIENCE, child.kill)
    watch.start()
    try:
        child.stdin.write(line + "\n")
        child.stdin.flush()
        text = child.stdout.readline()
    except BrokenPipeError:
        text = ""
    finally:
        watch.cancel()
    if text.endswith("\n"):
        return json.loads(text)
    return {"gone": True, "crash": f"the process ended, or gave no answer in {PATIENCE} s"}


def verdict(network, answer):
    """Column, and what there is to say."""
    if "crash" in answer:
        return "crashed", answer["crash"]
    if "refused" in answer:
        return "refused", answer["refused"][0]["code"] or answer["refused"][0]["text"]
    if "imported" not in answer:
        return "crashed", str(answer)
    if network.expected is None:
        return "wrong", "accepted, though the case's results are not a row an image"
    for stage in ("imported", "canonical", "float"):
        scores = np.array([float(v) for v in answer[stage]], np.float32)
        if scores.size != network.expected.size:
            return "wrong", f"{stage}: {scores.size} scores where {network.expected.size} are expected"
        step = 0.0 if stage == "imported" else TIES.get(network.name.split(",")[0], 0.0)
        if not close(scores, network.expected, network.is_narrow) and not (np.abs(scores - network.expected.ravel()) <= step).all():
            with np.errstate(invalid="ignore"):
                worst = np.argmax(np.nan_to_num(np.abs(scores - network.expected.ravel()), nan=np.inf))
            return "wrong", f"{stage}: entry {worst} is {scores[worst]:.6g}, expected {network.expected.ravel()[worst]:.6g}"
    return "passed", ""


def settle(networks, verdicts):
    """Of the forms of one network, the one that counts: index, column, what there is to say."""
    for index, (column, text) in enumerate(verdicts):
        if column == "crashed":
            return index, column, text
    # Where both forms mean the case, both must be right.
    if len(networks) > 1 and verdicts[1][0] == "wrong" and networks[1].means_the_same(networks[1].model):
        return 1, *verdicts[1]
    if verdicts[0][0] != "refused" or networks[0].element not in FLOATS or networks[0].is_separate():
        return 0, *verdicts[0]
    if len(networks) > 1 and networks[1].means_the_same(networks[1].model):
        return 1, *verdicts[1]
    return 0, "no batch axis", ""


def with_judge(network, text):
    """Of a wrong network, what the judge makes of its row, for whoever looks into it."""
    scores = network.judged(network.model, network.images)
    if scores is None:
        return f"{text}; no judge can run the network"
    agrees = network.expected is not None and close(scores, network.expected, network.is_narrow)
    return f"{text}; the judge {'agrees' if agrees else 'does not agree'} with the case"


def cases(only):
    with warnings.catch_warnings():
        # The cases overflow on purpose.
        warnings.simplefilter("ignore")
        found = collect_testcases()
    operator = {}
    for case in found:
        base = re.sub(r"_expanded(_ver\d+)?$", "", case.name)
        if base == case.name:
            node = case.model.graph.node[0]
            operator[case.name] = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        case.operator = operator[base]
    return [case for case in found if only in case.name]


def table(results):
    by_operator = collections.defaultdict(list)
    for operator, _, column, text in results:
        by_operator[operator].append((column, text))
    lines = []
    total = collections.Counter()
    for operator, found in sorted(by_operator.items(), key=lambda item: item[0].lower()):
        counts = collections.Counter(column for column, _ in found)
        total.update(counts)
        codes = collections.Counter(text for column, text in found if column == "refused")
        shown = [str(counts[c]) if counts[c] else "" for c in COLUMNS]
        shown[1] = ", ".join(f"{n} {code}" for code, n in sorted(codes.items()))
        lines.append([f"`{operator}`", *shown])
    return common.markdown(["operator", *COLUMNS], [*lines, ["all", *(str(total[c]) for c in COLUMNS)]]), total


def write(path, text):
    document = path.read_text()
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(ROOT / "target/debug/examples/meaning"))
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="print the verdict of every network")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the networks that are wrong or crash here")
    parser.add_argument("--write", type=pathlib.Path, help="put the table between the marks of this file")
    args = parser.parse_args()
    newest = newest_opset()
    results, asked = [], []
    for case in cases(args.only):
        try:
            for networks in forms(case):
                for network in networks:
                    network.lower(newest)
                asked.append((case, networks))
        except NotANetwork as reason:
            results.append((case.operator, case.name, "not a network", str(reason)))
    with tempfile.TemporaryDirectory() as folder:
        found = iter(answers(args.binary, [n for _, networks in asked for n in networks], pathlib.Path(folder)))
    for case, networks in asked:
        verdicts = [verdict(n, next(found)) for n in networks]
        index, column, text = settle(networks, verdicts)
        network = networks[index]
        text = with_judge(network, text) if column == "wrong" else text
        results.append((case.operator, network.name, column, text))
        if column in ("wrong", "crashed") and args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            stem = re.sub(r"\W+", "_", network.name)
            (args.keep / f"{stem}.onnx").write_bytes(network.model.SerializeToString())
            np.savez(args.keep / f"{stem}.npz", x=network.images, **({} if network.expected is None else {"expected": network.expected}))
    for _, name, column, text in results:
        if args.verbose or column in ("wrong", "crashed"):
            print(f"{name}: {column}{': ' if text else ''}{text}", file=sys.stderr)
    text, total = table(results)
    count = len({name.split(" (")[0].split(",")[0] for _, name, _, _ in results})
    known = [f"`{name}` is compared with ONNX Runtime: {reason}." for name, reason in KNOWN.items()]
    known += [f"`{name}` has a number half-way between two steps, which may go to either behind the passes." for name in TIES]
    known = "\n".join(known)
    text = (f"{len(results)} networks of {count} cases of onnx {onnx.__version__}, judged by onnxruntime {onnxruntime.__version__}; operator sets above "
            f"{newest} lowered to it where that changes nothing.\n\n{text}\n\n{known}")
    print(text)
    if args.write:
        write(args.write, text)
    return 1 if total["wrong"] or total["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Run ONNX's own tests of operators through what the importer evaluates by itself: constants.

Needs: numpy, onnx, onnxruntime, and the program `cargo build --example meaning`
Usage: onnx_constants.py [--only PART] [--keep DIR]

The cases are those of onnx_backend.py. Of each, every input becomes an initialiser; each output goes through `Cast` to float and `Reshape` to a
row, and is added to an image of as many numbers, of which nothing else is asked. The network must compute the case's output plus the image, to
the tolerances of onnx_backend.py, or be refused: most operators are not evaluated on constants. Operator sets that are newer than the importer
takes are lowered where the judges of onnx_backend.py still get the case's output.

Prints how many passed, were refused, by which code, and what is wrong or crashed; exits with 1 if anything is.
"""
import argparse
import collections
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from meaning import STAGES, Meaning, add_binary
from onnx_backend import NARROW, array, cases, close, elem_type, is_sound, newest_opset, reference, runtime, tensor


def networks(case):
    """A model for each output that is a tensor of numbers, with its images, the scores to expect, and whether they come from 16 bits."""
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    constants = [tensor(value, info.name) for info, value in zip(graph.input, inputs)]
    if None in constants:
        return
    for info, output in zip(graph.output, map(array, outputs)):
        if output is None or output.size == 0 or not np.isfinite(output).all():
            continue
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        graph = model.graph
        graph.initializer.extend(constants)
        graph.initializer.append(numpy_helper.from_array(np.array([1, -1]), "row_shape"))
        graph.node.extend([
            helper.make_node("Cast", [info.name], ["row_float"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["row_float", "row_shape"], ["row"]),
            helper.make_node("Add", ["row_image", "row"], ["row_scores"]),
        ])
        del graph.input[:], graph.output[:]
        graph.input.append(helper.make_tensor_value_info("row_image", TensorProto.FLOAT, [1, output.size]))
        graph.output.append(helper.make_tensor_value_info("row_scores", TensorProto.FLOAT, [1, output.size]))
        images = (np.arange(output.size).reshape(1, -1) % 7 - 3).astype(np.float32)
        is_narrow = elem_type(info) in NARROW
        expected = output.reshape(1, -1) + images
        yield lowered(model, images, expected, is_narrow), images, expected, is_narrow


def lowered(model, images, expected, is_narrow):
    """The model in an operator set that the importer takes, if it still means the same."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for entry in result.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = min(entry.version, newest_opset())
    result.ir_version = min(result.ir_version, 10)
    if not is_sound(result):
        return model
    for run in (runtime, reference):
        try:
            with np.errstate(all="ignore"):
                return result if close(run(result, {"row_image": images}), expected, is_narrow) else model
        except Exception:  # Whatever a judge says of a network that it cannot run, it is no judge of it.
            continue
    return model


def judge(meaning, model, images, expected, is_narrow):
    """`passed`, `wrong`, `crashed` or a code, and what there is to say."""
    answer = meaning.ask(model.SerializeToString(), images)
    if "crash" in answer:
        return "crashed", answer["crash"]
    if "refused" in answer:
        return answer["refused"][0]["code"], ""
    for stage in (s for s in STAGES if s in answer):
        if not close(answer[stage], expected, is_narrow):
            return "wrong", f"{stage}: {answer[stage].ravel()[:4]}, expected {expected.ravel()[:4]}"
    return "passed", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_binary(parser)
    parser.add_argument("--only", default="", metavar="PART", help="cases whose name contains this")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="keep the networks that are wrong or crash here")
    args = parser.parse_args()
    # The cases divide by zero and overflow on purpose.
    warnings.simplefilter("ignore")
    counts = collections.Counter()
    with Meaning(args.meaning) as meaning:
        for case in cases(args.only):
            for index, (model, images, expected, is_narrow) in enumerate(networks(case)):
                result, text = judge(meaning, model, images, expected, is_narrow)
                counts[result] += 1
                if result in ("wrong", "crashed"):
                    print(f"{case.name}: {result}: {text}")
                    if args.keep:
                        args.keep.mkdir(parents=True, exist_ok=True)
                        onnx.save(model, args.keep / f"{case.name}_{index}.onnx")
    print(", ".join(f"{result} {count}" for result, count in sorted(counts.items())))
    sys.exit(bool(counts["wrong"] or counts["crashed"]))


if __name__ == "__main__":
    main()

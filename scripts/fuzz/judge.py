"""ONNX Runtime beside the compiler."""
import re

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

# Diagnostics that say that a file is broken: none of ours is.
CALLED_BROKEN = {"E0101", "E0106", "E0108"}
# Scores of networks that round may jump by a step.
STEP = 0.3


class Invalid(Exception):
    """ONNX or its runtime does not take the network: it says nothing about the compiler."""


def truth(network):
    """The scores that ONNX Runtime computes for each image, one row an image."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        onnx.checker.check_model(network.model)
        session = onnxruntime.InferenceSession(network.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        run = lambda images: session.run([network.output or session.get_outputs()[0].name], {session.get_inputs()[0].name: images})[0]
        return by_batch(network, run)
    except Exception as error:  # The runtime has a class for each of its troubles, and none for all.
        raise Invalid(str(error)) from error


def reference(network):
    """The scores by ONNX's own evaluator."""
    evaluator = ReferenceEvaluator(network.model)
    name = network.model.graph.input[0].name
    return by_batch(network, lambda images: evaluator.run([network.output or evaluator.output_names[0]], {name: images})[0])


def by_batch(network, run):
    value = network.model.graph.input[0].type.tensor_type
    images = network.images.astype(helper.tensor_dtype_to_np_dtype(value.elem_type))
    batch = value.shape.dim[0].dim_value or len(images)
    with np.errstate(all="ignore"):
        rows = [np.asarray(run(images[k:k + batch])) for k in range(0, len(images), batch)]
    if any(len(r) != batch for r in rows):
        raise Invalid("the batch is lost")
    return np.concatenate(rows).reshape(len(images), -1).astype(np.float64)


class Verdict:
    """`kind` is `agrees`, `refused`, `broken`, `crash` or `differs`; the last three are findings. `text` says more."""

    def __init__(self, kind, text=""):
        self.kind, self.text = kind, text

    @property
    def is_finding(self):
        return self.kind in ("broken", "crash", "differs")

    @property
    def reason(self):
        """The text without names and numbers: findings of one reason are one finding."""
        return f"{self.kind}: " + re.sub(r"\(node.*?\)|(?<![A-Z\d])-?\d[\d.e+-]*|`[a-z_]+(_\d+)?`", "_", self.text.split("\n")[0])[:140]


def judge(network, meaning):
    """What the compiler makes of a network. Raises `Invalid` where there is nothing to compare with."""
    expected = truth(network)
    if expected.size == 0 or not np.isfinite(expected).all():
        raise Invalid("scores are not finite, or there are none")
    answer = meaning.ask(network.model.SerializeToString(), network.images, network.output, rates=True)
    if "crash" in answer:
        return Verdict("crash", answer["crash"])
    if "refused" in answer:
        worst = next((d for d in answer["refused"] if d["code"] in CALLED_BROKEN), answer["refused"][0])
        return Verdict("broken" if worst["code"] in CALLED_BROKEN else "refused", worst["text"])
    stages = [s for s in ("imported", "canonical", "float", "rates") if s in answer]
    for stage in stages:
        fault = difference(answer[stage], expected, network)
        if fault:
            # ONNX Runtime has faults of its own: where the standard's evaluator sides with the compiler, it is one of those.
            try:
                other = reference(network)
            except Exception:
                other = expected
            if np.isfinite(other).all() and all(difference(answer[s], other, network) is None for s in stages):
                raise Invalid("ONNX Runtime and the reference differ")
            return Verdict("differs", f"{stage} {fault}")
    return Verdict("agrees")


def difference(found, expected, network):
    """By how much scores differ, if they do, in units of the largest; rounded activations may jump on some images."""
    if found.size != expected.size:
        return f"has {found.size} scores, expected {expected.size}"
    found = found.reshape(expected.shape)
    scale = max(np.abs(expected).max(), 1e-3)
    with np.errstate(invalid="ignore"):
        by_image = np.nan_to_num(np.abs(found - expected) / scale, nan=np.inf).max(axis=1)
    allowed = STEP if network.is_rounded else network.tolerance
    if by_image.max() <= allowed and np.median(by_image) <= network.tolerance:
        return None
    return f"differs by {by_image.max():.3g}"

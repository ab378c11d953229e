#!/usr/bin/env python3
"""Check snnc's neurons against another simulator's, SpikingJelly's: the same VGG16 in both, spike by spike.

Needs: numpy onnx torch spikingjelly
Usage: reference_vgg16.py BENCH_DIR [--binary target/debug/snnc] [--simulators runtime,engine]

BENCH_DIR/reference_vgg16_narrow holds vgg16.onnx, x.npy and logits.npy: integrate-and-fire neurons, threshold 1, soft
reset, start potential 0, constant input current, 32 steps. SpikingJelly runs in 64 bits here.

1. Its weights are rounded to multiples of 2^-15 below 1, so that 16 bits hold them, and its images to pixels. Then every
   spike of every layer at every step has to be SpikingJelly's.
2. As it is, its logits differ from those of the file by what rounding the images and the weights changes: SpikingJelly with
   the artifact's images and weights has to have the artifact's logits, to 1e-5. What both roundings change is printed.

Exits 1 where something differs.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from spikingjelly.activation_based import functional, layer, neuron

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures/vectors"))
import common  # noqa: E402
import reader  # noqa: E402

STEPS, SCALE = common.REFERENCE_STEPS, common.REFERENCE_SCALE


def weights(model):
    return [numpy_helper.to_array(i).astype(np.float64) for i in model.graph.initializer if i.name.endswith("weight")]


def simulate(model, matrices, images, thresholds=None):
    """SpikingJelly's spikes, for each layer of neurons [T, images, ..], and the logits, for weights of the network `model`.

    `thresholds` holds, for each layer of neurons, one a channel; else all are 1.
    """
    modules, left = [], iter(matrices)
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            w = torch.tensor(next(left))
            made = layer.Conv2d(w.shape[1], w.shape[0], 3, padding=1, bias=False) if w.ndim == 4 else layer.Linear(w.shape[1], w.shape[0], bias=False)
            made.weight.data = w
            modules.append(made)
        else:
            modules.append({"Relu": lambda: neuron.IFNode(v_reset=None), "AveragePool": lambda: layer.AvgPool2d(2),
                            "Reshape": layer.Flatten}[node.op_type]())
    network = torch.nn.Sequential(*modules).double().eval()
    functional.set_step_mode(network, "m")
    for neurons, theta in zip((m for m in network if isinstance(m, neuron.IFNode)), thresholds or []):
        neurons.v_threshold = torch.tensor(theta)
        neurons.train()  # where it takes one number a channel
    spikes, x = [], torch.tensor(images).double().unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)
    with torch.no_grad():
        for module in network:
            x = module(x)
            if isinstance(module, neuron.IFNode):
                spikes.append(x.numpy().astype(np.int8))
    return spikes, x.mean(0).numpy()


def biases_are_zero(model):
    return all(not numpy_helper.to_array(i).any() for i in model.graph.initializer if i.name.endswith("bias"))


def ours(args, path, x, folder, options=()):
    """Compiles and runs; the artifact, and the logits by simulator."""
    snn, images = f"{folder}/vgg16.snn", f"{folder}/x.npy"
    np.save(images, x)
    subprocess.run([args.binary, str(path), "-o", snn, "--quiet", *common.REFERENCE, *options], check=True)
    logits = {}
    for simulator in args.simulators.split(","):
        out = f"{folder}/{simulator}.npy"
        subprocess.run([args.binary, "run", snn, images, "-o", out, "--quiet", "--simulator", simulator], check=True)
        logits[simulator] = np.load(out)
    return snn, logits


def quantised(net, x):
    """The artifact's images: whole numbers, and what they stand for."""
    q = np.concatenate([reader.quantise(net, image[None]) for image in x])
    step, zero = (np.array(net["input"]["quantiser"][key], np.float64).reshape(1, -1, 1, 1) for key in ("step", "zero"))
    return q, (q + zero) * step


def own_parameters(net, tensors):
    """The artifact's weights, for pools that average, and its thresholds: whole numbers."""
    weights, thresholds, share = [], [], 1.0
    for node in net["nodes"]:
        parameters = reader.parameters(node, tensors)
        if node["op"] == "sum_pool2d":
            share = 4.0
        elif "weight" in parameters:
            weights.append(parameters["weight"] * share)
            share = 1.0
        elif node["op"] == "if_neuron":
            theta = parameters["threshold"].astype(np.float64)
            thresholds.append(theta.reshape(theta.shape[1:]))
        else:
            assert node["op"] == "reshape", f"{node['op']} is not expected here"
    return weights, thresholds


def exact(args, model, x, folder):
    """1: every spike."""
    rounded, path = onnx.ModelProto(), f"{folder}/exact.onnx"
    rounded.CopyFrom(model)
    for i in rounded.graph.initializer:
        if i.name.endswith("weight"):
            w = np.round(numpy_helper.to_array(i).astype(np.float64) * 2**15) / 2**15
            i.CopyFrom(numpy_helper.from_array(w.astype(np.float32), i.name))
    onnx.save(rounded, path)
    pixels = np.floor(x * SCALE).clip(0, 255)
    images = (pixels / SCALE).astype(np.float32)
    snn, logits = ours(args, path, images, folder, ["--weights", "16"])
    spikes, expected = simulate(rounded, weights(rounded), images)
    net, tensors = reader.load(snn)
    q, _ = quantised(net, images)
    assert np.array_equal(q, pixels), "the artifact has other pixels"
    differ = total = 0
    for i in range(len(x)):
        _, trains = reader.spikes(net, tensors, q[i : i + 1], i)
        neurons = [n["name"] for n in net["nodes"] if n["op"] == "if_neuron"]
        assert len(neurons) == len(spikes)
        for name, theirs in zip(neurons, spikes):
            own = np.stack(trains[name]).reshape(STEPS, -1)
            differ += int((own != theirs[:, i].reshape(STEPS, -1)).sum())
            total += own.size
    print(f"exact weights: {differ} of {total} spikes of {len(spikes)} layers differ from SpikingJelly's")
    failed = differ > 0
    for simulator, found in logits.items():
        off = float(np.abs(found - expected).max())
        print(f"exact weights: {simulator}: largest difference of a logit {off:.1e}")
        failed |= not off < 1e-5
    return failed


def as_it_is(args, model, x, given, folder):
    """2: what rounding explains."""
    snn, logits = ours(args, args.reference / "vgg16.onnx", x, folder)
    net, tensors = reader.load(snn)
    q, images = quantised(net, x)
    _, theirs = simulate(model, weights(model), x)
    print(f"as it is: SpikingJelly in 64 bits against the file's logits: {np.abs(theirs - given).max():.1e} of {np.abs(given).max():.2f}")
    _, pixels = simulate(model, weights(model), images)
    own, thresholds = own_parameters(net, tensors)
    _, rounded = simulate(model, own, q, thresholds)
    rounded *= float(np.float32(net["output"]["scale"]))
    largest = max(int(np.abs(w).max()) for w in (reader.parameters(n, tensors).get("weight", np.zeros(1)) for n in net["nodes"]))
    print(f"as it is: rounding the images changes its logits by {np.abs(pixels - theirs).max():.1e}, them and the weights (to "
          f"{largest} at most) by {np.abs(rounded - theirs).max():.1e}")
    failed = False
    for simulator, found in logits.items():
        print(f"as it is: {simulator} against the file's logits: {np.abs(found - given).max():.1e}; against SpikingJelly with our rounded "
              f"images and weights: {np.abs(found - rounded).max():.1e}")
        failed |= not np.abs(found - rounded).max() < 1e-5
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--simulators", default="runtime,engine")
    args = parser.parse_args()
    args.reference = args.bench / "reference_vgg16_narrow"
    model, x = onnx.load(args.reference / "vgg16.onnx"), np.load(args.reference / "x.npy")
    assert biases_are_zero(model)
    with tempfile.TemporaryDirectory() as folder:
        failed = exact(args, model, x, folder)
        failed |= as_it_is(args, model, x, np.load(args.reference / "logits.npy"), folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs .nir files with neurons of its own, in 32-bit floats, and compares every value at every time step with what it should be.

Usage: simulate.py CASES.json

The file lists cases: `nir`, the file; `input`, `[steps][images][entries]`, what goes into the network; `values`, for each node that is compared its
values, likewise; `output`, those of the output. The graph is read with the package `nir`, of whatever version, and evaluated from it and
its metadata alone. Of the radix code there is one step: the counts that windows say.
"""
import inspect
import json
import sys

import nir
import numpy as np


def conv(x, node):
    weight, bias = node.weight.astype(np.float32), node.bias.astype(np.float32)
    (stride_h, stride_w), (pad_h, pad_w), (step_h, step_w) = (np.broadcast_to(v, 2) for v in (node.stride, node.padding, node.dilation))
    _, _, kernel_h, kernel_w = weight.shape
    x = np.pad(x, ((0, 0), (0, 0), (pad_h, pad_h), (pad_w, pad_w)))
    height = (x.shape[2] - step_h * (kernel_h - 1) - 1) // stride_h + 1
    width = (x.shape[3] - step_w * (kernel_w - 1) - 1) // stride_w + 1
    y = np.zeros((x.shape[0], weight.shape[0], height, width), np.float32)
    for u in range(kernel_h):
        for v in range(kernel_w):
            rows = slice(u * step_h, u * step_h + (height - 1) * stride_h + 1, stride_h)
            columns = slice(v * step_w, v * step_w + (width - 1) * stride_w + 1, stride_w)
            y += np.einsum("nchw,oc->nohw", x[:, :, rows, columns], weight[:, :, u, v]).astype(np.float32)
    return y, bias[:, None, None]


def sum_pool(x, node):
    (kernel_h, kernel_w), (stride_h, stride_w) = node.kernel_size, node.stride
    height, width = (x.shape[2] - kernel_h) // stride_h + 1, (x.shape[3] - kernel_w) // stride_w + 1
    y = np.zeros((*x.shape[:2], height, width), np.float32)
    for u in range(kernel_h):
        for v in range(kernel_w):
            y += x[:, :, u : u + (height - 1) * stride_h + 1 : stride_h, v : v + (width - 1) * stride_w + 1 : stride_w]
    return y


class Neurons:
    """What an artifact says of neurons, from a node and the metadata of its graph."""

    def __init__(self, name, node, metadata):
        self.threshold = node.v_threshold.astype(np.float32)
        self.start = metadata[f"v_init.{name}"].astype(np.float32)
        self.reset = text(metadata[f"reset.{name}"])
        self.levels = metadata.get(f"levels.{name}")
        self.kept = None
        if isinstance(node, nir.LIF):
            # The part that stays, in multiples of 1/65536.
            self.kept = np.round(65536 * (1 - 1 / node.tau.astype(np.float64)))
        self.v = self.sum = None

    def step(self, x):
        if self.reset == "radix":
            return np.clip(np.floor((x + self.start) / self.threshold.astype(np.float64)), 0, self.levels).astype(np.float32)
        if self.v is None:
            self.v = np.broadcast_to(self.start, x.shape).copy()
            self.sum = np.zeros_like(x)
        if self.kept is not None:
            self.v = np.floor(self.kept * self.v.astype(np.float64) / 65536).astype(np.float32)
        self.v = self.v + x
        # Half a unit tells `>` from `>=`, but where it would leak.
        fires = self.v >= self.threshold if self.kept is not None else self.v > self.threshold
        y = fires.astype(np.float32)
        if self.reset == "signed":
            y -= ((self.v < 0) & (self.sum > 0)).astype(np.float32)
            self.sum += y
        self.v = np.where(fires, 0, self.v) if self.reset == "zero" else self.v - self.threshold * y
        assert self.v.dtype == np.float32
        return y


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def order(graph):
    """Names of the nodes, each behind those that it depends on."""
    before = {name: {a for a, b in graph.edges if b == name} for name in graph.nodes}
    done = []
    while len(done) < len(before):
        done += [name for name in before if name not in done and before[name] <= set(done)]
    return done, before


def run(graph, currents):
    """Values of all nodes at each step."""
    names, before = order(graph)
    metadata = graph.metadata
    radix = text(metadata["code"]) == "radix"
    neurons = {name: Neurons(name, node, metadata) for name, node in graph.nodes.items() if isinstance(node, (nir.IF, nir.LIF))}
    steps = []
    for current in currents:
        values = {}
        for name in names:
            node = graph.nodes[name]
            if isinstance(node, nir.Input):
                values[name] = current
                continue
            x = sum(values[source] for source in sorted(before[name]))
            assert x.dtype == np.float32
            if isinstance(node, nir.Conv2d):
                y, bias = conv(x, node)
                y = y + bias + metadata.get(f"offset.{name}", np.float32(0))
            elif isinstance(node, nir.Affine):
                y = x @ node.weight.T.astype(np.float32) + node.bias + metadata.get(f"offset.{name}", np.float32(0))
            elif isinstance(node, nir.SumPool2d):
                y = sum_pool(x, node)
            elif isinstance(node, nir.Flatten):
                assert (int(node.start_dim), int(node.end_dim)) == (0, -1)
                y = x.reshape(len(x), -1)
            elif isinstance(node, nir.Scale):
                y = x * node.scale
            elif name in neurons:
                y = neurons[name].step(x)
            else:
                assert isinstance(node, nir.Output), node
                y = x
            values[name] = y
        steps.append(values)
    assert not radix or len(steps) == 1
    return steps


def main():
    compared = 0
    cases = json.load(open(sys.argv[1]))
    for case in cases:
        # Newer versions check shapes unless they are told not to.
        options = {"type_check": case["type_check"]} if "type_check" in inspect.signature(nir.read).parameters else {}
        graph = nir.read(case["nir"], **options)
        shape = np.asarray(graph.nodes["input"].input_type["input"], int)
        currents = np.array(case["input"], np.float32)
        if (axes := graph.metadata.get("input_permutation")) is not None:
            axes = np.asarray(axes, int)
            source = shape[np.argsort(axes)]
            currents = currents.reshape(*currents.shape[:2], *source).transpose(0, 1, *(2 + axes))
        currents = currents.reshape(*currents.shape[:2], *shape)
        steps = run(graph, currents)
        wanted = {**case["values"], "output": case["output"]}
        for name, values in wanted.items():
            for t, (got, want) in enumerate(zip([step[name] for step in steps], values, strict=True)):
                want = np.array(want, np.float32)
                if not np.array_equal(got.reshape(want.shape), want):
                    sys.exit(f"{case['nir']}: `{name}` differs at step {t}:\n{got.reshape(want.shape)}\n{want}")
                compared += want.size
    print(f"nir {nir.version if hasattr(nir, 'version') else '?'}: {len(cases)} networks, {compared} values are the same")


if __name__ == "__main__":
    main()

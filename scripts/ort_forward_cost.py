#!/usr/bin/env python3
"""Print what one forward pass of an ONNX model costs in ONNX Runtime: process CPU time, one thread, the least of all runs.

Needs: numpy onnxruntime
Usage: ort_forward_cost.py MODEL.onnx [--batch 16] [--runs 20]

A model whose batch is fixed runs with its own.
"""
import argparse
import time

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
         "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    spec = session.get_inputs()[0]
    batch, *rest = spec.shape
    if any(not isinstance(d, int) for d in rest):
        parser.error(f"the shape of `{spec.name}` is not known: {spec.shape}")
    batch = batch if isinstance(batch, int) and batch > 0 else args.batch
    x = np.random.default_rng(0).random([batch, *rest]).astype(TYPES[spec.type])

    times = []
    for _ in range(args.runs + 1):  # the first warms up
        start = time.process_time()
        session.run(None, {spec.name: x})
        times.append(1000 * (time.process_time() - start))
    least = min(times[1:])
    print(f"batch {batch}: {least:.3f} ms CPU a forward, {least / batch:.3f} ms an image")


if __name__ == "__main__":
    main()

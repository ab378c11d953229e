#!/usr/bin/env python3
"""Whether networks make the same spikes in every execution: compile them for both codes and hold all executions against each other.

Needs: numpy; pillow where a model's images must be resized
Usage: same_spikes.py MODELS_DIR DATA_DIR [--binary target/debug/snnc] [--example target/debug/examples/same_spikes]
                      [--only A,B] [--codes radix,rate] [--images 8] [--extra "COMPILER OPTIONS"]

MODELS_DIR/manifest.json says for each model how its input is prepared, and what images there are for it. The runtime, on
each set of instructions of the processor, the evaluator and the engine are compared node by node (example `same_spikes`,
`cargo build --features onnxruntime --example same_spikes`), fixtures/vectors/reader.py spike by spike. Exits 1 where
something differs.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import common
from models_table import images

READER = pathlib.Path(__file__).resolve().parent.parent / "fixtures/vectors/reader.py"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, metavar="data")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--example", default="target/debug/examples/same_spikes")
    parser.add_argument("--only", default="aka_resnet20_opset11_bn,mlc_resnet8,st_mobilenet_v1_025_224")
    parser.add_argument("--codes", default="radix,rate")
    parser.add_argument("--images", type=int, default=8, help="images a model (default 8)")
    parser.add_argument("--extra", default="", help="further options for the compiler")
    args = parser.parse_args()
    args.data, args.skip = "", 0
    failed = False
    for model in common.named(args.models, args.only.split(","), parser.error):
        with tempfile.TemporaryDirectory() as folder:
            data, _ = images(model, args, folder)
            np.save(f"{folder}/x.npy", np.load(data)["x"][: args.images])
            for code in args.codes.split(","):
                print(f"{model['name']}, {code} code, {args.images} images", flush=True)
                steps = "8" if code == "radix" else "32"
                snn, *_ = common.compile_model(args, model, steps, ["--code", code, *args.extra.split()], folder)
                with open(f"{folder}/read.jsonl", "w") as lines:
                    subprocess.run([sys.executable, READER, snn, f"{folder}/x.npy"], stdout=lines, check=True)
                done = subprocess.run([args.example, snn, data, str(args.images), f"{folder}/read.jsonl"])
                failed |= done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

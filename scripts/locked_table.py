#!/usr/bin/env python3
"""What a locked read-out costs, and whether the holder of the key reads exactly what the open network says: networks in both codes.

Needs: numpy; pillow where a model's images must be resized
Usage: locked_table.py MODELS_DIR DATA_DIR [--binary target/debug/snnc] [--example target/debug/examples/locked]
                       [--only A,B] [--codes radix,rate] [--images 256] [--extra "COMPILER OPTIONS"]

MODELS_DIR/manifest.json says for each model how its input is prepared, and what images there are for it. The example `locked`
(`cargo build --features onnxruntime --example locked`) locks what was compiled, runs both networks on one core, and compares the whole
numbers that the key opens with those of the open network. Exits 1 where one differs.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import common
from models_table import images

HEAD = ["network", "code", "layer", "images exactly equal", "bytes of the lock", "bytes of an answer", "answer", "open", "hiding"]


def on_one_core():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, metavar="data")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--example", default="target/debug/examples/locked")
    parser.add_argument("--only", default="aka_resnet20_opset11_bn")
    parser.add_argument("--codes", default="radix,rate")
    parser.add_argument("--images", type=int, default=256, help="images a model (default 256)")
    parser.add_argument("--extra", default="--train none", help="further options for the compiler (default --train none)")
    args = parser.parse_args()
    args.data, args.skip = "", 0
    rows, failed = [], False
    for model in common.named(args.models, args.only.split(","), parser.error):
        with tempfile.TemporaryDirectory() as folder:
            data, _ = images(model, args, folder)
            for code in args.codes.split(","):
                steps = "8" if code == "radix" else "32"
                snn, *_ = common.compile_model(args, model, steps, ["--code", code, *args.extra.split()], folder)
                command = [args.example, snn, str(data), str(args.images)]
                told = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=on_one_core).stdout
                told = json.loads(told)
                failed |= told["exact"] != told["images"]
                layer = f"{told['classes']} x {told['features']}, sums of {told['plain_bits']} bits"
                rows.append([model["name"], code, layer, f"{told['exact']} of {told['images']}", f"{told['lock_bytes']:,}", f"{told['answer_bytes']:,}",
                             f"{told['answer_ms']:.2f} ms", f"{told['open_ms']:.2f} ms", f"{told['hiding_bits']} bits"])
    print(common.markdown(HEAD, rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

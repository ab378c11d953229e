#!/usr/bin/env python3
"""Repeat the comparison of models_table.py on other images and another seed.

The settings of calibration were chosen while looking at the images that models_table.py uses. This script compiles with
another seed and evaluates on images of another file, skipping the first ones, so that neither took part in any choice.

Usage: unseen_check.py MODELS DATA.npz [--skip 512] [--limit 384] [--seed 7] [--timesteps 32,64] [--binary BIN] [--only A,B]
DATA.npz must fit the models named; needs numpy. Prints one row a model: float top-1 and the drop at each T, in points.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--skip", type=int, default=512)
    parser.add_argument("--limit", type=int, default=384)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--timesteps", default="32,64")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    only = [name for name in args.only.split(",") if name]
    text = lambda v: ",".join(map(str, v)) if isinstance(v, list) else str(v)
    with tempfile.TemporaryDirectory() as folder:
        bundle, images, out = np.load(args.data), f"{folder}/images.npz", f"{folder}/model.snn"
        part = slice(args.skip, args.skip + args.limit)
        np.savez(images, x=bundle["x"][part], y=bundle["y"][part])
        within = total = 0
        for model in json.loads((args.models / "manifest.json").read_text()):
            fits = any(case["data"] == args.data.name for case in model["eval"])
            if model["expect"] != "convert" or not fits or (only and model["name"] not in only):
                continue
            source, pre = str(args.models / model["file"]), model["preprocess"]
            options = ["--scale", text(pre["scale"]), "--mean", text(pre["mean"]), "--std", text(pre["std"])]
            subprocess.run([args.binary, source, "-o", out, "-q", "--seed", str(args.seed), *options], check=True)
            run = [args.binary, "eval", out, "--data", images, "--ann", source, "--timesteps", args.timesteps, "--json"]
            result = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
            drops = [result["ann_top1"] - at["top1"] for at in result["snn"]]
            total, within = total + 1, within + (drops[-1] <= 2)
            print(f"{model['name']:32s} n={result['n']} float {result['ann_top1']:5.1f}  drop " + "  ".join(f"{d:5.1f}" for d in drops), flush=True)
        print(f"{within} of {total} within 2 points at the largest T ({args.timesteps}), seed {args.seed}, images {part.start} to {part.stop}")


if __name__ == "__main__":
    main()

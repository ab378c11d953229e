#!/usr/bin/env python3
"""How near networks that nobody trained come: compile the files of torchvision_export.py, compare scores with ONNX Runtime's.

Needs: numpy onnxruntime
Usage: torchvision_table.py FOLDER IMAGES.npz [--binary target/debug/snnc] [--timesteps 8] [--count 24]
                            [--only A,B] [--extra "OPTIONS"]

FOLDER holds the .onnx files, IMAGES 8-bit images of 224x224 (prepare_imagenet.py makes some). The error is the root mean
square of what the scores of an image are off, over that of the differences of its scores from their mean. The margin is the
median lead of the first class over the second, in the same measure: where the error is larger, which class comes first is a
matter of luck.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np
import onnxruntime

import common

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--timesteps", default="8")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--only", default="", help="networks whose name contains this, or one of these")
    parser.add_argument("--extra", default="", help="further options for the compiler")
    args = parser.parse_args()
    x = np.load(args.images)["x"][: args.count]
    floats = ((x / np.float32(255) - np.float32(MEAN)) / np.float32(STD)).astype(np.float32).transpose(0, 3, 1, 2)
    rows = []
    paths = [path for path in sorted(args.folder.glob("*.onnx")) if any(part in path.stem for part in args.only.split(","))]
    for path in paths:
        network = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        theirs = np.concatenate([network.run(None, {network.get_inputs()[0].name: image[None]})[0] for image in floats])
        with tempfile.TemporaryDirectory() as folder:
            snn = f"{folder}/{path.stem}.snn"
            mean, std = (",".join(map(str, v)) for v in (MEAN, STD))
            command = [args.binary, str(path), "-o", snn, "--timesteps", args.timesteps, "--mean", mean, "--std", std, "--audit", "none", "--quiet"]
            code, _, err, cpu, peak = common.run(command + args.extra.split(), folder)
            if code != 0:
                rows.append([path.stem, err.strip().splitlines()[0]] + [""] * 7)
                continue
            report = json.loads(pathlib.Path(f"{folder}/{path.stem}.report.json").read_text())
            np.save(f"{folder}/x.npy", x)
            code, _, err, *_ = common.run([args.binary, "run", snn, f"{folder}/x.npy", "-o", f"{folder}/y.npy", "--quiet"], folder)
            if code != 0:
                raise common.Failed("run", code, err)
            ours = np.load(f"{folder}/y.npy")
        spread = np.sqrt(((theirs - theirs.mean(1, keepdims=True)) ** 2).mean(1))
        error = np.sqrt(((ours - theirs) ** 2).mean(1)) / spread
        first = np.sort(theirs, 1)
        margin = (first[:, -1] - first[:, -2]) / spread
        agreement = 100 * float((ours.argmax(1) == theirs.argmax(1)).mean())
        rows.append([path.stem, f"{report['time']['latency']}", f"{len(x)}", f"{agreement:.0f}", f"{np.median(error):.3f}", f"{error.max():.3f}",
                     f"{np.median(margin):.3f}", f"{cpu:.0f}", f"{peak:.0f}"])
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    print(common.markdown(["network", "latency", "images", "agreement", "error, median", "largest", "margin", "compile CPU s", "peak MiB"], rows))


if __name__ == "__main__":
    sys.exit(main())

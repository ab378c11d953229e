#!/usr/bin/env python3
"""Check snnc's neuron against another simulator's: compile the reference VGG16, run it, compare the logits.

Needs: numpy
Usage: reference_vgg16.py BENCH_DIR [--binary target/debug/snnc] [--simulators default,engine]

BENCH_DIR/reference_vgg16_narrow holds vgg16.onnx, x.npy and logits.npy: integrate-and-fire neurons, threshold 1, soft
reset, start potential 0, constant input current, 32 steps. Exits 1 where the logits differ by more than 1e-3.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

TOLERANCE = 1e-3
COMPILE = "--code rate --threshold fixed=1 --v-init zero --timesteps 32 --scale 1 --mean 0 --std 1".split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--simulators", default="default,engine")
    args = parser.parse_args()

    reference = args.bench / "reference_vgg16_narrow"
    expected = np.load(reference / "logits.npy")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/vgg16.snn"
        subprocess.run([args.binary, str(reference / "vgg16.onnx"), "-o", model, *COMPILE], check=True)
        for simulator in args.simulators.split(","):
            logits = f"{folder}/{simulator}.npy"
            command = [args.binary, "run", model, str(reference / "x.npy"), "-o", logits, "--timesteps", "32"]
            if simulator != "default":
                command += ["--simulator", simulator]
            done = subprocess.run(command, stdout=subprocess.DEVNULL)
            if done.returncode != 0:
                print(f"{simulator:8s} exit code {done.returncode}")
                failed = True
                continue
            found = np.load(logits)
            if found.shape != expected.shape:
                print(f"{simulator:8s} shape {found.shape}, not {expected.shape}")
                failed = True
                continue
            difference = float(np.abs(found - expected).max())
            bad = not difference <= TOLERANCE  # NaN is bad
            print(f"{simulator:8s} max |difference| {difference:.2e}" + (f"  more than {TOLERANCE:g}" if bad else ""))
            failed |= bad
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Builds the Python package: the module of python/ and the command `snnc` in one wheel, for any Python from 3.9 on.

Wants maturin beside the Python that runs this (`pip install maturin`).

Usage: scripts/build_wheel.py [--profile dev|release] [--features FEATURES] [--out FOLDER]
  --profile   of cargo: release unless it is given
  --features  of the command
  --out       where the wheel goes: target/wheels unless it is given
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build_wheel(profile, features, out):
    """The path of the wheel."""
    said = subprocess.run(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    target = Path(json.loads(said.stdout)["target_directory"])
    subprocess.run(["cargo", "build", "--bin", "snnc", "--profile", profile, *(["--features", features] if features else [])], cwd=ROOT, check=True)

    name = "snnc.exe" if os.name == "nt" else "snnc"
    command = ROOT / "python/data/scripts" / name
    command.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(target / ("debug" if profile == "dev" else profile) / name, command)
    # A wheel of a development build needs no names of functions: they are four fifths of it.
    if os.name == "posix" and shutil.which("strip"):
        subprocess.run(["strip", command], check=True)

    # Into a folder of its own first, so that there is one file to be found.
    made = target / "wheel"
    shutil.rmtree(made, ignore_errors=True)
    maturin = [sys.executable, "-m", "maturin", "build", "--profile", profile, "--strip", "--manifest-path", "python/Cargo.toml"]
    subprocess.run([*maturin, "--target-dir", target, "--out", made, "--quiet"], cwd=ROOT, check=True)
    (wheel,) = made.glob("*.whl")
    out = Path(out) if out else target / "wheels"
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(wheel, out))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", default="release")
    parser.add_argument("--features")
    parser.add_argument("--out")
    args = parser.parse_args()
    print(build_wheel(args.profile, args.features, args.out))


if __name__ == "__main__":
    main()

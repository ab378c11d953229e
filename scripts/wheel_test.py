#!/usr/bin/env python3
"""Builds the Python package, installs it where nothing else is, and uses it: the command, the README, the tests, the types.

Wants maturin beside the Python that runs this, and a network for numpy, mypy and pytest.

Usage: scripts/wheel_test.py [--profile PROFILE] [--features FEATURES] [--wheel WHEEL]
  --profile, --features  as of scripts/build_wheel.py; the profile is dev unless it is given
  --wheel                one that is there already
"""
import argparse
import os
import re
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

from build_wheel import ROOT, build_wheel


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", default="dev")
    parser.add_argument("--features")
    parser.add_argument("--wheel", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        wheel = args.wheel.resolve() if args.wheel else build_wheel(args.profile, args.features, folder)
        venv.create(folder / "venv", with_pip=True)
        programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        python = programs / "python"
        # Not below the project, whose folder `python/snnc` is no package yet, and with nothing that was set for another Python.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment["SNNC_FIXTURES"] = str(ROOT / "fixtures")

        def step(*words):
            print("$", *[word.name if isinstance(word, Path) else word for word in words], flush=True)
            subprocess.run(words, cwd=folder, env=environment, check=True)

        step(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, "mypy", "pytest")
        step(programs / "snnc", "--version")

        for name in ["digits.onnx", "digits_test.npz"]:
            shutil.copy(ROOT / "fixtures/digits" / name, folder)
        snippets = re.findall(r"^```python\n(.*?)^```$", (ROOT / "python/README.md").read_text(), re.MULTILINE | re.DOTALL)
        (folder / "readme.py").write_text("\n".join(snippets))
        step(python, "readme.py")

        for name in ["test_snnc", "test_golden"]:
            shutil.copy(ROOT / f"python/tests/{name}.py", folder)
            step(python, "-m", "unittest", "--quiet", name)

        step(python, "-m", "mypy.stubtest", "snnc._snnc")
        step(python, "-m", "mypy", "--strict", "--package", "snnc")
        step(python, "-m", "mypy", "--strict", "readme.py", "test_snnc.py", "test_golden.py")


if __name__ == "__main__":
    main()

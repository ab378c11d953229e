#!/usr/bin/env python3
"""Builds the projects in examples/build with their build systems, again and again, and asserts what each build does.

Clean; with nothing changed; with the model, its external data, an option, the policy or the compiler changed; with a policy that is not kept; with
external data that is gone. Each in a copy, by a compiler that writes down what it is asked for.

Needs: the build systems (scripts/build_systems_setup.sh), and a Python with the packages onnx, which moves weights out of a model's file, and, for
their own projects, setuptools, wheel and hatchling.
Usage: build_systems.py [--snnc PROGRAM] [--python PYTHON] [--libsnnc PREFIX] [--only NAME,..] [--require]
  --snnc     the compiler [default: target/debug/snnc]
  --python   that Python [default: the variable SNNC_PYTHON, or the one that runs this]
  --libsnnc  where capi/install.sh has put the C library [default: it is built, in the profile dev]
  --only     these build systems alone
  --require  what is not installed is a failure; else it is left out, with a message

Prints a line for every assertion; exits with 1 if one fails.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from builds import scenario
from builds.bazel import Bazel
from builds.cargo import Cargo
from builds.cmake import CMakeMake, CMakeNinja
from builds.make import Make
from builds.ninja import Ninja
from builds.python import Hatch, Setuptools
from builds.tree import ROOT, Tree

SYSTEMS = {system.name: system for system in (Make, Ninja, CMakeNinja, CMakeMake, Cargo, Setuptools, Hatch, Bazel)}


class Settings:
    """What build systems need beside their projects."""

    def __init__(self, folder, python, libsnnc):
        self.folder, self.python, self._libsnnc = folder, python, libsnnc
        # Kept, so that crates of other projects are built once.
        self.target = ROOT / "target/build-systems"

    def libsnnc(self):
        """The folder below which the C library is installed."""
        if self._libsnnc is None:
            self._libsnnc = self.folder / "libsnnc"
            subprocess.run([ROOT / "capi/install.sh", self._libsnnc, "dev"], check=True)
        return self._libsnnc


def has_module(python, module):
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--snnc", type=pathlib.Path, default=ROOT / "target/debug/snnc")
    # Not resolved: the Python of a virtual environment is a link.
    parser.add_argument("--python", type=os.path.abspath, default=os.environ.get("SNNC_PYTHON", sys.executable))
    parser.add_argument("--libsnnc", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(SYSTEMS))
    parser.add_argument("--require", action="store_true")
    args = parser.parse_args()
    if not args.snnc.exists():
        parser.error(f"there is no compiler `{args.snnc}`: cargo build")
    unknown = set(args.only.split(",")) - set(SYSTEMS)
    if unknown:
        parser.error(f"no build system is called {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")

    passed, failed, left_out = 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        settings = Settings(folder, args.python, args.libsnnc and args.libsnnc.resolve())
        for name in args.only.split(","):
            missing = [program for program in SYSTEMS[name].needs if shutil.which(program) is None]
            missing += [module for module in ("onnx", *SYSTEMS[name].modules) if not has_module(args.python, module)]
            if missing:
                print(f"{'FAIL' if args.require else 'skip'} {name}: {', '.join(missing)} not installed (scripts/build_systems_setup.sh)")
                left_out.append(name)
                continue
            start, checks = time.monotonic(), scenario.Checks(name)
            place = folder / name
            system = SYSTEMS[name](Tree(place, SYSTEMS[name].project, args.snnc.resolve(), args.python), settings)
            try:
                scenario.run(system, checks, place)
            finally:
                system.finish()
            passed, failed = passed + checks.passed, failed + checks.failed
            print(f"     {name}: {time.monotonic() - start:.0f} s", flush=True)
    print(f"{passed + failed} assertions, {failed} failed" + (f"; left out: {', '.join(left_out)}" if left_out else ""))
    sys.exit(1 if failed or (left_out and args.require) else 0)


main()

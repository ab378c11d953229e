#!/usr/bin/env python3
"""Do all of the project's commands share one build of every third-party crate?

Cargo builds a crate again where another command asks for other features of it, and features of the tests' dependencies count as soon as
tests are built. Here the commands of the README and of CI are run up to the linker, and the files that cargo names are compared: a crate
that two commands use must be the same file in both, whether it had to be built or was there.

Usage: scripts/one_build.py [--offline]
"""
import json
import subprocess
import sys

COMMANDS = [
    ["build"],
    ["test", "--workspace", "--no-run"],
    ["build", "--features", "onnxruntime"],
    ["test", "--workspace", "--no-run", "--features", "onnxruntime"],
]


def artifacts(command, more):
    """Package -> files of the third-party crates that a command uses, and how many of them it had to build."""
    ran = subprocess.run(["cargo", *command, "--message-format=json", *more], stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(ran.returncode)
    files, built = {}, 0
    for message in map(json.loads, ran.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and not message["package_id"].startswith("path+"):
            files.setdefault(message["package_id"], set()).update(message["filenames"])
            built += not message["fresh"]
    return files, built


def main():
    known, twice = {}, []
    for command in COMMANDS:
        files, built = artifacts(command, sys.argv[1:])
        again = [package for package in files if package in known and not files[package] <= known[package]]
        twice += [f"{package}: `cargo {' '.join(command)}` wants a build of its own" for package in again]
        for package, of in files.items():
            known.setdefault(package, set()).update(of)
        print(f"cargo {' '.join(command)}: {len(files)} third-party crates, {built} built now, {len(again)} of them for the second time")
    print("\n".join(twice))
    sys.exit(bool(twice))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Do all of the project's commands share one build of every third-party crate?

Cargo builds a crate again where another command asks for other features of it, and features of the tests' dependencies count as soon as
tests are built. For the commands of the README and of CI, the features that cargo resolves are compared. With --build the commands are
run up to the linker, and the files that cargo names: a crate that two commands use must be the same file in both, whether it had to be
built or was there.

Usage: scripts/one_build.py [--build] [--offline]
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


def cargo(*words):
    ran = subprocess.run(["cargo", *words], stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(ran.returncode)
    return ran.stdout.splitlines()


def resolved(command, more):
    """Package -> what cargo resolves of it: a text for every set of features that it is built with."""
    tests = command[0] == "test"
    edges = "normal,build,dev" if tests else "normal,build"
    rest = [word for word in command[1:] if word != "--no-run"]
    found = {}
    for line in cargo("tree", *rest, *more, "--edges", edges, "--prefix", "none", "--format", "{p}|{f}"):
        package, _, features = line.removesuffix(" (*)").partition("|")
        # Members come with their folder.
        if package and "(/" not in package:
            found.setdefault(package, set()).add(features)
    return found, f"{len(found)} third-party crates"


def built(command, more):
    """Package -> files of it that a command uses."""
    files, fresh = {}, []
    for message in map(json.loads, cargo(*command, "--message-format=json", *more)):
        if message["reason"] == "compiler-artifact" and not message["package_id"].startswith("path+"):
            files.setdefault(message["package_id"], set()).update(message["filenames"])
            fresh.append(message["fresh"])
    return files, f"{len(files)} third-party crates, {fresh.count(False)} files built now"


def main():
    more = [word for word in sys.argv[1:] if word != "--build"]
    look = built if "--build" in sys.argv else resolved
    known, twice = {}, []
    for command in COMMANDS:
        found, what = look(command, more)
        again = [package for package in found if package in known and not found[package] <= known[package]]
        twice += [f"`cargo {' '.join(command)}` wants a build of its own of {package}: {sorted(found[package] - known[package])}" for package in again]
        for package, of in found.items():
            known.setdefault(package, set()).update(of)
        print(f"cargo {' '.join(command)}: {what}, {len(again)} for the second time", flush=True)
    sys.exit("\n".join(twice) if twice else 0)


if __name__ == "__main__":
    main()

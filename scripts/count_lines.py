#!/usr/bin/env python3
"""Lines of Rust outside tests, by crate: of the tree as it is, or of a revision.

Counted are files below the crates' `src` folders and their build scripts, without modules that are compiled for tests alone; of these, once
all lines, and once those that hold code (no comment, not empty).

Usage: count_lines.py [REVISION ...]
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sources(revision):
    """Names and texts of all Rust files of the tree, or of a revision."""
    if revision is None:
        names = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        return [(name, (ROOT / name).read_text()) for name in names]
    names = subprocess.run(["git", "ls-tree", "-r", "--name-only", revision], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    show = lambda name: subprocess.run(["git", "show", f"{revision}:{name}"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [(name, show(name)) for name in names if name.endswith(".rs")]


def without_tests(text):
    """A source without `#[cfg(test)] mod .. { .. }`: rustfmt ends such a module with a brace in the first column."""
    return re.sub(r"^#\[cfg\(test\)\]\nmod \w+ \{\n.*?^\}\n", "", text, flags=re.M | re.S)


def count(revision):
    """For each crate, all lines and those of code."""
    found = {}
    for name, text in sources(revision):
        parts = name.split("/")
        crate = parts[0] if parts[0] in ("ir", "passes", "kernels", "engine", "lock", "runtime") else "src"
        inside = parts[1:] if crate != "src" else parts
        if inside[0] not in ("src", "build.rs") or inside[-1] == "tests.rs":
            continue
        lines = without_tests(text).splitlines()
        code = [line for line in lines if line.strip() and not line.strip().startswith("//")]
        whole, of_code = found.get(crate, (0, 0))
        found[crate] = (whole + len(lines), of_code + len(code))
    return found


def main():
    if "-h" in sys.argv or "--help" in sys.argv:
        print(__doc__)
        return
    for revision in sys.argv[1:] or [None]:
        found = count(revision)
        for crate, (lines, code) in sorted(found.items()):
            print(f"{revision or 'tree':12} {crate:8} {lines:7} lines {code:7} of code")
        print(f"{revision or 'tree':12} {'all':8} {sum(l for l, _ in found.values()):7} lines {sum(c for _, c in found.values()):7} of code")


main()

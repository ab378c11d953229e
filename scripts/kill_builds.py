#!/usr/bin/env python3
"""Kill builds of a project at random moments, and look at what they leave.

Needs: nothing
Usage: kill_builds.py [--count 200] [--seed 0] [--binary target/debug/snnc]

A project has two models, of which each build makes one or both anew, in turn with an empty cache and with the one that the killed build left. After each kill, every
file of the project must be what it was or what it is to become, and nothing else may lie there; the next build must succeed, give the right bytes, and leave nothing
half made in the cache. Prints a summary; exits with 1 at the first thing that is wrong.
"""
import argparse
import collections
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

PROJECT = """
[options]
audit = "none"
samples = 8

[models.radix]
model = "digits.onnx"
timesteps = {digits}
emit = ["c=gen/radix.h"]

[models.rate]
model = "digits.onnx"
code = "rate"
train = "none"
timesteps = {steps}
"""
STATES = [dict(digits=6, steps=4), dict(digits=5, steps=4), dict(digits=5, steps=6)]


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200, metavar="N", help="builds to kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="other moments (default: %(default)s)")
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--binary", type=pathlib.Path, default=root / "target/debug/snnc", help="the program (default: %(default)s)")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        project, cache = pathlib.Path(folder, "project"), pathlib.Path(folder, "cache")
        project.mkdir()
        shutil.copy(root / "fixtures/digits/digits.onnx", project)
        command = [str(args.binary.resolve()), "build", "-j2", "-q", "--cache-dir", str(cache)]

        def wrong(what):
            sys.exit(f"after {killed} kills: {what}")

        def build():
            done = subprocess.run(command, cwd=project, capture_output=True, text=True)
            if done.returncode != 0:
                wrong(f"the next build failed: {done.stderr}")

        def write(state):
            (project / "snnc.toml").write_text(PROJECT.format(**state))

        killed, ended, longest = 0, 0, 0.0
        expected = []
        for state in STATES:
            write(state)
            shutil.rmtree(cache, ignore_errors=True)
            began = time.monotonic()
            build()
            longest = max(longest, time.monotonic() - began)
            expected.append(files(project))
        seen, now = collections.Counter(), len(STATES) - 1
        while killed < args.count:
            target = rng.choice([k for k in range(len(STATES)) if k != now])
            if rng.random() < 0.7:
                shutil.rmtree(cache)
            write(STATES[target])
            child = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * longest * 1.1)
            ended += child.poll() is not None
            child.kill()
            child.wait()
            killed += 1
            for name, data in files(project).items():
                old, new = expected[now].get(name), expected[target].get(name)
                if data not in (old, new):
                    wrong(f"{name} is neither what it was nor what it becomes")
                seen["old" if data == old else "new"] += old != new
            build()
            if files(project) != expected[target]:
                wrong("the next build gave something else")
            left = [name for name in files(cache / "staging") if name != "lock"]
            if left:
                wrong(f"half made files stay: {left}")
            now = target
    print(f"{killed} builds killed, {ended} of them had ended; files that change were old {seen['old']} and new {seen['new']} times; "
          "nothing else was left, and every next build was right")


if __name__ == "__main__":
    main()

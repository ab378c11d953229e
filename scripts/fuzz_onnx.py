#!/usr/bin/env python3
"""Random networks through the compiler and through ONNX Runtime.

Needs: numpy onnx onnxruntime, and the program `cargo build --example meaning`
Usage: fuzz_onnx.py [--seconds N] [--seed N] [--count N] [--hostile] [--keep FOLDER] [--refusals FOLDER]

Each network is made of operators that the importer may convert, written as some exporter would (see the package `fuzz`), and is computed
by ONNX Runtime without optimisation. The compiler must agree with it as imported, after the passes, in its float network, and in the
rates that neurons tend to; or refuse it with a diagnostic. A finding is a difference, a crash or an internal error, and a diagnostic
that calls the file broken, for none is. Findings are shrunk and, with `--keep`, written as an .onnx and an .npz file (`x`, and `y`, ONNX
Runtime's scores). Other refusals are counted by reason; `--refusals` keeps one network of each.

`--hostile` damages files instead: bits, sizes, references. Any diagnostic is right; a crash, a long time or much memory is not.

Networks depend on the seed alone: number k of seed s is the same everywhere. Prints a summary; exits with 1 if there are findings.
"""
import argparse
import collections
import pathlib
import re
import sys
import time

import numpy as np
import onnx

from fuzz import hostile
from fuzz.generate import network
from fuzz.judge import Invalid, Verdict, judge, truth
from fuzz.shrink import shrink
from meaning import Meaning, add_binary


# One fault shows in many networks: no more findings than these are shrunk.
MAX_SHRUNK = 12


def differential(args, meaning):
    """Counts, refusals by reason, and findings by reason, each with its first network."""
    counts, refusals, findings, exporters = collections.Counter(), collections.Counter(), {}, collections.Counter()
    for made in networks(args):
        counts["networks"] += 1
        try:
            verdict = judge(made, meaning)
        except Invalid as why:
            counts["without a verdict"] += 1
            if args.invalid:
                print("invalid:", made.exporter, str(why)[:300].replace("\n", " "))
            continue
        counts[verdict.kind] += 1
        exporters[made.exporter, verdict.kind] += 1
        if verdict.kind == "refused":
            if verdict.reason not in refusals:
                keep(args.refusals, f"refused-{len(refusals)}", made)
            refusals[verdict.reason] += 1
        if verdict.is_finding and (verdict.kind == "differs" or verdict.reason not in findings):
            if counts["shrunk"] == MAX_SHRUNK:
                findings[f"{verdict.text}, not shrunk"] = f"seed {made.seed}, {made.exporter}"
                continue
            counts["shrunk"] += 1
            smaller, found = shrink(made, verdict, meaning)
            chain = " ".join(n.op_type for n in smaller.model.graph.node)
            label = f"{found.reason.split(':')[0]}: {chain}" if found.kind == "differs" else verdict.reason
            if label not in findings:
                name = f"{found.kind}-{re.sub(r'[^A-Za-z]+', '-', chain)[:60]}-{made.seed}"
                findings[label] = f"{found.text} [{chain}] seed {made.seed}, {made.exporter}"
                print(f"finding: {findings[label]}", flush=True)
                keep(args.keep, name, smaller)
    print(f"{counts['networks']} networks, {counts['agrees']} converted, {counts['refused']} refused, "
          f"{counts['without a verdict']} that ONNX Runtime does not compute")
    for reason, count in refusals.most_common():
        print(f"  {count} {reason}")
    names = sorted({name for name, _ in exporters})
    print("  converted by exporter: " + ", ".join(
        f"{n} {exporters[n, 'agrees']} of {sum(c for (m, _), c in exporters.items() if m == n)}" for n in names))
    return findings


def networks(args):
    """Networks until the time is over or there are enough."""
    start = time.monotonic()
    for index in range(args.count or sys.maxsize):
        if not args.count and time.monotonic() - start > args.seconds:
            return
        made = network([args.seed, index])
        if made:
            made.seed = f"{args.seed}.{index}"
            yield made


def keep(folder, name, made):
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(made.model, folder / f"{name}.onnx")
        np.savez(folder / f"{name}.npz", x=made.images, y=truth(made))


def damage(args, meaning):
    """Findings among damaged files."""
    rng, findings, kinds = np.random.default_rng(args.seed), {}, collections.Counter()
    for made in networks(args):
        for _ in range(8):
            data = hostile.altered(made.model, rng) if rng.random() < 0.5 else hostile.damaged(made.model.SerializeToString(), rng)
            try:
                answer = meaning.ask(data, made.images, rates=True)
            except ValueError:
                # A network of another shape than the images: it was converted.
                answer = {}
            verdict = Verdict("crash", answer["crash"]) if "crash" in answer else None
            kinds["crash" if verdict else answer["refused"][0]["code"] if "refused" in answer else "converted"] += 1
            if verdict and verdict.reason not in findings:
                findings[verdict.reason] = f"{verdict.text} seed {made.seed}"
                print(f"finding: {findings[verdict.reason]}", flush=True)
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    (args.keep / f"hostile-{len(findings)}.onnx").write_bytes(data)
    print(f"{sum(kinds.values())} damaged files: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_binary(parser)
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="how long to go on (default: %(default)s)")
    parser.add_argument("--count", type=int, metavar="N", help="as many networks, however long it takes")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="other networks (default: %(default)s)")
    parser.add_argument("--hostile", action="store_true", help="damage files")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="write findings into a folder")
    parser.add_argument("--refusals", type=pathlib.Path, metavar="FOLDER", help="write a network of each reason for a refusal")
    parser.add_argument("--invalid", action="store_true", help="say why networks have no verdict")
    args = parser.parse_args()
    with Meaning(args.meaning) as meaning:
        findings = damage(args, meaning) if args.hostile else differential(args, meaning)
    print(f"{len(findings)} findings")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compare what networks lose by the rule that set their thresholds: one Markdown table a network.

Needs: nothing
Usage: rules_study.py MODELS_DIR DATA_DIR --networks A,B,.. [--binary target/debug/snnc] [--limit 256]
                      [--timesteps 4,8] [--jobs 1] [--json FILE] [--extra "COMPILER OPTIONS"]

Every network is compiled for each number of time steps, evaluated there on the first images of the file that
MODELS_DIR/manifest.json names first, and compared with its float network on the same images: drop in top-1, in points. A
dash is where the compiler refuses the rule (exit code 2), as it does `batch-norm` where the file has no batch norms. With
--json, results are kept in FILE, and a later run with the same settings skips what is there. Exits 1 where something else
failed: its cell says so.
"""
import argparse
import concurrent.futures
import pathlib
import shlex
import sys
import tempfile

import common

RULES = {
    "least-squares": "--threshold least-squares",
    "balance": "--threshold balance",
    "percentile=99.9": "--threshold percentile=99.9",
    "percentile=99.9, per layer": "--threshold percentile=99.9 --threshold-per layer",
    "max": "--threshold max",
    "batch-norm=3": "--threshold batch-norm=3",
    "auto": "--threshold auto",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--networks", required=True, help="names in the manifest")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--limit", type=int, default=256, help="images a network (default 256)")
    parser.add_argument("--timesteps", default="4,8")
    parser.add_argument("--jobs", type=int, default=1, help="compilations at a time")
    parser.add_argument("--json", type=pathlib.Path, help="keep results here and resume from it")
    parser.add_argument("--extra", default="", help="further options for the compiler")
    args = parser.parse_args()
    steps = sorted({int(t) for t in args.timesteps.split(",")})
    models = common.named(args.models, args.networks.split(","), parser.error)
    results, settings = common.Results(args.json), dict(limit=args.limit, extra=args.extra, binary=common.digest(args.binary))

    def work(task):
        model, rule, t = task
        key = f"{model['name']}/{rule}/{t}"
        row = results.get(key, settings)
        if row:
            return row
        row, options = dict(settings=settings), ["--train", "none", *RULES[rule].split(), *shlex.split(args.extra)]
        try:
            with tempfile.TemporaryDirectory() as folder:
                n, ann, point = common.measure(args, model, t, options, args.data / model["eval"][0]["data"], folder)
            row.update(status="measured", n=n, ann_top1=ann, drop=ann - point["top1"], **point)
        except (common.Failed, ValueError) as error:
            refused = rule.startswith("batch-norm") and getattr(error, "code", None) == 2
            row.update(status="refused" if refused else "failed", message=str(error))
        print(f"{key}: {row['status']}", row["message"] if row["status"] == "failed" else "", file=sys.stderr)
        return results.put(key, row)

    tasks = [(m, rule, t) for m in models for rule in RULES for t in steps]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        rows = {(m["name"], rule, t): row for (m, rule, t), row in zip(tasks, pool.map(work, tasks))}
    cell = lambda row: f"{row['drop']:.1f}" if row["status"] == "measured" else "–" if row["status"] == "refused" else "failed"
    for model in models:
        name = model["name"]
        good = next((r for (n, *_), r in rows.items() if n == name and r["status"] == "measured"), None)
        judged = f"{good['n']} images of {model['eval'][0]['data']}, float network {good['ann_top1']:.1f} %" if good else "failed"
        table = common.markdown(["threshold", *(f"T={t}" for t in steps)],
                                [[rule, *(cell(rows[name, rule, t]) for t in steps)] for rule in RULES])
        print(f"### {name}\n\n{judged}; drop in points:\n\n{table}\n")
    return 1 if any(r["status"] == "failed" for r in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

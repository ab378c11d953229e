#!/usr/bin/env python3
"""Compare networks before and after training through time: accuracy, what their twins still read, what it cost.

Needs: nothing
Usage: training_study.py MODELS_DIR DATA_DIR --networks A,B,.. [--timesteps 8] [--binary target/debug/snnc] [--limit 256] [--data FILE]
                         [--jobs 1] [--json FILE] [--arms NAME=OPTIONS;NAME=OPTIONS ..]

Without --arms there are two: `--train none` and `--train temporal`. Every network is compiled with the options of each arm, for each number
of time steps, and evaluated on the first images of the file that MODELS_DIR/manifest.json names first, or of --data. One Markdown table a
number of time steps: drop in top-1 in points, agreement with the float network on these images, agreement of the static twins with
the float network on the report's held-out samples (after training / of the control with noise of equal length), the largest relative
change of a layer's weights, CPU seconds and memory. With --json, results are kept, and a later run skips what is there.
"""
import argparse
import concurrent.futures
import json
import pathlib
import shlex
import sys
import tempfile

import common

TWINS = ["relu", "clipped", "quantised", "response"]


def study(args, model, steps, options):
    data = args.data_dir / (args.data or model["eval"][0]["data"])
    with tempfile.TemporaryDirectory() as folder:
        snn, cpu, peak = common.compile_model(args, model, steps, options, folder)
        report = json.loads(pathlib.Path(snn).with_suffix(".report.json").read_text())
        n, ann, point = common.evaluate(args, model, snn, data, steps, folder)
    training = report["training"]
    row = dict(n=n, ann=ann, drop=ann - point["top1"], agreement=point["agreement"], cpu=cpu, peak=peak, end=training.get("end"))
    if training["kind"] == "temporal":
        twins = {t["twin"]: t for t in training["reconversion"]["twins"]}
        row["twins"] = [[twins[t]["after_percent"], twins[t]["noise_percent"]] for t in TWINS]
        row["drift"] = max(d["relative_change"] for d in training["weight_drift"])
        row["fully_trained"] = training["is_fully_trained"]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data_dir", type=pathlib.Path)
    parser.add_argument("--networks", required=True, help="names in the manifest")
    parser.add_argument("--timesteps", default="8")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--data", help="a file of DATA_DIR to evaluate on instead")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--arms", default="calibrated=--code rate --train none;trained=--code rate --train temporal")
    args = parser.parse_args()
    models = common.named(args.models, args.networks.split(","), parser.error)
    arms = dict(arm.split("=", 1) for arm in args.arms.split(";"))
    results, binary = common.Results(args.json), common.digest(args.binary)

    def work(task):
        model, steps, arm = task
        settings = dict(limit=args.limit, options=arms[arm], data=args.data, binary=binary)
        key = f"{model['name']}/{steps}/{arm}"
        row = results.get(key, settings)
        if row:
            return row
        try:
            row = dict(settings=settings, status="measured", **study(args, model, steps, shlex.split(arms[arm])))
        except common.Failed as error:
            row = dict(settings=settings, status="failed", message=str(error))
        print(f"{key}: {row['status']} {row.get('message', '')}", file=sys.stderr)
        return results.put(key, row)

    times = [int(t) for t in args.timesteps.split(",")]
    tasks = [(m, t, arm) for t in times for m in models for arm in arms]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        rows = {(t, m["name"], arm): row for (m, t, arm), row in zip(tasks, pool.map(work, tasks))}
    for t in times:
        table = []
        for (steps, name, arm), row in rows.items():
            if steps != t:
                continue
            if row["status"] != "measured":
                table.append([name, arm, "failed"] + [""] * (5 + len(TWINS)))
                continue
            twins = [f"{after:.0f} / {noise:.0f}" for after, noise in row.get("twins", [])] or ["–"] * len(TWINS)
            drift = f"{row['drift']:.3f}" if "drift" in row else "–"
            table.append([name, arm, f"{row['ann']:.1f}", f"{row['drop']:.1f}", f"{row['agreement']:.1f}", *twins, drift,
                          f"{row['cpu']:.0f}", f"{row['peak']:.0f}"])
        head = ["network", "arm", "ANN", "drop", "agreement", *(f"twin {t}" for t in TWINS), "drift", "CPU s", "MiB"]
        print(f"T={t}:\n\n{common.markdown(head, table)}\n")
    return 1 if any(row["status"] == "failed" for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Both codes beside the ANN and its int8 network in ONNX Runtime: compile, evaluate, print Markdown tables.

Needs: numpy onnx onnxruntime; pillow where a model's images must be resized
Usage: codes_table.py MODELS_DIR DATA_DIR [--binary target/debug/snnc] [--limit 256] [--radix 3,4,6,8] [--rate 8,16,32]
                      [--skip 0] [--seed 0] [--data FILE.npz] [--jobs 1] [--out table.md] [--only A,B] [--json FILE]
                      [--extra "COMPILER OPTIONS"]

As models_table.py, whose options these are, but each setting is a column, and there are tables of what comes out right, how often
the ANN is agreed with, and what it costs, with and without the layers that read images. The int8 network is calibrated on the samples that the spiking network
was calibrated on (int8_rival.py). Where images are resized, all of them are judged on.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import common
from models_table import chosen, groups, images, options, rows_of

HERE = pathlib.Path(__file__).resolve().parent


def setting(code, steps):
    return f"{code} {steps}"


def int8(model, args, samples, data, folder):
    pre = model["preprocess"]
    command = [sys.executable, str(HERE / "int8_rival.py"), str(args.models / model["file"]), samples, str(data), "--limit", str(args.limit)]
    command += [f"--{name}={common.numbers(pre[name])}" for name in ("scale", "mean", "std")]
    code, out, err, *_ = common.run(command, folder)
    return json.loads(out) if code == 0 else dict(error=err.strip().splitlines()[-1] if err.strip() else f"exit code {code}")


def work(model, args, results, settings):
    """A model's row: a result for each setting, and the int8 network's."""
    name = model["name"]
    row = results.get(name, settings) or dict(name=name, status="converted", settings=settings, at={})
    limit, args = args.limit, argparse.Namespace(**vars(args))
    args.limit = 10**6 if model["preprocess"].get("resize") else limit
    with tempfile.TemporaryDirectory() as folder:
        samples, data = f"{folder}/samples.npz", None
        extra = ["--seed", str(args.seed), *args.extra.split()]
        for code, steps in [("radix", t) for t in args.radix] + [("rate", t) for t in args.rate]:
            if setting(code, steps) in row["at"]:
                continue
            try:
                saved = ["--save-samples", samples] if "int8" not in row else []
                snn, cpu, peak = common.compile_model(args, model, steps, ["--code", code, *extra, *saved], folder)
                if data is None:
                    data, row["data"] = images(model, args, folder)
                if "int8" not in row:
                    row["int8"] = int8(model, args, samples, data, folder)
                row["n"], row["ann_top1"], point = common.evaluate(args, model, snn, data, folder)
            except common.Failed as error:
                rejected = error.code == 2 and "reject" in model["expect"]
                return results.put(name, dict(row, status="rejected" if rejected else "failed", message=error.message))
            row["ann_energy"] = point["ann_energy"]
            row["at"][setting(code, steps)] = dict(point, compile_cpu_s=round(cpu, 2), compile_peak_mib=round(peak, 1))
            results.put(name, row)
    return row


def tables(rows, columns):
    good = [row for row in rows if row["status"] == "converted"]
    rival = lambda row, key: f"{row['int8'][key]:.1f}" if key in row["int8"] else "-"
    at = lambda row, column, key: row["at"][column][key]
    right = [[r["name"], f"{r['n']}", f"{r['ann_top1']:.1f}", rival(r, "top1"), *(f"{at(r, c, 'top1'):.1f}" for c in columns)] for r in good]
    alike = [[r["name"], rival(r, "agreement"), *(f"{at(r, c, 'agreement'):.1f}" for c in columns)] for r in good]
    cost = [[r["name"], f"{r['ann_energy']['float32_pj'] / 1e6:.2f}", f"{r['ann_energy']['int8_pj'] / 1e6:.2f}",
             *(f"{at(r, c, 'spikes_per_neuron'):.2f} / {at(r, c, 'synaptic_ops') / 1e6:.2f} / {at(r, c, 'energy_pj') / 1e6:.2f} / "
               f"{at(r, c, 'latency')}" for c in columns)] for r in good]
    bare = [[r["name"], f"{r['ann_energy']['float32_pj_without_input_layer'] / 1e6:.2f}", f"{r['ann_energy']['int8_pj_without_input_layer'] / 1e6:.2f}",
             *(f"{at(r, c, 'energy_pj_without_input_layer') / 1e6:.2f}" for c in columns)] for r in good]
    return "\n\n".join([
        "Top-1 in percent\n\n" + common.markdown(["network", "n", "ANN", "int8 ANN", *columns], right),
        "Agreement with the ANN in percent\n\n" + common.markdown(["network", "int8 ANN", *columns], alike),
        "Energy of an image of the ANN in µJ; of the spiking network: spikes a neuron / synaptic operations an image in millions / energy "
        "of an image in µJ / latency in steps\n\n" + common.markdown(["network", "ANN", "int8 ANN", *columns], cost),
        "Energy of an image in µJ without the layers that read it\n\n" + common.markdown(["network", "ANN", "int8 ANN", *columns], bare)])


def summary(rows, columns, what):
    lines = []
    for c in columns:
        lost = [row["ann_top1"] - row["at"][c]["top1"] for row in rows]
        alike = [row["at"][c]["agreement"] for row in rows]
        ratio = [row["at"][c]["energy_pj"] / row["ann_energy"]["int8_pj"] for row in rows]
        worst = max(range(len(rows)), key=lost.__getitem__)
        lines.append([c, f"{sum(lost) / len(lost):.2f}", f"{lost[worst]:.1f} ({rows[worst]['name']})", f"{sum(alike) / len(alike):.1f}",
                      f"{min(alike):.1f}", f"{sorted(ratio)[len(ratio) // 2]:.2f}"])
    both = [row for row in rows if "top1" in row["int8"]]
    if both:
        lost = [row["ann_top1"] - row["int8"]["top1"] for row in both]
        alike = [row["int8"]["agreement"] for row in both]
        worst = max(range(len(both)), key=lost.__getitem__)
        lines.append([f"int8 ANN ({len(both)})", f"{sum(lost) / len(lost):.2f}", f"{lost[worst]:.1f} ({both[worst]['name']})",
                      f"{sum(alike) / len(alike):.1f}", f"{min(alike):.1f}", "1.00"])
    head = [f"{what}, {len(rows)}", "mean drop", "worst drop", "mean agreement", "least", "energy, times the int8 ANN's (median)"]
    return common.markdown(head, lines)


def main():
    parser = options(__doc__.splitlines()[0])
    for code, steps in (("radix", "3,4,6,8"), ("rate", "8,16,32")):
        parser.add_argument(f"--{code}", type=lambda v: [int(t) for t in v.split(",") if t], default=[int(t) for t in steps.split(",")])
    args = parser.parse_args()
    settings = dict(limit=args.limit, skip=args.skip, seed=args.seed, data=args.data, extra=args.extra, binary=common.digest(args.binary))
    models = chosen(args, parser.error)
    results = common.Results(args.json)

    rows = rows_of(lambda model: work(model, args, results, settings), models, args.jobs)
    columns = [setting("rate", t) for t in args.rate] + [setting("radix", t) for t in args.radix]
    parts = [tables(rows, columns)]
    parts += [summary(some, columns, what) for what, some in groups(rows, models) if some]
    text = "\n\n".join(parts) + "\n"
    print(text, end="")
    if args.out:
        args.out.write_text(text)
    return 1 if any(row["status"] == "failed" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

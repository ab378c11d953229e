#!/usr/bin/env python3
"""Compile and evaluate every model of a manifest, and print a Markdown table.

Needs: nothing; numpy and pillow where a model's images must be resized
Usage: models_table.py MODELS_DIR DATA_DIR [--binary target/debug/snnc] [--limit 256] [--timesteps 8,16,32,64]
                       [--jobs 1] [--out table.md] [--only SUBSTRING] [--json FILE] [--extra "COMPILER OPTIONS"]

MODELS_DIR/manifest.json says for each model how its input is prepared, what data it is judged on (the first entry of
`eval`) and whether it is to `convert`, to `reject` (exit code 2) or either. Top-1 is in percent. With --json, results
are kept in FILE as they come, and a later run with the same settings skips what is there. Exits 1 where a model did not
do what the manifest expects.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent


def run(command, folder):
    """Runs a command. Returns exit code, stdout, stderr, CPU seconds, peak MiB.

    (Linux counts the parent's memory at the moment of the fork into a child's peak: this script stays small, and
    imports neither numpy nor pillow.)
    """
    with tempfile.TemporaryFile(dir=folder) as out, tempfile.TemporaryFile(dir=folder) as err:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return child.returncode, *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def numbers(value):
    return ",".join(str(v) for v in (value if isinstance(value, list) else [value]))


def evaluate(model, args, folder):
    """One model's row: status `converted`, `rejected` or `failed`, and what was measured."""
    pre, path = model["preprocess"], args.models / model["file"]
    snn = f"{folder}/{model['name']}.snn"
    command = [args.binary, str(path), "-o", snn, "--scale", str(pre["scale"]), "--mean", numbers(pre["mean"]),
               "--std", numbers(pre["std"]), *shlex.split(args.extra)]
    code, _, err, cpu, peak = run(command, folder)
    row = dict(name=model["name"], expect=model["expect"], compile_cpu_s=round(cpu, 2), compile_peak_mib=round(peak, 1))
    if code == 2 and "reject" in model["expect"]:
        return dict(row, status="rejected", message=err.strip())
    if code != 0:
        return dict(row, status="failed", message=f"compile: exit code {code}\n{err.strip()}")
    if model["expect"] == "reject":
        return dict(row, status="failed", message="compiled, where a rejection was expected")

    data = args.data / model["eval"][0]["data"]
    if pre.get("resize"):
        data = pathlib.Path(folder) / "imagenet.npz"
        code, _, err, *_ = run([sys.executable, str(HERE / "prepare_imagenet.py"), str(args.data), str(data)], folder)
        if code != 0:
            return dict(row, status="failed", message=f"prepare_imagenet.py: {err.strip()}")
    command = [args.binary, "eval", snn, "--data", str(data), "--ann", str(path), "--timesteps", args.timesteps,
               "--limit", str(args.limit), "--json"]
    code, out, err, cpu, peak = run(command, folder)
    os.remove(snn)
    if code != 0:
        return dict(row, status="failed", message=f"eval: exit code {code}\n{err.strip()}")
    try:
        measured = json.loads(out)
    except json.JSONDecodeError as error:
        return dict(row, status="failed", message=f"eval: {error} in {out[:200]!r}")
    return dict(row, status="converted", data=data.name, eval_cpu_s=round(cpu, 2), eval_peak_mib=round(peak, 1), **measured)


def top1_at(row, steps):
    return next(s["top1"] for s in row["snn"] if s["timesteps"] == steps)


def table(rows, steps):
    lines = ["| model | n | ANN | " + " | ".join(f"T={t}" for t in steps) + f" | drop at T={steps[-1]} | compile CPU s | peak MiB |",
             "|---|" + "---:|" * (len(steps) + 5)]
    for row in rows:
        cost = f"{row['compile_cpu_s']:.1f} | {row['compile_peak_mib']:.0f} |"
        if row["status"] == "converted":
            cells = [f"{row['n']}", f"{row['ann_top1']:.1f}"] + [f"{top1_at(row, t):.1f}" for t in steps]
            cells.append(f"{row['ann_top1'] - top1_at(row, steps[-1]):.1f}")
        else:
            cells = [row["status"]] + [""] * (len(steps) + 2)
        lines.append(f"| {row['name']} | " + " | ".join(cells) + f" | {cost}")
    return "\n".join(lines)


def summary(rows, steps):
    good = [r for r in rows if r["status"] == "converted"]
    counts = {s: sum(r["status"] == s for r in rows) for s in ("converted", "rejected", "failed")}
    text = ", ".join(f"{n} {s}" for s, n in counts.items())
    if not good:
        return text
    drops = {t: [r["ann_top1"] - top1_at(r, t) for r in good] for t in steps}
    last = drops[steps[-1]]
    means = ", ".join(f"T={t} {sum(d) / len(d):.2f}" for t, d in drops.items())
    worst = max(range(len(good)), key=last.__getitem__)
    return (f"{text}; within 2 points of the ANN at T={steps[-1]}: {sum(d <= 2 for d in last)} of {len(good)}; "
            f"mean drop: {means}; worst: {good[worst]['name']} {last[worst]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--limit", type=int, default=256, help="images a model (default 256)")
    parser.add_argument("--timesteps", default="8,16,32,64")
    parser.add_argument("--jobs", type=int, default=1, help="models at a time")
    parser.add_argument("--out", type=pathlib.Path, help="write the table here too")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--json", type=pathlib.Path, help="keep results here and resume from it")
    parser.add_argument("--extra", default="", help="further options for the compiler")
    args = parser.parse_args()
    steps = sorted(int(t) for t in args.timesteps.split(","))
    settings = dict(limit=args.limit, timesteps=steps, extra=args.extra)

    models = [m for m in json.loads((args.models / "manifest.json").read_text()) if args.only in m["name"]]
    if not models:
        parser.error(f"no model's name contains `{args.only}`")
    known = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    done = {n: r for n, r in known.items() if r["settings"] == settings and r["status"] != "failed"}
    lock = threading.Lock()

    def work(model):
        if model["name"] in done:
            return done[model["name"]]
        with tempfile.TemporaryDirectory() as folder:
            row = dict(evaluate(model, args, folder), settings=settings)
        with lock:
            print(f"{row['name']}: {row['status']}", row["message"] if row["status"] == "failed" else "", file=sys.stderr)
            if args.json:
                known[row["name"]] = row
                new = args.json.with_name(args.json.name + ".new")
                new.write_text(json.dumps(known, indent=1) + "\n")
                new.replace(args.json)
        return row

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(work, models))
    text = table(rows, steps) + "\n\n" + summary(rows, steps) + "\n"
    print(text, end="")
    if args.out:
        args.out.write_text(text)
    return 1 if any(r["status"] == "failed" for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compile every model of a manifest for each number of time steps, evaluate it there, and print a Markdown table.

Needs: nothing; numpy and pillow where a model's images must be resized
Usage: models_table.py MODELS_DIR DATA_DIR [--binary target/debug/snnc] [--limit 256] [--timesteps 8]
                       [--skip 0] [--seed 0] [--data A.npz,B.npz] [--jobs 1] [--out table.md] [--only A,B] [--json FILE]
                       [--extra "COMPILER OPTIONS"]

MODELS_DIR/manifest.json says for each model how its input is prepared, what data it is judged on (the first entry of
`eval`) and whether it is to `convert`, or whether a rejection (exit code 2) will do. Top-1 is in percent, drops are in points
below the float network on the same images, compile time and memory are those of the largest T. With --json, results
are kept in FILE as they come, and a later run with the same settings skips what is there. Exits 1 where a model did not
do what the manifest expects.

Images and seed by which no setting was chosen: --skip 1512 --limit 488 --seed 11 --data A.npz,B.npz
"""
import argparse
import concurrent.futures
import pathlib
import shlex
import sys
import tempfile

import common

HERE = pathlib.Path(__file__).resolve().parent


def judged_on(model, args):
    """The files of images of a model, of those that were asked for."""
    asked = args.data.split(",") if args.data else [model["eval"][0]["data"]]
    return [case["data"] for case in model["eval"] if case["data"] in asked]


def images(model, args, folder):
    """The file of images that a model is judged on."""
    data = args.folder / judged_on(model, args)[0]
    if model["preprocess"].get("resize"):
        data = pathlib.Path(folder) / "imagenet.npz"
        code, _, err, *_ = common.run([sys.executable, str(HERE / "prepare_imagenet.py"), str(args.folder), str(data)], folder)
        if code != 0:
            raise common.Failed("prepare_imagenet.py", code, err)
    if args.skip:
        rest = pathlib.Path(folder) / f"rest-{data.name}"
        if common.cut(data, rest, args.skip) <= args.skip:
            raise ValueError(f"{data.name} has no more than {args.skip} images")
        return rest, data.name
    return data, data.name


def evaluate(model, args, steps, folder):
    """One model's row: status `converted`, `rejected` or `failed`, and what was measured."""
    row = dict(name=model["name"], expect=model["expect"], resized=bool(model["preprocess"].get("resize")))
    options = ["--seed", str(args.seed), *shlex.split(args.extra)]
    measured = []
    try:
        for t in steps:
            snn, cpu, peak = common.compile_model(args, model, t, options, folder)
            if not measured:
                data, row["data"] = images(model, args, folder)
            row["n"], row["ann_top1"], point = common.evaluate(args, model, snn, data, folder)
            measured.append(dict(point, compile_cpu_s=round(cpu, 2), compile_peak_mib=round(peak, 1)))
    except common.Failed as error:
        if error.code == 2 and not measured and "reject" in model["expect"]:
            return dict(row, status="rejected", message=error.message)
        return dict(row, status="failed", message=str(error))
    except ValueError as error:
        return dict(row, status="failed", message=str(error))
    return dict(row, status="converted", snn=measured)


def drops(row):
    return [row["ann_top1"] - at["top1"] for at in row["snn"]]


def table(rows, steps):
    head = ["model", "n", "ANN", *(("drop at " if t == steps[0] else "") + f"T={t}" for t in steps), "compile CPU s", "peak MiB"]
    cells = []
    for row in rows:
        if row["status"] != "converted":
            cells.append([row["name"], row["status"]] + [""] * (len(steps) + 3))
            continue
        last = row["snn"][-1]
        cells.append([row["name"], f"{row['n']}", f"{row['ann_top1']:.1f}", *(f"{d:.1f}" for d in drops(row)),
                      f"{last['compile_cpu_s']:.1f}", f"{last['compile_peak_mib']:.0f}"])
    return common.markdown(head, cells)


def summary(rows, steps, what):
    parts = []
    for t, lost in zip(steps, zip(*map(drops, rows))):
        worst = max(range(len(rows)), key=lost.__getitem__)
        within = "/".join(str(sum(d <= limit for d in lost)) for limit in (1, 2, 3))
        alike = [row["snn"][steps.index(t)]["agreement"] for row in rows]
        parts.append(f"T={t} mean drop {sum(lost) / len(lost):.2f}, worst {lost[worst]:.1f} ({rows[worst]['name']}), "
                     f"within 1/2/3 points {within}, mean agreement {sum(alike) / len(alike):.1f}, least {min(alike):.1f}")
    return f"{what}, {len(rows)}: " + "; ".join(parts) if rows else f"{what}: none"


def options(description):
    """A parser of what tables of models have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, metavar="data")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--limit", type=int, default=256, help="images a model (default 256)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many images first (default 0)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the compiler (default 0)")
    parser.add_argument("--data", default="", help="judge on these files of the data folder, and only models whose manifest entry lists one")
    parser.add_argument("--jobs", type=int, default=1, help="models at a time")
    parser.add_argument("--out", type=pathlib.Path, help="write the table here too")
    parser.add_argument("--only", default="", help="models whose name contains this, or one of these")
    parser.add_argument("--json", type=pathlib.Path, help="keep results here and resume from it")
    parser.add_argument("--extra", default="", help="further options for the compiler, such as '--code rate'")
    return parser


def chosen(args, error):
    """The models that were asked for; `error` is called where there is none."""
    models = [m for m in common.manifest(args.models) if any(part in m["name"] for part in args.only.split(",")) and judged_on(m, args)]
    return models or error("no model has such a name and is judged on such data")


def rows_of(work, models, jobs):
    """What `work` makes of every model."""
    def one(model):
        row = work(model)
        print(f"{row['name']}: {row['status']}", row["message"] if row["status"] == "failed" else "", file=sys.stderr, flush=True)
        return row

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, models))


def groups(rows, models):
    """The rows that were measured, by what they are."""
    good = [(row, model) for row, model in zip(rows, models) if row["status"] == "converted"]
    kin = [row for row, m in good if not m["name"].startswith("vgg16_") and not m["preprocess"].get("resize") and "int8" not in m["name"]]
    return [("all", [row for row, _ in good]), ("third-party, float, judged on images of their own kind", kin)]


def main():
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--timesteps", default="8", help="digits, or with --extra '--code rate' time steps (default 8)")
    args = parser.parse_args()
    steps = sorted({int(t) for t in args.timesteps.split(",")})
    settings = dict(limit=args.limit, skip=args.skip, seed=args.seed, data=args.data, timesteps=steps, extra=args.extra,
                    binary=common.digest(args.binary))

    models = chosen(args, parser.error)
    results = common.Results(args.json)

    def work(model):
        row = results.get(model["name"], settings)
        if row:
            return row
        with tempfile.TemporaryDirectory() as folder:
            return results.put(model["name"], dict(evaluate(model, args, steps, folder), settings=settings))

    rows = rows_of(work, models, args.jobs)
    text = "\n".join([
        table(rows, steps), "", ", ".join(f"{sum(r['status'] == s for r in rows)} {s}" for s in ("converted", "rejected", "failed")),
        *(summary(some, steps, what) for what, some in groups(rows, models)), ""])
    print(text, end="")
    if args.out:
        args.out.write_text(text)
    return 1 if any(r["status"] == "failed" for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

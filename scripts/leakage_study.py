#!/usr/bin/env python3
"""Audit networks in several forms: what each attacker gets of the ANN, and of the network in each code, trained, by the paper's recipe, and locked.

Needs: nothing
Usage: leakage_study.py MODELS_DIR DATA_DIR --networks NAME=JUDGE+JUDGE[=MEMBERS=NONMEMBERS],.. [--effort quick] [--binary target/debug/snnc]
                        [--jobs 1] [--json FILE] [--pages DIR] [--arms NAME=OPTIONS;NAME=OPTIONS ..] [--audit OPTIONS]
                        [--also METRIC,..] [--artifacts DIR]

JUDGEs are names of other models of the same classes. Reference images are those that MODELS_DIR/manifest.json names first for the network;
MEMBERS and NONMEMBERS are files of DATA_DIR. Two Markdown tables a network. The first: what the best of all attackers has recognised after so many
evaluations of the network for each reconstruction, whichever judge recognises more; and the floors. The second: for every attacker what the judges
say in the end, one number a judge, then the 95 % interval of the first; the ANN, then each arm; top-1, energy gain and CPU seconds below. The read-out
is locked in the rows `locked`, which say in how many images a judge is sure of some class, or, where there are labels, what it recognises.
What was made of no arm has no row. Metrics named by --also follow in rows of their own. With --json, results are kept, and a later run skips
what is there; with --pages, HTML reports are kept. With --artifacts, what was compiled is kept too, and audited again without another
compilation.
"""
import argparse
import concurrent.futures
import json
import pathlib
import shlex
import shutil
import sys
import tempfile

import common

ARMS = ("radix=;rate=--code rate --timesteps 8 --train none;trained=--code rate --timesteps 8 --train temporal;"
        "paper=--recipe privatesnn --samples 256 --synthesis-steps 500 --train-samples 512 --epochs 5")
EFFORTS = [10, 25, 50, 100, 250, 1000]


def preprocess(model, prefix):
    pre = model["preprocess"]
    return [f"--{prefix}-scale", str(pre["scale"]), f"--{prefix}-mean", common.numbers(pre["mean"]), f"--{prefix}-std",
            common.numbers(pre["std"])]


def compiled(args, model, arm, options, folder):
    """The artifact and the CPU seconds of its compilation, now or in an earlier run with the same compiler and options."""
    if not args.artifacts:
        snn, cpu, _ = common.compile_model(args, model, None, options, folder)
        return snn, cpu
    kept = common.Results(args.artifacts / "compiled.json")
    snn, settings = args.artifacts / f"{model['name']}-{arm}.snn", dict(options=options, binary=common.digest(args.binary))
    row = kept.get(snn.name, settings)
    if not (row and snn.exists()):
        made, cpu, _ = common.compile_model(args, model, None, options, folder)
        shutil.copy(made, snn)
        row = kept.put(snn.name, dict(settings=settings, status="measured", compile_cpu=cpu))
    return str(snn), row["compile_cpu"]


def audited(args, model, snn, judges, options, folder):
    """What an audit found in an artifact of a model, as if its read-out were locked, with CPU seconds and peak MiB."""
    out = f"{folder}/audit.json"
    command = [args.binary, "audit", snn, "--ann", str(args.models / model["file"]), "--audit", args.effort, "--json", out, "--as-locked",
               "--reference", str(args.data_dir / model["eval"][0]["data"]), *options]
    for judge in judges:
        command += ["--judge", str(args.models / judge["file"]), *preprocess(judge, "judge")]
    code, _, err, cpu, peak = common.run(command, folder)
    if code != 0:
        raise common.Failed("audit", code, err)
    return dict(leakage=json.loads(pathlib.Path(out).read_text())["leakage"], cpu=cpu, peak=peak)


def study(args, entry, options):
    model, judges, sets, arm = entry
    with tempfile.TemporaryDirectory() as folder:
        snn, compile_cpu = compiled(args, model, arm, options, folder)
        options = shlex.split(args.audit)
        for option, name in zip(("--members", "--nonmembers"), sets):
            options += [option, str(args.data_dir / name)]
        if args.pages:
            options += ["--html", str(args.pages / f"{model['name']}-{arm}.html")]
        return dict(compile_cpu=compile_cpu, **audited(args, model, snn, judges, options, folder))


def show(metric, value):
    return f"{100 * value:.0f}" if metric["unit"] == "share" else f"{value:.2f}"


def number(metrics, name=None, intervals=True):
    """A metric, or the first, with its interval if asked for; the same of further judges beside it."""
    first = next((m for m in metrics if name in (None, m["name"])), None)
    if not first:
        return "–"
    shown = [show(m, m["value"]) for m in metrics if m is first or m["name"].startswith(f"{first['name']}_by_")]
    interval = intervals and first["interval_95"]
    return " / ".join(shown) + (f" ({show(first, interval[0])}–{show(first, interval[1])})" if interval else "")


def results(leakage):
    """By attack and variant: the metrics of each subject; of several T the last."""
    found = {}
    for attack in leakage["attacks"]:
        for result in attack["results"]:
            if result["metrics"]:
                found.setdefault((attack["name"], result["variant"]), {})[result["subject"]] = result
    return found


def best(leakage, subject, effort):
    points = [b for b in leakage["best"] if b["subject"] == subject and b["effort"] <= effort]
    if not points or max((r["effort"] for a in leakage["attacks"] for s in a["results"] for r in s["curve"]), default=0) < effort:
        return "–"
    return show(points[-1]["recognised"], points[-1]["recognised"]["value"])


def efforts(arms, rows):
    first = next(iter(rows.values()))["leakage"]
    table = []
    for effort in EFFORTS:
        cells = [best(first, "ann", effort), *(best(rows[arm]["leakage"], "snn", effort) if arm in rows else "failed" for arm in arms)]
        if any(cell != "–" for cell in cells):
            table.append([str(effort), *cells])
    return common.markdown(["evaluations", "ANN", *arms], table)


def floors(rows):
    lines = []
    for floor in next(iter(rows.values()))["leakage"]["floors"]:
        named = {}
        for metric in floor["metrics"]:
            named.setdefault(metric["name"].split("_by_")[0], []).append(metric)
        lines += [[floor["name"], name, number(metrics)] for name, metrics in named.items()]
    return common.markdown(["floor", "measure, %", "judges"], lines)


def attackers(arms, rows, also):
    keys, table = [], []
    for row in rows.values():
        keys += [key for key in results(row["leakage"]) if key not in keys]
    for key in keys:
        cells, ann, of = [], None, None
        for arm in arms:
            subjects = results(rows[arm]["leakage"]).get(key, {}) if arm in rows else {}
            of = of or subjects.get("snn") or subjects.get("ann")
            ann = ann or subjects.get("ann")
            cells.append(number(subjects["snn"]["metrics"]) if "snn" in subjects else "–")
        if all(cell == "–" for cell in cells):
            continue
        main = of["metrics"][0]
        unit = f"{main['name']}{', %' if main['unit'] == 'share' else ''}"
        chance = "–" if main["chance"] is None else show(main, main["chance"])
        table.append([f"{key[0]} ({key[1]})", unit, chance, number(ann["metrics"]) if ann else "–", *cells])
        for name in also:
            subjects = [ann, *(results(rows[arm]["leakage"]).get(key, {}).get("snn") if arm in rows else None for arm in arms)]
            cells = [number(subject["metrics"], name, intervals=False) if subject else "–" for subject in subjects]
            if any(cell != "–" for cell in cells):
                table.append([f"{key[0]} ({key[1]})", name, "–", *cells])
    first = next(iter(rows.values()))["leakage"]
    of = lambda f: [f(rows[arm]) if arm in rows else "failed" for arm in arms]
    percent = lambda v: "–" if v is None else f"{100 * v:.1f}"
    table.append(["top-1, %", first["accuracy_of"], "", percent(first["ann_accuracy"]), *of(lambda r: percent(r["leakage"]["tradeoff"][-1]["accuracy"]))])
    table.append(["energy gain", "", "", "", *of(lambda r: f"{r['leakage']['tradeoff'][-1]['energy_gain']:.1f}")])
    table.append(["phase, T", "", "", "", *of(lambda r: f"{r['leakage']['artifact']['phase']}, {r['leakage']['artifact']['timesteps']}")])
    noise = lambda r: max((l["relative_noise"] for l in r["leakage"]["control"]["layers"]), default=0)
    table.append(["largest relative change of a layer", "", "", "", *of(lambda r: f"{noise(r):.3f}")])
    table.append(["CPU s: compilation, audit", "", "", "", *of(lambda r: f"{r['compile_cpu']:.0f}, {r['cpu']:.0f}")])
    return common.markdown(["attack", "measure", "chance or floor", "ANN", *arms], table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data_dir", type=pathlib.Path)
    parser.add_argument("--networks", required=True, help="NAME=JUDGE+JUDGE[=MEMBERS=NONMEMBERS],..: names in the manifest, files of DATA_DIR")
    parser.add_argument("--effort", default="quick", choices=["quick", "full"])
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--pages", type=pathlib.Path)
    parser.add_argument("--arms", default=ARMS)
    parser.add_argument("--audit", default="", help="further options of the audit")
    parser.add_argument("--also", default="", help="metrics that get rows of their own")
    parser.add_argument("--artifacts", type=pathlib.Path, help="folder for what is compiled")
    args = parser.parse_args()
    if args.artifacts:
        args.artifacts.mkdir(parents=True, exist_ok=True)
    also = [name for name in args.also.split(",") if name]
    if args.pages:
        args.pages.mkdir(parents=True, exist_ok=True)
    entries = []
    for text in args.networks.split(","):
        name, judges, *sets = text.split("=")
        model, *judges = common.named(args.models, [name, *judges.split("+")], parser.error)
        entries.append((model, judges, sets))
    arms = dict(arm.split("=", 1) for arm in args.arms.split(";"))
    kept, binary = common.Results(args.json), common.digest(args.binary)

    def work(task):
        entry, arm = task
        name = entry[0]["name"]
        settings = dict(effort=args.effort, options=arms[arm], judges=[judge["name"] for judge in entry[1]], sets=entry[2], audit=args.audit, binary=binary)
        row = kept.get(f"{name}/{arm}", settings)
        if row:
            return row
        try:
            row = dict(settings=settings, status="measured", **study(args, (*entry, arm), arms[arm]))
        except common.Failed as error:
            row = dict(settings=settings, status="failed", message=str(error))
        print(f"{name}/{arm}: {row['status']} {row.get('message', '')}", file=sys.stderr)
        return kept.put(f"{name}/{arm}", row)

    tasks = [(entry, arm) for entry in entries for arm in arms]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        rows = {(e[0]["name"], arm): row for (e, arm), row in zip(tasks, pool.map(work, tasks))}
    for entry in entries:
        name = entry[0]["name"]
        measured = {arm: rows[name, arm] for arm in arms if rows[name, arm]["status"] == "measured"}
        if measured:
            judges = " and ".join(f"`{judge['name']}`" for judge in entry[1])
            print(f"### {name}\n\nJudged by {judges}. The best of all attackers, recognised, %:\n\n{efforts(list(arms), measured)}\n\n{floors(measured)}\n\n"
                  f"{attackers(list(arms), measured, also)}\n")
    return 1 if any(row["status"] == "failed" for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

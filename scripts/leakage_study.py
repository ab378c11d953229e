#!/usr/bin/env python3
"""Audit networks as they are converted, trained and sealed: what each attacker gets, beside the same attack on the ANN and on the control.

Needs: nothing
Usage: leakage_study.py MODELS_DIR DATA_DIR --networks NAME=JUDGE[=MEMBERS=NONMEMBERS],.. [--timesteps 8] [--effort quick] [--binary target/debug/snnc]
                        [--jobs 1] [--json FILE] [--pages DIR] [--arms NAME=OPTIONS;NAME=OPTIONS ..]

JUDGE is the name of another model of the same classes. Reference images are those that MODELS_DIR/manifest.json names first for the network;
MEMBERS and NONMEMBERS are files of DATA_DIR. One Markdown table a network: for every attacker its main number on the ANN, then for
each arm that on the SNN and, behind a stroke, on the control (the ANN with as much noise in its weights), with 95 % intervals; top-1,
energy gain and CPU seconds below. With --json, results are kept, and a later run skips what is there; with --pages, HTML reports are kept.
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys
import tempfile

import common

ARMS = ("calibrated=--code rate --train none;trained=--code rate --train temporal;"
        "sealed=--code rate --train temporal --spikes binary --seal twins")


def preprocess(model, prefix):
    pre = model["preprocess"]
    return [f"--{prefix}-scale", str(pre["scale"]), f"--{prefix}-mean", common.numbers(pre["mean"]), f"--{prefix}-std",
            common.numbers(pre["std"])]


def study(args, entry, arm, options):
    model, judge, sets = entry
    with tempfile.TemporaryDirectory() as folder:
        snn, compile_cpu, _ = common.compile_model(args, model, args.timesteps, options, folder)
        out = f"{folder}/audit.json"
        command = [args.binary, "audit", snn, "--ann", str(args.models / model["file"]), "--audit", args.effort, "--json", out,
                   "--reference", str(args.data_dir / model["eval"][0]["data"]), "--judge", str(args.models / judge["file"]),
                   *preprocess(judge, "judge")]
        for option, name in zip(("--members", "--nonmembers"), sets):
            command += [option, str(args.data_dir / name)]
        if args.pages:
            command += ["--html", str(args.pages / f"{model['name']}-{arm}.html")]
        code, _, err, cpu, peak = common.run(command, folder)
        if code != 0:
            raise common.Failed("audit", code, err)
        leakage = json.loads(pathlib.Path(out).read_text())["leakage"]
    return dict(leakage=leakage, compile_cpu=compile_cpu, cpu=cpu, peak=peak)


def number(metric):
    if metric is None:
        return "–"
    percent = metric["unit"] == "share"
    show = (lambda v: f"{100 * v:.0f}") if percent else (lambda v: f"{v:.2f}")
    interval = metric["interval_95"]
    return show(metric["value"]) + (f" ({show(interval[0])}–{show(interval[1])})" if interval else "")


def mains(leakage):
    """By attack and variant: the main metric of each subject, and T."""
    found = {}
    for attack in leakage["attacks"]:
        for result in attack["results"]:
            if result["metrics"]:
                row = found.setdefault((attack["name"], result["variant"]), {})
                row[result["subject"], result["timesteps"]] = result["metrics"][0]
    return found


def tabulate(name, arms, rows):
    """The table of a network; `rows` has the measured arms."""
    keys, table = [], []
    for row in rows.values():
        for key, subjects in mains(row["leakage"]).items():
            for subject, t in subjects:
                if subject == "snn" and (key, t) not in keys:
                    keys.append((key, t))
    for (attack, variant), t in keys:
        cells = []
        ann = chance = unit = None
        for arm in arms:
            subjects = mains(rows[arm]["leakage"]).get((attack, variant), {}) if arm in rows else {}
            snn, control = subjects.get(("snn", t)), subjects.get(("control", None))
            ann = ann or subjects.get(("ann", None))
            if snn:
                chance, unit = snn["chance"], f"{snn['name']}{', %' if snn['unit'] == 'share' else ''}"
            cells.append(f"{number(snn)} / {number(control)}" if control else number(snn))
        limit = "–" if chance is None else f"{100 * chance:.0f}" if unit.endswith("%") else f"{chance:.2f}"
        at = f", T={t}" if t else ""
        table.append([f"{attack} ({variant}{at})", unit, limit, number(ann), *cells])
    last = {arm: row["leakage"]["tradeoff"][-1] for arm, row in rows.items()}
    first = next(iter(rows.values()))["leakage"]
    of = lambda f: [f(arm) if arm in rows else "failed" for arm in arms]
    percent = lambda v: "–" if v is None else f"{100 * v:.1f}"
    table.append(["top-1, %", first["accuracy_of"], "", percent(first["ann_accuracy"]), *of(lambda a: percent(last[a]["accuracy"]))])
    table.append(["energy gain", "", "", "", *of(lambda a: f"{last[a]['energy_gain']:.1f}")])
    table.append(["phase", "", "", "", *of(lambda a: rows[a]["leakage"]["artifact"]["phase"])])
    noise = lambda a: max((l["relative_noise"] for l in rows[a]["leakage"]["control"]["layers"]), default=0)
    table.append(["largest relative change of a layer", "", "", "", *of(lambda a: f"{noise(a):.3f}")])
    table.append(["CPU s: compilation, audit", "", "", "", *of(lambda a: f"{rows[a]['compile_cpu']:.0f}, {rows[a]['cpu']:.0f}")])
    head = ["attack", "measure", "chance", "ANN", *(f"{arm} / control" for arm in arms)]
    return f"### {name}\n\n{common.markdown(head, table)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data_dir", type=pathlib.Path)
    parser.add_argument("--networks", required=True, help="NAME=JUDGE[=MEMBERS=NONMEMBERS],..: names in the manifest, files of DATA_DIR")
    parser.add_argument("--timesteps", type=int, default=8)
    parser.add_argument("--effort", default="quick", choices=["quick", "full"])
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--pages", type=pathlib.Path)
    parser.add_argument("--arms", default=ARMS)
    args = parser.parse_args()
    if args.pages:
        args.pages.mkdir(parents=True, exist_ok=True)
    entries = []
    for text in args.networks.split(","):
        name, judge, *sets = text.split("=")
        entries.append((*common.named(args.models, [name, judge], parser.error), sets))
    arms = dict(arm.split("=", 1) for arm in args.arms.split(";"))
    results, binary = common.Results(args.json), common.digest(args.binary)

    def work(task):
        entry, arm = task
        name = entry[0]["name"]
        settings = dict(timesteps=args.timesteps, effort=args.effort, options=arms[arm], judge=entry[1]["name"], sets=entry[2], binary=binary)
        row = results.get(f"{name}/{arm}", settings)
        if row:
            return row
        try:
            row = dict(settings=settings, status="measured", **study(args, entry, arm, arms[arm]))
        except common.Failed as error:
            row = dict(settings=settings, status="failed", message=str(error))
        print(f"{name}/{arm}: {row['status']} {row.get('message', '')}", file=sys.stderr)
        return results.put(f"{name}/{arm}", row)

    tasks = [(entry, arm) for entry in entries for arm in arms]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        rows = {(e[0]["name"], arm): row for (e, arm), row in zip(tasks, pool.map(work, tasks))}
    for entry in entries:
        name = entry[0]["name"]
        measured = {arm: rows[name, arm] for arm in arms if rows[name, arm]["status"] == "measured"}
        if measured:
            print(tabulate(name, list(arms), measured))
    return 1 if any(row["status"] == "failed" for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

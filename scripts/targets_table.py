#!/usr/bin/env python3
"""Say which models of a manifest fit which targets, compile those that do, and print a Markdown table.

Needs: nothing
Usage: targets_table.py MODELS_DIR DATA_DIR --column "TARGET[: COMPILER OPTIONS]".. [--binary target/debug/snnc] [--limit 256]
                        [--only A,B] [--seed 0]

A column is a target with options of its own, and may be given several times. A cell is the top-1 in percent, and in brackets how many points
that is below the float network on the same images; or the limits that the network is beyond, as `snnc inspect --target` (before it is compiled) or
the report (after) names them.
"""
import argparse
import json
import pathlib
import re
import shlex
import tempfile

import common


def shapes(args, model, target, folder):
    """The limits that a model's shapes are beyond; none if it may fit."""
    code, _, err, *_ = common.run([args.binary, "inspect", str(args.models / model["file"]), "--target", target], folder)
    if code not in (0, 1):
        raise common.Failed("inspect", code, err)
    return list(dict.fromkeys(re.findall(r"\(limit `([^`]*)`\)", err)))


def cell(args, model, target, options, folder):
    beyond = shapes(args, model, target, folder)
    if beyond:
        return ", ".join(f"`{limit}`" for limit in beyond)
    options = ["--target", target, "--seed", str(args.seed), *shlex.split(options)]
    try:
        snn, *_ = common.compile_model(args, model, None, options, folder)
    except common.Failed as error:
        report = pathlib.Path(folder) / f"{model['name']}.report.json"
        if error.code != 1 or not report.exists():
            raise
        misfits = json.loads(report.read_text())["target"]["misfits"]
        return "compiled: " + ", ".join(f"`{limit}`" for limit in dict.fromkeys(misfit["limit"] for misfit in misfits))
    _, ann, point = common.evaluate(args, model, snn, args.data / model["eval"][0]["data"], folder)
    return f"{point['top1']:.1f} ({ann - point['top1']:.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--column", action="append", required=True)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--only")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    entries = common.manifest(args.models)
    models = common.named(args.models, args.only.split(","), parser.error) if args.only else [m for m in entries if m["expect"] == "convert"]
    columns = [tuple(part.strip() for part in (column.split(":", 1) + [""])[:2]) for column in args.column]
    rows = []
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            row = [cell(args, model, target, options, folder) for target, options in columns]
        rows.append([model["name"], *row])
        print("\t".join(rows[-1]), flush=True)
    print()
    print(common.markdown(["model", *(f"`{target} {options}`".replace(" `", "`") for target, options in columns)], rows))


if __name__ == "__main__":
    main()

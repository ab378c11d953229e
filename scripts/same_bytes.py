#!/usr/bin/env python3
"""Whether two builds of snnc compile to the same bytes: artifacts, reports, audits.

For changes that are to change no result. Every case is compiled by both programs, or by one of them and compared with what an earlier
run kept; a table says which cases differ, and in what. Exit code 1 if any does.

Cases: every fixture (radix code; rate code, also with Poisson coding and with hard reset), and the digits and, with --models, three real
networks in the radix code and in the rate code in all combinations of coding, spikes, reset and training, with
a quick audit of some.

Usage: same_bytes.py keep PROGRAM FOLDER [--models DIR] [--only TEXT] [--jobs N]     compile and keep the results
       same_bytes.py compare PROGRAM FOLDER [--models DIR] [--only TEXT] [--jobs N]  compile and compare with what was kept
"""
import argparse
import concurrent.futures
import filecmp
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ["aka_resnet20_opset11_bn", "mlc_resnet8", "burn_mnist"]
QUICK = ["--samples", "12", "--synthesis-steps", "4", "--audit", "none"]
RATE = ["--code", "rate"]
TRAINED = ["--train", "temporal", "--epochs", "1", "--train-samples", "8", "--batch", "10"]


def cases(models):
    """Name, model and options of everything that is compiled."""
    index = json.loads((ROOT / "fixtures/onnx/index.json").read_text())
    for entry in index["good"]:
        model = ROOT / "fixtures/onnx" / entry["file"]
        own = ["--output", entry["output"]] if entry.get("output") else []
        for name, options in [
            ("radix", []),
            ("rate", RATE),
            ("poisson", [*RATE, "--coding", "poisson"]),
            ("hard", [*RATE, "--spikes", "binary", "--reset", "hard"]),
        ]:
            yield f"{entry['name']}.{name}", model, [*own, *QUICK, "--train", "none", "--timesteps", "6", *options]
    networks = [("digits", ROOT / "fixtures/digits/digits.onnx")]
    networks += [(name, models / f"{name}.onnx") for name in MODELS] if models else []
    spikes = {"signed": [], "binary": ["--spikes", "binary"], "hard": ["--spikes", "binary", "--reset", "hard"]}
    codes = {"radix": [], "radix16": ["--weights", "16"]}
    codes |= {f"{coding}.{kind}": [*RATE, "--coding", coding, *spikes[kind]] for coding in ["direct", "poisson"] for kind in spikes}
    trainings = {"plain": ["--train", "none"], "trained": TRAINED}
    for (name, model), code, training in itertools.product(networks, codes, trainings):
        yield f"{name}.{code}.{training}", model, [*QUICK, "--timesteps", "4", *codes[code], *trainings[training]]
    for name, model in networks:
        yield f"{name}.leaky", model, [*QUICK, *TRAINED, *RATE, "--timesteps", "8", "--leak", "0.9"]
        yield f"{name}.hints", model, [*QUICK, *TRAINED, *RATE, "--timesteps", "8", "--hints", "0.5", "--threshold", "balance"]
        for code in ["radix", "rate"]:
            yield f"{name}.{code}.whole", model, ["--train", "none", "--code", code, "--timesteps", "8", "--audit", "none"]
    for name, model in [n for n in networks if n[0] in ("digits", "burn_mnist")]:
        for code in ["radix", "direct.signed", "poisson.signed"]:
            yield f"{name}.{code}.audit", model, [*QUICK[:-2], *TRAINED, "--timesteps", "4", *codes[code], "--audit", "quick"]


def compile_case(program, case, folder):
    """What a compilation wrote and said, as files in a folder of its own."""
    name, model, options = case
    to = folder / name
    to.mkdir(parents=True, exist_ok=True)
    command = [program, model, "-o", "m.snn", "--save-samples", "samples.npz", *options]
    ran = subprocess.run([str(c) for c in command], cwd=to, capture_output=True, text=True, env={"HOME": "/", "USER": "nobody"})
    # What is told of stages and seconds is not the same twice.
    (to / "exit").write_text(f"{ran.returncode}\n" + (ran.stderr if ran.returncode else ""))
    return to


def differences(kept, made):
    """Names of files that are not the same."""
    names = {p.name for p in kept.iterdir()} | {p.name for p in made.iterdir()}
    return sorted(n for n in names if not ((kept / n).exists() and (made / n).exists() and filecmp.cmp(kept / n, made / n, shallow=False)))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", choices=["keep", "compare"])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    program, folder = options.program.resolve(), options.folder.resolve()
    models = options.models.resolve() if options.models else None
    chosen = [c for c in cases(models) if options.only in c[0]]
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        to = folder if options.what == "keep" else pathlib.Path(scratch)
        made = pool.map(lambda case: compile_case(program, case, to), chosen)
        differing, failed = 0, 0
        for (name, _, _), path in zip(chosen, made):
            failed += not (path / "exit").read_text().startswith("0\n")
            if options.what == "compare":
                found = differences(folder / name, path) if (folder / name).exists() else ["was not kept"]
                differing += bool(found)
                if found:
                    print(f"{name:50} {' '.join(found)}", flush=True)
    print(f"{len(chosen)} cases, {failed} of them refused, {differing} differ" if options.what == "compare" else f"{len(chosen)} cases kept, {failed} of them refused")
    sys.exit(1 if differing else 0)


main()

#!/usr/bin/env python3
"""Make Markdown tables of what `on_card.sh` has found so far.

Needs: nothing
Usage: card_summary.py RESULTS.jsonl
       card_summary.py --training REPORT.json LOG MODEL TIMESTEPS MILLISECONDS
       card_summary.py --attacks REPORT.json ARTIFACT DEVICE MILLISECONDS
The second form prints the JSON line of one training, from the compiler's report and what it said; the third that of attacks on an artifact.
"""
import json
import re
import sys

# A card adds in another order, so currents differ in their last bits; now and then one is on the other side of a threshold, a spike
# comes a step earlier or later, or a count is one more or less, and from there on two trainings are two samples of the same course. How
# far they part without a card being wrong was measured: docs/cuda.md. Single epochs part the farthest, so means over the epochs are
# compared. Before training, the processor judges both, and nothing may differ.
LOSS_TOLERANCE = 0.05
HELD_OUT_TOLERANCE = 0.20
AGREEMENT_TOLERANCE = 8.0


def table(heads, rows):
    rows = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    sides = ["---" if not any(re.match(r"^[\d.]", row[k]) for row in rows) else "---:" for k in range(len(heads))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [heads, sides, *rows])


def number(value, digits=4):
    return None if value is None else f"{value:.{digits}g}" if isinstance(value, float) else value


def training(report, log, model, timesteps, milliseconds):
    report = json.load(open(report))
    found = report["training"]
    line = {"part": "training", "model": model, "code": report["code"], "timesteps": int(timesteps), "seconds": int(milliseconds) / 1000}
    line |= {key: found.get(key) for key in ["kind", "device", "end", "samples", "curve"]}
    seconds = re.search(r"^train\s+([\d.]+) (µs|ms|s|min)\b", open(log).read(), re.M)
    if seconds:
        line["training_s"] = float(seconds[1]) * {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}[seconds[2]]
    print(json.dumps(line))


def attacks(report, artifact, device, milliseconds):
    found = {}
    for attack in json.load(open(report))["leakage"]["attacks"]:
        for row in attack["rows"]:
            recognised = next((metric["value"] for metric in row["metrics"] if metric["name"] == "recognition"), None)
            if row["subject"] == "snn" and recognised is not None:
                found[f"{attack['name']} ({row['variant']}, T={row['timesteps']})"] = round(100 * recognised, 1)
    print(json.dumps({"part": "attacks", "artifact": artifact, "device": device, "seconds": int(milliseconds) / 1000, "recognised": found}))


def read(path):
    lines = []
    for text in open(path, errors="replace"):
        try:
            lines.append(json.loads(text))
        except ValueError:
            pass  # cut off
    return [line for line in lines if isinstance(line, dict)]


def of(lines, part):
    return [line for line in lines if line.get("part") == part]


def card(lines):
    for line in of(lines, "driver")[-1:]:
        yield f"`nvidia-smi`: {line['says']}"
    for line in of(lines, "facts")[-1:]:
        yield (f"{line['name']}, compute capability {line['compute_capability']}, {line['multiprocessors']} multiprocessors, "
               f"{line['free_mib']} of {line['total_mib']} MiB free; the processor has {line['threads']} threads")
    for line in of(lines, "libraries")[-1:]:
        if line["missing"].strip():
            yield f"**Missing libraries: {line['missing']}**"


def tests(lines):
    rows = [[line["name"], line["outcome"]] for line in of(lines, "test")]
    if rows:
        yield table(["test", "outcome"], rows)


def steps(lines):
    rows = []
    for line in of(lines, "step"):
        rows.append([
            line["network"], line["batch"], line["timesteps"], line["backend"], line["products"], "yes" if line["keep_memory"] else "no",
            number(line["seconds"]), round(line["samples_per_second"]), number(line.get("forward_s")), number(line.get("adamw_s")),
            number(line["first_s"]), line.get("highest_used_mib"), line.get("highest_held_mib"), line["parts"],
        ])
    if rows:
        yield table(["network", "batch", "T", "by", "products", "keeps memory", "s a step", "images a s", "s to logits", "s AdamW", "s first step",
                     "MiB used", "MiB held", "parts"], rows)


def kinds(lines):
    for line in of(lines, "kinds"):
        what = f"{line['network']}, batch {line['batch']}, T={line['timesteps']}, products in {line['products']}"
        yield (f"{what}: {number(line['step_s'])} s a step ({number(line['watched_step_s'])} s while watched), of which "
               f"{number(line['recorded_ms'])} ms on the card in {line['launches']} launches, {number(line['adamw_s'])} s AdamW on the processor:")
        total = max(line["recorded_ms"], 1e-9)
        longest = {key: sorted(line[key].items(), key=lambda entry: -entry[1]["ms"]) for key in ["kinds", "kernels"]}
        rows = [[name, number(of["ms"]), f"{100 * of['ms'] / total:.1f}", of["launches"]] for name, of in longest["kinds"]]
        yield table(["kind", "ms", "%", "launches"], rows)
        rows = [[f"`{name}`", number(of["ms"]), of["launches"]] for name, of in longest["kernels"]]
        yield table(["kernel", "ms", "launches"], rows)
    for line in of(lines, "processor"):
        yield (f"On the processor ({line['threads']} threads), {line['network']}, batch {line['batch']}: the float network that teaches "
               f"{number(line['teacher_s'])} s, AdamW on {line['parameters']} values {number(line['adamw_s'])} s.")


def precision(lines):
    found = of(lines, "precision")
    rows = [[line["network"], line["batch"], line["products"], line["against"], line["images_alike"],
             number(line["logits_relative_difference"], 2), number(line["relative_difference"], 2),
             number(line["worst_parameter"], 2), number(line["cosine"], 6), line["parameters_without_gradient"]]
            for line in found if line["what"] == "gradients"]
    if rows:
        yield table(["network", "batch", "products", "against", "images alike", "logits apart", "gradients apart", "worst parameter", "cosine", "without gradient"], rows)
    curves = [line for line in found if line["what"] == "curve"]
    if curves:
        rows = [[line["products"], line["steps"], *[number(loss) for loss in line["losses"]], number(line["last"]),
                 number(line["largest_relative_difference"], 2), number(line["seconds"])] for line in curves]
        most = max(len(line["losses"]) for line in curves)
        rows = [[*row[:2 + most], *row[-3:]] for row in rows]
        yield table(["products", "steps", *[f"step {5 * k}" for k in range(most)], "last", "largest difference", "s"], rows)


def apart(a, b):
    return abs(a - b) / max(abs(b), 1e-9)


def mean(curve, key):
    return sum(point[key] for point in curve) / len(curve)


def trainings(lines):
    found = {}
    for line in of(lines, "training"):
        if line.get("curve"):
            found.setdefault((line["model"], line["code"], line["timesteps"]), {})[line["device"]] = line
    for (model, code, timesteps), devices in found.items():
        here, there = devices.get("cuda"), devices.get("cpu")
        times = "; ".join(f"{name}: {number(line['seconds'])} s in all, {number(line.get('training_s'))} s of it training"
                          for name, line in devices.items())
        length = f"T={timesteps}" if code == "rate" else f"{code} code, {timesteps} digits"
        yield f"`{model}`, {length}. {times}."
        rows, verdict = [], None
        for epoch in range(max(len(line["curve"]) for line in devices.values())):
            cells = [epoch]
            for line in [here, there]:
                point = line["curve"][epoch] if line and epoch < len(line["curve"]) else {}
                cells += [number(point.get("loss")), number(point.get("held_out_loss")), number(point.get("agreement_percent"), 4)]
            rows.append(cells)
        if here and there:
            pairs = list(zip(here["curve"], there["curve"]))
            start = pairs[0][0] == pairs[0][1]
            verdict = f"Before training the two are {'the same' if start else '**different**'}. "
            if pairs[1:]:
                here, there = zip(*pairs[1:])
                loss, held_out = (apart(mean(here, key), mean(there, key)) for key in ["loss", "held_out_loss"])
                points = abs(mean(here, "agreement_percent") - mean(there, "agreement_percent"))
                is_equal = start and loss <= LOSS_TOLERANCE and held_out <= HELD_OUT_TOLERANCE and points <= AGREEMENT_TOLERANCE
                verdict += (f"Over {len(pairs) - 1} epochs the curves are {'equal' if is_equal else '**not equal**'} on average, within "
                            f"{LOSS_TOLERANCE:.0%} of the loss, {HELD_OUT_TOLERANCE:.0%} of that of held-out samples and {AGREEMENT_TOLERANCE:.0f} "
                            f"points of agreement: apart by {loss:.2%}, {held_out:.2%} and {points:.1f} points.")
            else:
                verdict += "No epoch was finished by both."
        yield table(["epoch", "loss, card", "held out, card", "agreement %, card", "loss, cpu", "held out, cpu", "agreement %, cpu"], rows)
        if verdict:
            yield verdict


def attacked(lines):
    by_artifact = {}
    for line in of(lines, "attacks"):
        by_artifact.setdefault(line["artifact"], {})[line["device"]] = line
    for artifact, devices in by_artifact.items():
        names = sorted({name for line in devices.values() for name in line["recognised"]})
        rows = [[name, *[devices.get(device, {}).get("recognised", {}).get(name) for device in ["cuda", "cpu"]]] for name in names]
        rows.append(["seconds in all", *[number(devices.get(device, {}).get("seconds")) for device in ["cuda", "cpu"]]])
        yield table([f"recognised of `{artifact}`, %", "card", "processor"], rows)


def judged(lines):
    rows = [[line["name"], line["n"], line["snn"][-1]["top1"], number(line["snn"][-1]["spikes_per_neuron"], 3)] for line in of(lines, "eval")]
    if rows:
        yield table(["artifact", "images", "top-1 %", "spikes per neuron"], rows)


def ran(lines):
    rows = [[line["name"], line["outcome"].replace("|", "/").replace("\n", " "), line.get("seconds")] for line in of(lines, "status")]
    if rows:
        yield table(["part", "outcome", "s"], rows)
    for line in of(lines, "end"):
        yield f"{line['why']}, after {line['seconds']} s."


def summary(lines):
    for line in of(lines, "begin")[-1:]:
        yield f"Commit {line['commit']}, {line['date']}, size {line['size']}."
    sections = [("The card", card), ("Against the processor", tests), ("A step", steps), ("Where the time goes", kinds),
                ("Products in fewer bits", precision), ("Trainings", trainings), ("What they are good for", judged), ("Attacks", attacked),
                ("What ran", ran)]
    for title, section in sections:
        try:
            paragraphs = list(section(lines))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            paragraphs = [f"(this part of the results could not be read: {error!r})"]
        if paragraphs:
            yield f"### {title}"
            yield from paragraphs


def main():
    if len(sys.argv) == 7 and sys.argv[1] == "--training":
        training(*sys.argv[2:])
    elif len(sys.argv) == 6 and sys.argv[1] == "--attacks":
        attacks(*sys.argv[2:])
    elif len(sys.argv) == 2:
        print("\n\n".join(summary(read(sys.argv[1]))))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compare what networks lose by the samples that they were calibrated on: Markdown tables and one SVG chart a network.

Needs: nothing
Usage: calibration_study.py MODELS_DIR DATA_DIR [--binary target/debug/snnc] [--limit 256] [--timesteps 3,4,6,8,10]
                            [--networks A,B,..] [--paper-steps 2499] [--paper-samples 48] [--jobs 1] [--json FILE]
                            [--out docs/calibration] [--doc docs/calibration.md]

Every network is compiled for each number of time steps, evaluated there on the first images of the file that
MODELS_DIR/manifest.json names first, and compared with its float network on the same images. The samples are
  real   training images: DATA_DIR/cifar10_train_jpeg_1000.npz, or, where there is no training file, the last 500 images
         of the network's own test file, none of which it is judged on
  ours   made from the network itself, the default settings
  prior  the default's starting points, without inversion
  paper  made as in PrivateSNN (AAAI 2022), thresholds at the maximum; made once a network and used for every T
  noise  uniform noise, a control
in the radix code; `rate` is the rate code, with signed spikes, at the same number of time steps. Nothing is trained. Prints the tables, writes DIR/NETWORK.svg, and with --doc puts tables and
charts between the two marks of a Markdown file beside DIR. With --json, results are kept in FILE and the paper's samples beside it, and a later run with
the same settings skips what is there. Exits 1 where something failed: its cell says so.
"""
import argparse
import concurrent.futures
import html
import math
import pathlib
import sys
import tempfile

import common

NETWORKS = "aka_resnet20_opset11_bn,mlc_resnet8,vnn22_biasfield_cifar_base,burn_mnist"
METHODS = ["real", "ours", "prior", "paper", "noise", "ours, rate", "real, rate"]
MARKS = ("<!-- measured: from here on written by scripts/calibration_study.py -->", "<!-- measured: up to here -->")
TRAINING = "cifar10_train_jpeg_1000.npz"
SET_APART = 500

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, LINE = 800, 440, 64, 190, 64, 60, 17
TICKS = [-100, -50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100]
# Okabe and Ito's colours, on a light and on a dark ground; the rate code is dashed.
COLOURS = {"real": ("#000000", "#ffffff"), "ours": ("#0072b2", "#56b4e9"), "prior": ("#009e73", "#1fc796"),
           "paper": ("#d55e00", "#f08a43"), "noise": ("#b0568a", "#e29cc4")}
THEME = {"ground": ("#ffffff", "#14171c"), "ink": ("#24292f", "#d7dce2"), "grid": ("#e1e4e8", "#30363d")}


def style(shade):
    rules = [f".ground{{fill:{THEME['ground'][shade]}}}", f"text{{fill:{THEME['ink'][shade]}}}",
             f".grid{{stroke:{THEME['grid'][shade]}}}", f".zero{{stroke:{THEME['ink'][shade]}}}"]
    return "".join(rules + [f".{name}{{stroke:{c[shade]}}}.{name}-dot{{fill:{c[shade]}}}" for name, c in COLOURS.items()])


def minus(number):
    return str(number).replace("-", "\u2212").replace("\u22120.0", "0.0")


def spread(wanted, low, high):
    """Moves labels apart, as little as they need, between low and high."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], -i))
    placed, limit = dict.fromkeys(order), high
    least = low
    for i in order:
        placed[i] = least = max(wanted[i], least)
        least += LINE
    for i in reversed(order):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - LINE
    return [placed[i] for i in range(len(wanted))]


def chart(name, steps, lines):
    """An SVG of the drop over T; `lines` are pairs of a label and a drop (or None) for every T."""
    values = [d for _, drops in lines for d in drops if d is not None]
    low = max((t for t in TICKS if t <= min(values)), default=TICKS[0])
    low, high = min(low, 0), min((t for t in TICKS if t >= max(*values, 5)), default=TICKS[-1])
    scale = lambda d: math.asinh(d / 2)
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    span = math.log2(steps[-1] / steps[0]) or 1
    x = lambda t: LEFT + across * math.log2(t / steps[0]) / span
    y = lambda d: TOP + down * (scale(high) - scale(d)) / (scale(high) - scale(low))
    ends = "; ".join(f"{label} {drops[-1]:.1f}" for label, drops in lines if drops[-1] is not None)
    title = f"{html.escape(name)}: accuracy lost, by calibration samples"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
           'aria-labelledby="title desc">',
           f'<title id="title">{title}</title>',
           f'<desc id="desc">Lines of the drop in top-1 accuracy below the float network, in points, over the number of time '
           f'steps, one line for each kind of calibration samples. At T={steps[-1]}: {ends}.</desc>',
           "<style>text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}.head{font-size:16px;font-weight:600}"
           f".line{{fill:none;stroke-width:2;stroke-linejoin:round}}.strong{{stroke-width:3.5}}.lead{{stroke-width:1.5}}.dash{{stroke-dasharray:6 4}}"
           f"{style(0)}@media (prefers-color-scheme:dark){{{style(1)}}}</style>",
           f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>', f'<text class="head" x="{LEFT}" y="26">{title}</text>',
           f'<text x="{LEFT}" y="46">drop in top-1 below the float network, in points; close to linear up to 2, logarithmic above</text>']
    for tick in (t for t in TICKS if low <= t <= high):
        out.append(f'<path class="{"zero" if tick == 0 else "grid"}" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>'
                   f'<text x="{LEFT - 10}" y="{y(tick) + 4.5:.1f}" text-anchor="end">{minus(tick)}</text>')
    for t in steps:
        out.append(f'<text x="{x(t):.1f}" y="{HEIGHT - BOTTOM + 22}" text-anchor="middle">{t}</text>')
    out.append(f'<text x="{LEFT + across / 2:.1f}" y="{HEIGHT - 14}" text-anchor="middle">time steps T</text>')

    labelled = []
    for label, drops in reversed(lines):  # the first lie on top
        kind, _, rate = label.partition(", ")
        points = [(x(t), y(d)) for t, d in zip(steps, drops) if d is not None]
        if not points:
            continue
        look = kind + (" dash" if rate else "") + (" strong" if label == "ours" else "")
        out.append(f'<path class="line {look}" d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in points)}"/>')
        if not rate:
            out.extend(f'<circle class="{kind}-dot" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in points)
        last = next(d for d in reversed(drops) if d is not None)
        labelled.append((label, kind + (" dash" if rate else ""), last, points[-1]))
    places = spread([b for *_, (_, b) in labelled], TOP, HEIGHT - BOTTOM)
    for (label, look, last, (a, b)), place in zip(labelled, places):
        out.append(f'<path class="line {look} lead" d="M{a + 6:.1f} {b:.1f}L{WIDTH - RIGHT + 22} {place:.1f}h20"/>'
                   f'<text x="{WIDTH - RIGHT + 48}" y="{place + 4.5:.1f}">{label} {minus(f"{last:.1f}")}</text>')
    return "\n".join(out) + "\n</svg>\n"


class Study:
    """Measures one network by one method at one T, or finds it among the results."""

    def __init__(self, args, folder):
        self.args, self.folder, self.results = args, pathlib.Path(folder), common.Results(args.json)
        self.common = dict(limit=args.limit, binary=common.digest(args.binary))
        self.paper = dict(self.common, paper_steps=args.paper_steps, paper_samples=args.paper_samples)
        self.kept = args.json.parent if args.json else self.folder

    def key(self, model, label, t):
        return f"{model['name']}/{label}/{t}", self.paper if label == "paper" else self.common

    def done(self, model, label, t):
        return self.results.get(*self.key(model, label, t))

    def real(self, model, folder):
        """The training images of a network, or test images that it is not judged on."""
        data = model["eval"][0]["data"]
        if data.startswith("cifar10_"):
            return self.args.data / TRAINING
        target = pathlib.Path(folder) / f"apart-{data}"
        count = common.cut(self.args.data / data, target, -SET_APART)
        if count < SET_APART + self.args.limit:
            raise ValueError(f"{data}: {count} images, too few to set {SET_APART} apart and judge on {self.args.limit}")
        return target

    def samples(self, model):
        """The file of the paper's samples, made at the first call, and the CPU seconds that they took."""
        args, name = self.args, f"{model['name']}/paper samples"
        file = self.kept / f"{model['name']}-paper-{args.paper_steps}-{args.paper_samples}.npz"
        known = self.results.get(name, self.paper)
        needed = not all(self.done(model, "paper", t) for t in args.steps)
        if known and (file.exists() or not needed):
            return file, known["cpu_s"]
        options = ["--synthesis", "paper", "--synthesis-steps", str(args.paper_steps), "--samples", str(args.paper_samples),
                   "--threshold", "max", "--save-samples", str(file)]
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            _, cpu, _ = common.compile_model(args, model, 8, options, folder)
        self.results.put(name, dict(status="made", cpu_s=round(cpu, 2), settings=self.paper))
        print(f"{name}: {cpu:.0f} CPU s", file=sys.stderr)
        return file, round(cpu, 2)

    def measure(self, model, label, t, samples):
        row = self.done(model, label, t)
        if row:
            return row
        (name, settings), (kind, _, code) = self.key(model, label, t), label.partition(", ")
        row = dict(settings=settings)
        try:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                options = {
                    "real": lambda: ["--calibration", str(self.real(model, folder)), "--samples", "96"],
                    "ours": lambda: [],
                    "prior": lambda: ["--synthesis", "prior"],
                    "paper": lambda: ["--calibration", str(samples.result()[0]), "--threshold", "max"],
                    "noise": lambda: ["--synthesis", "noise"],
                }[kind]() + ["--code", code or "radix", "--train", "none"]
                data = self.args.data / model["eval"][0]["data"]
                n, ann, point = common.measure(self.args, model, t, options, data, folder)
            row.update(status="measured", n=n, ann_top1=ann, drop=ann - point["top1"], **point)
        except (common.Failed, ValueError) as error:
            row.update(status="failed", message=str(error))
        print(f"{name}: {row['status']}", row.get("message", f"{row.get('drop', 0):.1f}"), file=sys.stderr)
        return self.results.put(name, row)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--limit", type=int, default=256, help="images a network (default 256)")
    parser.add_argument("--timesteps", default="3,4,6,8,10")
    parser.add_argument("--networks", default=NETWORKS, help="names in the manifest")
    parser.add_argument("--paper-steps", type=int, default=2499, help="gradient steps of the paper's synthesis (default 2499)")
    parser.add_argument("--paper-samples", type=int, default=48, help="samples of the paper's synthesis (default 48)")
    parser.add_argument("--jobs", type=int, default=1, help="compilations at a time")
    parser.add_argument("--json", type=pathlib.Path, help="keep results here and resume from it")
    parser.add_argument("--out", type=pathlib.Path, help="write the charts into this folder")
    parser.add_argument("--doc", type=pathlib.Path, help="put tables and charts between the marks of this file")
    args = parser.parse_args()
    args.steps = sorted({int(t) for t in args.timesteps.split(",")})
    models = common.named(args.models, args.networks.split(","), parser.error)

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        study = Study(args, folder)
        # In this order no thread waits for samples that nobody makes.
        samples = {m["name"]: pool.submit(study.samples, m) for m in models}
        rows = {(m["name"], label, t): pool.submit(study.measure, m, label, t, samples[m["name"]])
                for m in models for label in METHODS for t in args.steps}
        rows = {key: future.result() for key, future in rows.items()}
    cost = {name: future.result()[1] if not future.exception() else 0 for name, future in samples.items()}

    last, text = args.steps[-1], []
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    for model in models:
        name, cells, lines = model["name"], [], []
        for label in METHODS:
            at = [rows[name, label, t] for t in args.steps]
            drops = [r.get("drop") for r in at]
            cpu = at[-1].get("compile_cpu_s")
            cpu = "" if cpu is None else f"{cpu + (cost[name] if label == 'paper' else 0):.1f}"
            cells.append([label, *("failed" if d is None else f"{d:.1f}" for d in drops), cpu])
            lines.append((label, drops))
        good = next((r for (n, *_), r in rows.items() if n == name and r["status"] == "measured"), None)
        judged = f"{good['n']} images of {model['eval'][0]['data']}, float network {good['ann_top1']:.1f} %" if good else "failed"
        text += [f"### {name}", "", f"{judged}; drop in points:", "",
                 common.markdown(["samples", *(f"T={t}" for t in args.steps), f"compile CPU s, T={last}"], cells), ""]
        if args.out and good:
            (args.out / f"{name}.svg").write_text(chart(name, args.steps, lines))
            text += [f"![{name}: drop over T]({args.out.name}/{name}.svg)", ""]
    text = "\n".join(text + ["CPU seconds of `paper` include making its samples, once for all T.", ""])
    print(text, end="")
    if args.doc:
        before, rest = args.doc.read_text().split(MARKS[0])
        args.doc.write_text(before + MARKS[0] + "\n\n" + text + "\n" + MARKS[1] + rest.split(MARKS[1])[1])
    return 1 if any(r["status"] == "failed" for r in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""How fast artifacts run, beside ONNX Runtime and another simulator of spikes: the tables and plots of docs/performance.md.

Needs: numpy onnx onnxruntime, cargo; a Python with torch and sinabs for the other simulator
Usage: performance.py MODELS_DIR BENCH_DIR [--peers-python PYTHON] [--binary target/debug/snnc] [--artifacts DIR] [--plots docs/performance]
                      [--rounds 5] [--seconds 0.5] [--only networks,memory,peers,curves,threads,eval,build]

Our numbers are those of `runtime/examples/speed.rs` as a release build: random images, seconds of the processor, one thread, the fastest of
all rounds. What is compared runs in turns within a round, so that what else the machine does meets all of it. `--binary` compiles what
`--artifacts` does not hold (NAME.radix.snn, and vggfull.rate.snn of the network that BENCH_DIR/peer_simulation.py exports) and evaluates. ONNX Runtime's
int8 network is made by its static quantiser as int8_rival.py does, from random images: the ranges do not change its speed.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

import common
import int8_rival

ROOT = pathlib.Path(__file__).resolve().parent.parent
NETWORKS = ["vgg16_cifar10", "aka_resnet20_opset13_fold", "mlc_resnet8", "st_mobilenet_v1_025_224"]
INSTRUCTIONS = ["avx2", "avx-vnni", "avx512-vnni", "amx", "neon", "dotprod"]
SECTIONS = ["networks", "memory", "peers", "curves", "threads", "eval", "build"]
BATCHES = [16, 1]


def speed(args, network, isa=None, **settings):
    """What the example says of a network; nothing if the processor lacks the instructions."""
    environment = dict(os.environ, SNNC_ISA=isa) if isa else os.environ
    words = [f"{name}={value}" for name, value in dict(dict(seconds=args.seconds), **settings).items()]
    ran = subprocess.run([args.speed, str(network), *words], env=environment, capture_output=True, text=True)
    if ran.returncode != 0:
        if isa and "Isa(" in ran.stderr:
            return None
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout)


def best(rows, key="images_per_cpu_s"):
    return max(row[key] for row in rows)


class Rival:
    """A network in ONNX Runtime on one thread, with random images."""

    def __init__(self, path, batch):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        entry = self.session.get_inputs()[0]
        fixed = entry.shape[0] if isinstance(entry.shape[0], int) and entry.shape[0] > 0 else batch
        shape = [fixed, *(d if isinstance(d, int) and d > 0 else 1 for d in entry.shape[1:])]
        x = np.random.default_rng(0).random(shape).astype(np.float16 if "float16" in entry.type else np.float32)
        self.feed, self.images = {entry.name: x}, fixed

    def images_per_cpu_s(self, seconds):
        least, begin, runs = math.inf, time.perf_counter(), 0
        calls = max(1, 16 // self.images)
        while runs < 3 or time.perf_counter() - begin < seconds:
            start = time.process_time()
            for _ in range(calls):
                self.session.run(None, self.feed)
            least = min(least, (time.process_time() - start) / calls)
            runs += 1
        return self.images / least


def int8(args, model, folder):
    """The int8 network of ONNX Runtime's quantiser, or why there is none."""
    pre, path = model["preprocess"], args.models / model["file"]
    shape = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0].shape[1:]
    samples = f"{folder}/samples.npz"
    np.savez(samples, x=np.random.default_rng(0).random((8, *shape)).astype(np.float32))
    given = {name: pre[name] if isinstance(pre[name], list) else [pre[name]] for name in ("scale", "mean", "std")}
    return int8_rival.quantised(argparse.Namespace(model=path, samples=samples, **given), pathlib.Path(folder))


def artifact(args, model, folder):
    ready = args.artifacts / f"{model['name']}.radix.snn" if args.artifacts else None
    if ready and ready.exists():
        return ready
    return common.compile_model(args, model, 8, ["--quiet"], folder)[0]


def prepared(args):
    """Each of the networks: its entry of the manifest, its artifact, and a folder for as long as it is looked at."""
    for model in common.named(args.models, NETWORKS, sys.exit):
        with tempfile.TemporaryDirectory() as folder:
            yield model, artifact(args, model, folder), folder


def networks(args):
    """Ours by instructions against ONNX Runtime."""
    print("## Radix code, T = 8, beside ONNX Runtime\n")
    rows, profiles = [], []
    for model, snn, folder in prepared(args):
        paths = {"float32": args.models / model["file"], "int8": int8(args, model, folder)}
        for batch in BATCHES:
            rivals = {name: Rival(path, batch) for name, path in paths.items()}
            ours, theirs = {}, {name: [] for name in rivals}
            for _ in range(args.rounds):
                for isa in args.isas:
                    ours.setdefault(isa, []).append(speed(args, snn, isa, batch=batch))
                for name, rival in rivals.items():
                    theirs[name].append(rival.images_per_cpu_s(args.seconds))
            top, (float32, eight) = {isa: best(found) for isa, found in ours.items()}, (max(theirs[n]) for n in ("float32", "int8"))
            widest = top[args.isas[-1]]
            rows.append([model["name"], str(batch), *(f"{v:.0f}" for v in top.values()), f"{float32:.0f}", f"{eight:.0f}", f"{widest / float32:.2f}",
                         f"{widest / eight:.2f}"])
        profiles.append((model["name"], speed(args, snn, args.isas[-1], batch=16, profile=1)["profile"]))
    heads = ["network", "batch", *args.isas, "float32", "int8", f"{args.isas[-1]} / float32", f"{args.isas[-1]} / int8"]
    print(common.markdown(heads, rows), "\n")
    print(f"## Where the time goes ({args.isas[-1]}, batch 16)\n")
    for name, steps in profiles:
        total = sum(step["us"] for step in steps)
        most = sorted(steps, key=lambda step: -step["us"])[:6]
        print(f"`{name}`: {total:.1f} µs an image\n")
        share = lambda step: f"{100 * step['share_of_peak']:.0f} %" if step["share_of_peak"] and step["products"] else ""
        print(common.markdown(["step", "kernel", "products", "µs an image", "of the time", "of the peak"],
                              [[" + ".join(" ".join(pair) for pair in zip(step["nodes"], step["operators"])), step["kernel"], f"{step['products'] / 1e6:.2f} M" if step["products"] else "", f"{step['us']:.1f}",
                                f"{100 * step['us'] / total:.0f} %", share(step)] for step in most]), "\n")
        by = {}
        for step in steps:
            kind = f"{step['kernel']} of {step['bits']} bits" if step["products"] else step["kernel"]
            by[kind] = by.get(kind, 0) + step["us"]
        print("In all: " + ", ".join(f"{kind} {100 * us / total:.0f} %" for kind, us in sorted(by.items(), key=lambda pair: -pair[1])) + ".\n")


def memory(args):
    """What is said of memory, and what the process takes."""
    print("## Memory\n")
    rows = []
    for model, snn, _ in prepared(args):
        found = speed(args, snn, batch=16)
        rows.append([model["name"], f"{os.path.getsize(snn) / 1e6:.2f}", f"{found['parameter_bytes'] / 1e6:.2f}", f"{found['arena_bytes'] / 1e6:.2f}",
                     f"{found['peak_kib'] * 1024 / 1e6:.2f}", f"{1e3 * found['load_s']:.1f}"])
    print(common.markdown(["network, batch 16", "file, MB", "parameters, MB", "arena, MB", "peak of the process, MB", "load, ms"], rows), "\n")


def peers(args):
    """The full-width VGG16 in the rate code against another simulator."""
    print("## Rate code, T = 32: full-width VGG16\n")
    with tempfile.TemporaryDirectory() as folder:
        snn = args.artifacts / "vggfull.rate.snn" if args.artifacts else None
        script = args.bench / "peer_simulation.py"
        if not (snn and snn.exists()):
            if not args.peers_python:
                print("Left out: the network is exported by `--peers-python`.\n")
                return
            subprocess.run([args.peers_python, script, "export", folder], check=True, capture_output=True)
            snn = f"{folder}/vgg16.snn"
            subprocess.run([args.binary, f"{folder}/vgg16.onnx", "-o", snn, "--quiet", *common.REFERENCE, "--weights", "8"], check=True)
        ours, theirs = {}, []
        for _ in range(3 if args.peers_python else 1):
            for isa in args.isas:
                # Each in the batch that suits it: ours chooses what fits in a cache, the other takes the eight images of its script.
                ours.setdefault(isa, []).append(speed(args, snn, isa, images=4))
            if args.peers_python:
                ran = subprocess.run([args.peers_python, script, "sinabs", "1"], check=True, capture_output=True, text=True)
                theirs.append(json.loads(ran.stdout.splitlines()[-1]))
        other = best(theirs) if theirs else None
        rows = [[isa, f"{best(found):.1f}", f"{best(found) / other:.1f}" if other else "-"] for isa, found in ours.items()]
        if other:
            rows.append(["sinabs (torch)", f"{other:.2f}", "1"])
        print(common.markdown(["one thread", "images / CPU s", "times sinabs"], rows), "\n")
        print(f"{ours[args.isas[-1]][0]['spikes_per_neuron'] / 32:.3f} spikes a neuron and time step.\n")


# ---- curves ----

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 680, 360, 70, 130, 70, 56
COLOURS = [("#1b6ca8", "#c2410c", "#15803d", "#7e22ce"), ("#7cc4f4", "#fb923c", "#4ade80", "#c4a1ff")]


def chart(title, below, across, ticks, lines):
    """An SVG of milliseconds an image over something, both logarithmic; `lines` are pairs of a label and points."""
    points = [point for _, line in lines for point in line]
    low, high = (f(y for _, y in points) for f in (min, max))
    low, high = low / 1.3, high * 1.3
    span = lambda values: (math.log(values[0]), math.log(values[-1]))
    (left, right), (bottom, top) = span(ticks), span([low, high])
    x = lambda v: LEFT + (WIDTH - LEFT - RIGHT) * (math.log(v) - left) / (right - left)
    y = lambda v: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log(v) - bottom) / (top - bottom)
    said = "; ".join(f"{label}: {', '.join(f'{b:.2f} at {a:g}' for a, b in line)}" for label, line in lines)
    style = lambda dark: "".join(f".c{i}{{stroke:{c}}}.d{i}{{fill:{c}}}" for i, c in enumerate(COLOURS[dark])) + (
        ".ground{fill:#111}text{fill:#eee}.grid{stroke:#333}" if dark else ".ground{fill:#fff}text{fill:#222}.grid{stroke:#ddd}")
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title desc">',
           f'<title id="title">{title}</title>', f'<desc id="desc">Milliseconds of the processor an image over {across}. {said}.</desc>',
           "<style>text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}.head{font-size:16px;font-weight:600}"
           f".line{{fill:none;stroke-width:2}}{style(0)}@media (prefers-color-scheme:dark){{{style(1)}}}</style>",
           f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>', f'<text class="head" x="{LEFT}" y="26">{title}</text>', f'<text x="{LEFT}" y="46">{below}</text>']
    for tick in (v * 10.0**e for e in range(-3, 5) for v in (1, 2, 5)):
        if low <= tick <= high:
            out.append(f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/><text x="{LEFT - 8}" y="{y(tick) + 4.5:.1f}" text-anchor="end">{tick:g}</text>')
    out.extend(f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{tick:g}</text>' for tick in ticks)
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{across}</text>')
    place = -math.inf
    for index, (label, line) in sorted(enumerate(lines), key=lambda pair: y(pair[1][1][-1][1])):
        place = max(y(line[-1][1]), place + 17)
        out.append(f'<path class="line c{index}" d="M{"L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in line)}"/>')
        out.extend(f'<circle class="d{index}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.5"/>' for a, b in line)
        out.append(f'<text class="d{index}" x="{x(line[-1][0]) + 12:.1f}" y="{place + 4.5:.1f}">{label}</text>')
    return "\n".join(out) + "\n</svg>\n"


def curves(args):
    """Cost over T, over the firing rate, and over the batch, of a VGG16 with random weights."""
    widest, narrow = args.isas[-1], args.isas[0]
    ms = lambda network, isa, **more: 1e3 / best([speed(args, network, isa, **dict(dict(batch=8), **more)) for _ in range(2)])
    steps = [1, 2, 4, 8, 16, 32]
    digits = [2, 3, 4, 6, 8, 10, 12]
    radix = [(t, ms("vgg16-radix", widest, digits=t)) for t in digits]
    rate = [(t, ms("vgg16-rate", widest, steps=t)) for t in steps]
    args.plots.mkdir(parents=True, exist_ok=True)
    (args.plots / "time.svg").write_text(chart("Cost over T", f"ms of the processor an image; VGG16 with random weights, {widest}, batch 8",
                                               "digits or time steps T", steps, [("radix", radix), ("rate", rate)]))
    print("## Cost over T\n")
    show = lambda line, form: ", ".join(f"{form(a)}: {b:.2f}" for a, b in line)
    print(f"ms an image. Radix: {show(radix, str)}. Rate: {show(rate, str)}.\n")
    lines = {}
    for isa in dict.fromkeys([narrow, widest]):
        for threshold in (0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24):
            found = [speed(args, "vgg16-rate", isa, batch=8, steps=32, threshold=threshold) for _ in range(2)]
            lines.setdefault(isa, []).append((100 * found[0]["spikes_per_neuron"] / 32, 1e3 / best(found)))
    lines = {isa: sorted((a, b) for a, b in line if a > 0.02) for isa, line in lines.items()}
    all_rates = [a for line in lines.values() for a, _ in line]
    ticks = [v for v in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if v >= min(all_rates) / 2.5 and v <= max(all_rates) * 2.5]
    (args.plots / "rate.svg").write_text(chart("Cost over the firing rate", "ms of the processor an image; VGG16 with random weights, rate code, T = 32, batch 8",
                                               "spikes of 100 neurons a time step", ticks, list(lines.items())))
    print("## Cost over the firing rate\n")
    for isa, line in lines.items():
        print(f"{isa}: {show(line, lambda a: f'{a:.2f} %')} ms an image.\n")
    print("## Cost over the batch\n")
    sizes = [1, 2, 4, 8, 16, 32]
    rows = [[network, *(f"{ms(network, widest, batch=size):.2f}" for size in sizes)] for network in ("vgg16-radix", "vgg16-rate")]
    print(common.markdown(["ms an image (T = 8), batch", *map(str, sizes)], rows), "\n")


def threads(args):
    """One thread and two, by the clock."""
    print("## Threads\n")
    rows = []
    for model, snn, _ in prepared(args):
        one, two = [], []
        for _ in range(args.rounds):
            one.append(speed(args, snn, batch=8, threads=1, images=32))
            two.append(speed(args, snn, batch=8, threads=2, images=32))
        one, two = best(one, "images_per_s"), best(two, "images_per_s")
        rows.append([model["name"], f"{one:.0f}", f"{two:.0f}", f"{two / one:.2f}"])
    print(common.markdown(["images a second by the clock, batch 8, 32 a run", "1 thread", "2 threads", "times"], rows), "\n")


def evaluation(args):
    """CPU seconds of an evaluation, the whole command."""
    print("## `snnc eval` of 2000 images\n")
    [model] = common.named(args.models, ["aka_resnet20_opset13_fold"], sys.exit)
    data = args.models.parent / "data" / "cifar10_jpeg_2000.npz"
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for _ in range(3):
            code, _, err, cpu, _ = common.run([args.binary, "eval", str(artifact(args, model, folder)), "--data", str(data), "--threads", "1"], folder)
            if code != 0:
                raise common.Failed("eval", code, err)
            runs.append(cpu)
        print(f"`{model['name']}`: {min(runs):.2f} CPU seconds, with `{args.binary}`.\n")


def build(args):
    """What the runtime costs to build and to ship."""
    print("## Building it\n")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = ["cargo", "build", "--release", "-p", "snnc-runtime", "--manifest-path", str(ROOT / "Cargo.toml"), "--target-dir", str(folder / "target")]
        start = time.perf_counter()
        code, _, err, cpu, _ = common.run(command, str(folder))
        if code != 0:
            raise common.Failed("build", code, err)
        print(f"`cargo build --release -p snnc-runtime` in an empty folder: {cpu:.0f} CPU seconds, {time.perf_counter() - start:.0f} s by the clock.\n")
        (folder / "src/bin").mkdir(parents=True)
        (folder / "Cargo.toml").write_text('[package]\nname = "sizes"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n'
                                           f'snnc-runtime = {{ path = "{ROOT / "runtime"}" }}\n[profile.release]\nstrip = "symbols"\nlto = "thin"\ncodegen-units = 1\n[workspace]\n')
        (folder / "src/bin/hello.rs").write_text('fn main() { println!("hello"); }\n')
        (folder / "src/bin/runs.rs").write_text('''fn main() {
    let network = snnc_runtime::Network::load(&std::fs::read("m.snn").unwrap()).unwrap();
    let image = vec![0; network.image_len()];
    println!("{:?}", network.run_quantised(&image, network.spec().timesteps, 0).unwrap().logits);
}
''')
        code, _, err, *_ = common.run(["cargo", "build", "--release", "--manifest-path", str(folder / "Cargo.toml"), "--target-dir", str(folder / "target")], str(folder))
        if code != 0:
            raise common.Failed("build", code, err)
        hello, runs = (os.path.getsize(folder / "target/release" / name) for name in ("hello", "runs"))
        print(f"A stripped program that says hello has {hello / 1e3:.0f} kB, one that loads and runs a network {runs / 1e3:.0f} kB: {(runs - hello) / 1e3:.0f} kB more.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("--peers-python", help="a Python with torch and sinabs")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--speed", help="the example as a release build [default: built]")
    parser.add_argument("--artifacts", type=pathlib.Path, help="artifacts that are compiled already")
    parser.add_argument("--plots", type=pathlib.Path, default=ROOT / "docs/performance")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--only", default=",".join(SECTIONS))
    args = parser.parse_args()
    if not args.speed:
        subprocess.run(["cargo", "build", "--release", "-p", "snnc-runtime", "--example", "speed"], cwd=ROOT, check=True)
        args.speed = str(ROOT / "target/release/examples/speed")
    args.isas = [isa for isa in INSTRUCTIONS if speed(args, "vgg16-radix", isa, seconds=0.01)]
    for section in args.only.split(","):
        {"networks": networks, "memory": memory, "peers": peers, "curves": curves, "threads": threads, "eval": evaluation, "build": build}[section](args)
        sys.stdout.flush()


if __name__ == "__main__":
    main()

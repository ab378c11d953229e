#!/usr/bin/env python3
"""What simulators make of our .nir files: spikes of every layer, beside those of the network itself, step by step.

Needs: numpy; two Pythons with the readers (below)
Usage: nir_readers.py MODEL.onnx IMAGES.npz --old PYTHON --new PYTHON [--binary target/debug/snnc] [--images 20] [--timesteps 32]
                      [--extra "COMPILER OPTIONS"]

    python3 -m venv old && old/bin/pip install nir==1.0.4 sinabs==3.1.3
    python3 -m venv new && new/bin/pip install nir nirtorch spikingjelly==2.0.0 norse==1.1.0

Two networks are compiled: with soft reset, and with hard reset and a start potential of 0, of which NIR since 1.0.6 says everything. The spikes
of the network itself are those of `nir/tests/simulate.py`, which the tests hold against the runtime; here their read-out must be that of
`snnc run`, to the last bit. A simulator is run as its reader makes it, and *set up*: with the reset and the start potentials of the metadata.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import common

HERE = pathlib.Path(__file__).resolve().parent
HEAD = ["network", "simulator", "file", "as", "spikes", "of ours", "the same, neuron by neuron and step by step", "same class"]
NETWORKS = {"soft reset": ["--reset", "soft"], "hard reset, start at 0": ["--reset", "hard", "--v-init", "zero"]}
# Simulator, Python, thresholds of its file.
SIMULATORS = [("sinabs", "old", "whole"), ("SpikingJelly", "new", "whole"), ("SpikingJelly", "new", "one"), ("Norse", "new", "whole")]


def load(path):
    """A graph, and the currents that images become: `[images, ...]` in the shape of the file's input."""
    # Only the simulators' own Pythons need these.
    sys.path.insert(0, str(HERE.parent / "nir" / "tests"))
    import nir
    import simulate

    graph = nir.read(path)
    return graph, simulate


def currents(graph, simulate, images):
    """8-bit images [N, H, W, C] as the whole numbers that the network takes."""
    facts = graph.metadata
    real = lambda key: np.asarray(facts[key], np.float32)
    values = (images.astype(np.float32) / real("pixel_scale") - real("pixel_mean")) / real("pixel_std")
    numbers = np.clip(np.round(values / real("input_step") + real("input_zero")), 0, 2 ** int(facts["input_digits"]) - 1)
    # With an axis order of its own the metadata would say so; images without are channels first, or vectors row by row.
    if simulate.text(facts["input_layout"]) != "flat":
        numbers = numbers.transpose(0, 3, 1, 2)
    shape = np.asarray(graph.nodes["input"].input_type["input"], int)
    return numbers.astype(np.float32).reshape(len(images), *shape)


def neurons(graph):
    import nir

    return [name for name, node in graph.nodes.items() if isinstance(node, (nir.IF, nir.LIF))]


def of_numpy(graph, simulate, x, steps, is_set_up):
    values = simulate.run(graph, [x] * steps)
    return {name: np.stack([step[name] for step in values]) for name in neurons(graph)}, sum(step["output"] for step in values)


def start(graph, name):
    import torch

    return torch.from_numpy(np.asarray(graph.metadata[f"v_init.{name}"], np.float32))


def subtracts(graph, simulate, name):
    return simulate.text(graph.metadata[f"reset.{name}"]) == "subtract"


def of_sinabs(graph, simulate, x, steps, is_set_up):
    import sinabs.activation as activation
    import sinabs.layers as layers
    import torch
    from sinabs.nir import from_nir

    count, spikes = len(x), {}
    model = from_nir(graph, batch_size=count)
    for name, module in model.named_modules():
        if isinstance(module, layers.IAFSqueeze):
            name = name.split(".")[-1]
            module.register_forward_hook(lambda _, __, y, name=name: spikes.update({name: y.detach().numpy()}))
            if is_set_up:
                first = start(graph, name)
                module.spike_fn, module.min_v_mem = activation.SingleSpike, None
                module.reset_fn = activation.MembraneSubtract() if subtracts(graph, simulate, name) else activation.MembraneReset()
                module.init_state_with_shape((count, *first.shape))
                module.v_mem.data = first.expand(count, *first.shape).clone()
    with torch.no_grad():
        # Time goes into the batch, behind the images.
        y = model(torch.from_numpy(np.repeat(x, steps, axis=0)))
    y = y[0] if isinstance(y, tuple) else y
    apart = lambda values: values.reshape(count, steps, *values.shape[1:]).swapaxes(0, 1)
    return {name: apart(values) for name, values in spikes.items()}, apart(y.numpy()).sum(axis=0)


def of_spikingjelly(graph, simulate, x, steps, is_set_up):
    import torch
    from spikingjelly.activation_based import neuron
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    spikes = {name: [] for name in neurons(graph)}
    model = import_from_nir(graph, dt=1.0)
    for name, module in model.named_modules():
        if isinstance(module, neuron.IFNode):
            name = name.split(".")[-2] if name.endswith(".module") else name
            # The state is handed on outside of the neuron, so spikes are seen at the wrapper around it.
            if is_set_up:
                module.v = start(graph, name).expand(len(x), *start(graph, name).shape).clone()
                if subtracts(graph, simulate, name):
                    module.v_reset = None
    for name in spikes:
        model.get_submodule(name).register_forward_hook(lambda _, __, y, name=name: spikes[name].append(y[0].detach().numpy()))
    state, total = None, 0
    with torch.no_grad():
        for _ in range(steps):
            y, state = model(torch.from_numpy(x), state)
            total = total + y.numpy()
    return {name: np.stack(values) for name, values in spikes.items()}, total


def of_norse(graph, simulate, x, steps, is_set_up):
    import torch
    from norse.torch import from_nir
    from norse.torch.functional.iaf import IAFFeedForwardState
    from norse.torch.module.iaf import IAFCell

    spikes = {name: [[] for _ in x] for name in neurons(graph)}
    at, total = 0, []
    model = from_nir(graph)
    for name, module in model.named_modules():
        if isinstance(module, IAFCell):
            name = name.split(".")[-1]
            module.register_forward_hook(lambda _, __, y, name=name: spikes[name][at].append(y[0].detach().numpy()))
            if is_set_up:
                module.state_fallback = lambda _, first=start(graph, name): IAFFeedForwardState(v=first.clone())
    with torch.no_grad():
        # Its flattening takes the batch in, so images go one by one and without.
        for at, image in enumerate(x):
            state, sum_of = None, 0
            for _ in range(steps):
                y, state = model(torch.from_numpy(image), state)
                sum_of = sum_of + y.numpy()
            total.append(sum_of)
    return {name: np.stack([np.stack(image) for image in values], axis=1) for name, values in spikes.items()}, np.stack(total)


RUNS = {"ours": of_numpy, "sinabs": of_sinabs, "SpikingJelly": of_spikingjelly, "Norse": of_norse}


def simulated(args):
    """In the simulator's own Python: runs a file, writes what came out."""
    simulator, path, data, steps, is_set_up, out = args
    graph, simulate = load(path)
    x = currents(graph, simulate, np.load(data))
    spikes, total = RUNS[simulator](graph, simulate, x, int(steps), is_set_up == "set-up")
    np.savez(out, total=total.reshape(len(x), -1), scale=np.asarray(graph.metadata["output_scale"], np.float64),
             **{f"spikes.{name}": values for name, values in spikes.items()})


def ran(python, simulator, path, data, steps, is_set_up, folder):
    """What a simulator makes of a file, or why nothing, in its own words."""
    out = folder / "out.npz"
    command = [python, __file__, "--simulated", simulator, path, data, str(steps), "set-up" if is_set_up else "loaded", out]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1]
    with np.load(out) as found:
        return {key: found[key] for key in found}, None


def rows_of(args, network, more, folder):
    snn, images = folder / "m.snn", folder / "x.npy"
    options = f"--code rate --spikes binary --timesteps {args.timesteps} --train none --audit none -q {args.extra}".split()
    subprocess.run([args.binary, args.model, "-o", snn, *options, *more], check=True)
    with np.load(args.data) as data:
        x = data["x"][: args.images]
    np.save(images, x if x.ndim == 4 else x[..., None])
    files = {}
    for thresholds in ["whole", "one"]:
        files[thresholds] = folder / f"{thresholds}.nir"
        subprocess.run([args.binary, "nir", snn, "-o", files[thresholds], "--thresholds", thresholds, "-q"], check=True)
    ours, why = ran(args.new, "ours", files["whole"], images, args.timesteps, True, folder)
    if why:
        sys.exit(f"our own neurons: {why}")
    subprocess.run([args.binary, "run", snn, images, "-o", folder / "logits.npy", "-q"], check=True)
    logits = np.load(folder / "logits.npy")
    mine = (ours["total"].astype(np.float64) / args.timesteps * ours["scale"]).astype(np.float32)
    if not np.array_equal(mine, logits):
        sys.exit(f"{network}: the read-out in numpy is not that of `snnc run`")
    layers = [key for key in ours if key.startswith("spikes.")]
    count = sum(int(ours[key].sum()) for key in layers)
    yield [network, "ours", "", "", f"{count:,}", "", "", f"{len(logits)} of {len(logits)}"]
    for simulator, python, thresholds in SIMULATORS:
        for is_set_up in [False, True]:
            found, why = ran(getattr(args, python), simulator, files[thresholds], images, args.timesteps, is_set_up, folder)
            row = [network, simulator, thresholds, "set up" if is_set_up else "loaded"]
            if why:
                yield [*row, "", "", why.replace("|", "/"), ""]
                continue
            theirs = sum(float(found[key].sum()) for key in layers)
            same = sum(int((found[key] == ours[key]).sum()) for key in layers)
            of = sum(ours[key].size for key in layers)
            classes = int((found["total"].argmax(axis=1) == logits.argmax(axis=1)).sum())
            share = "all" if same == of else f"{100 * same / of:.3f} %"
            yield [*row, f"{theirs:,.0f}", f"{100 * theirs / count:.1f} %", f"{share} ({of:,})", f"{classes} of {len(logits)}"]


def main():
    if sys.argv[1:2] == ["--simulated"]:
        return simulated(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="an ONNX classifier without max pooling")
    parser.add_argument("data", help="images: an .npz file with `x`, uint8 N,H,W[,C]")
    parser.add_argument("--old", required=True, help="a Python with nir 1.0.4 and sinabs")
    parser.add_argument("--new", required=True, help="a Python with the newest nir, SpikingJelly and Norse")
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--timesteps", type=int, default=32)
    parser.add_argument("--extra", default="", help="further options for the compiler")
    args = parser.parse_args()
    rows = []
    for network, more in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            for row in rows_of(args, network, more, pathlib.Path(folder)):
                print(*row, sep=" | ", file=sys.stderr, flush=True)
                rows.append(row)
    print(common.markdown(HEAD, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compare what a step of the temporal training costs with the same step in other frameworks, one after the other in one run.

Needs: an environment with torch, spikingjelly, snntorch and sinabs for the peers (--python), and `peer_training.py` (--peer), which
builds the network in each of them. Prints a table: CPU seconds of the fastest step on one thread, and memory beyond what the process
had when the network was built.

With `--device cuda`, the same on a graphics card: seconds of the clock on the wall, of `training_step` built with `--features cuda`.

Usage: training_cost.py --peer peer_training.py --python PYTHON [--rounds 3] [--device cpu|cuda] [--network peer|vgg16] [--batch 16]
"""
import argparse
import json
import subprocess

VGG16 = [64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P"]
PEERS = ["sj_multi", "sj_single", "snntorch", "sinabs"]

# Runs one peer: what `peer_training.py` does, with the memory before the first step taken off; on a card, with its queue empty before
# the clock is read.
DRIVER = """
import importlib.util, json, sys, time, torch
spec = importlib.util.spec_from_file_location("peer", sys.argv[1])
peer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(peer)

def memory(line):
    text = next(l for l in open("/proc/self/status") if l.startswith(line))
    return int(text.split()[1]) / 1024

device, peer.BATCH, layers = sys.argv[3], int(sys.argv[4]), json.loads(sys.argv[5])
on_card = device == "cuda"

def network(activation, conv=torch.nn.Conv2d, pool=torch.nn.AvgPool2d, flatten=torch.nn.Flatten, linear=torch.nn.Linear):
    modules, width, side = [], 3, 32
    for item in layers:
        if item == "P":
            modules, side = [*modules, pool(2)], side // 2
        else:
            modules, width = [*modules, conv(width, item, 3, padding=1), activation()], item
    head = [flatten(), linear(width * side * side, 512), activation(), linear(512, 512), activation(), linear(512, 10)]
    return torch.nn.Sequential(*modules, *head)

def clock():
    if on_card:
        torch.cuda.synchronize()
    return time.perf_counter() if on_card else time.process_time()

if layers:
    peer.network = network
torch.set_num_threads(1)
torch.manual_seed(0)
images, labels = torch.rand(peer.BATCH, 3, 32, 32, device=device), torch.randint(0, 10, (peer.BATCH,), device=device)
model, forward = peer.build(sys.argv[2], images)
model.to(device)
optimiser = torch.optim.Adam(model.parameters(), 1e-3)
before, least = memory("VmRSS"), float("inf")
for _ in range(4):
    start = clock()
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(forward(), labels).backward()
    optimiser.step()
    least = min(least, clock() - start)
print(json.dumps({"step_wall_s": least} if on_card else {"step_cpu_s": least, "extra_mib": memory("VmHWM") - before}))
"""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:3])}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="peer_training.py")
    parser.add_argument("--python", required=True, help="a Python that has the peers")
    parser.add_argument("--binary", default="target/debug/examples/training_step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--network", choices=["peer", "vgg16"], default="peer")
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    layers = json.dumps(VGG16 if args.network == "vgg16" else [])
    keys = {"step_wall_s": "s"} if args.device == "cuda" else {"step_cpu_s": "CPU s", "extra_mib": "extra MiB"}
    ours = [args.binary, "--device", args.device, "--network", args.network, "--batch", str(args.batch)]
    best = {}
    for _ in range(args.rounds):
        for name in ["snnc", *PEERS]:
            peer = [args.python, "-W", "ignore", "-c", DRIVER, args.peer, name, args.device, str(args.batch), layers]
            seen = run(ours if name == "snnc" else peer)
            old = best.setdefault(name, seen)
            best[name] = {key: min(old[key], seen[key]) for key in keys}
    print(f"| step of | {' | '.join(keys.values())} |\n|---|{'---:|' * len(keys)}")
    for name, seen in best.items():
        print(f"| {name} | {' | '.join(f'{seen[key]:.0f}' if key == 'extra_mib' else f'{seen[key]:.3f}' for key in keys)} |")
    time = next(iter(keys))
    fastest = min(PEERS, key=lambda name: best[name][time])
    ratios = [f"{best['snnc'][key] / best[fastest][key]:.2f} of its {what}" for key, what in keys.items()]
    print(f"\nOf the fastest peer, {fastest}: {', '.join(ratios)}")


if __name__ == "__main__":
    main()

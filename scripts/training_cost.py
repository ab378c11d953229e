#!/usr/bin/env python3
"""Compare what a step of the temporal training costs with the same step in other frameworks, one after the other in one run.

Needs: an environment with torch, spikingjelly, snntorch and sinabs for the peers (--python), and `peer_training.py` (--peer), which
builds the network in each of them. Prints a table: CPU seconds of the fastest step on one thread, and memory beyond what the process
had when the network was built.

Usage: training_cost.py --peer peer_training.py --python PYTHON [--rounds 3]
"""
import argparse
import json
import subprocess

PEERS = ["sj_multi", "sj_single", "snntorch", "sinabs"]

# Runs one peer: what `peer_training.py` does, with the memory before the first step taken off.
DRIVER = """
import importlib.util, json, sys, time, torch
spec = importlib.util.spec_from_file_location("peer", sys.argv[1])
peer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(peer)

def memory(line):
    text = next(l for l in open("/proc/self/status") if l.startswith(line))
    return int(text.split()[1]) / 1024

torch.set_num_threads(1)
torch.manual_seed(0)
images, labels = torch.rand(peer.BATCH, 3, 32, 32), torch.randint(0, 10, (peer.BATCH,))
model, forward = peer.build(sys.argv[2], images)
optimiser = torch.optim.Adam(model.parameters(), 1e-3)
before, least = memory("VmRSS"), float("inf")
for _ in range(4):
    start = time.process_time()
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(forward(), labels).backward()
    optimiser.step()
    least = min(least, time.process_time() - start)
print(json.dumps({"step_cpu_s": least, "extra_mib": memory("VmHWM") - before}))
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
    args = parser.parse_args()
    best = {}
    for _ in range(args.rounds):
        for name in ["snnc", *PEERS]:
            command = [args.binary] if name == "snnc" else [args.python, "-W", "ignore", "-c", DRIVER, args.peer, name]
            seen = run(command)
            old = best.setdefault(name, seen)
            best[name] = {key: min(old[key], seen[key]) for key in ("step_cpu_s", "extra_mib")}
    print("| step of | CPU s | extra MiB |\n|---|---:|---:|")
    for name, seen in best.items():
        print(f"| {name} | {seen['step_cpu_s']:.3f} | {seen['extra_mib']:.0f} |")
    fastest = min(PEERS, key=lambda name: best[name]["step_cpu_s"])
    ratio = {key: best["snnc"][key] / best[fastest][key] for key in ("step_cpu_s", "extra_mib")}
    print(f"\nOf the fastest peer, {fastest}: {ratio['step_cpu_s']:.2f} of its CPU seconds, {ratio['extra_mib']:.2f} of its extra memory")


if __name__ == "__main__":
    main()

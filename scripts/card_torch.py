#!/usr/bin/env python3
"""A training step of the networks that `examples/card` times, in plain PyTorch: integrate-and-fire neurons with soft reset that is not
differentiated, arcus-tangent surrogate of slope 2, all time steps folded into the batch around the neurons, the first layer run once an
image since images are the same at every step; AdamW on the card. A step takes images from the processor and ends with the loss there.

Needs: torch
Usage: card_torch.py [--device cuda] [--networks vgg16,peer] [--batch 128] [--timesteps 8] [--seconds 5] [--products f32,tf32,bf16]

Prints one JSON line for each network and format of products, in the form of `card step`. Nothing is compiled (`torch.compile`), and
cuDNN may try its algorithms.
"""
import argparse
import json
import math
import sys
import time

import torch

NETWORKS = {
    "tiny": [4, "P", 8, "P", 8, "P"],
    "peer": [64, 64, "P", 128, 128, "P", 256, 256, "P"],
    "vgg16": [64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P"],
}
SLOPE = 2.0
GAIN = 3.0


class Spike(torch.autograd.Function):
    """The step function, differentiated as an arcus tangent."""

    @staticmethod
    def forward(ctx, distance):
        ctx.save_for_backward(distance)
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (distance,) = ctx.saved_tensors
        return gradient * (SLOPE / 2) / (1 + (math.pi / 2 * SLOPE * distance) ** 2)


class Neurons(torch.nn.Module):
    """Neurons of threshold 1 over all time steps: [T·N, ..], or [N, ..] where currents are the same at every step."""

    def __init__(self, timesteps, is_first):
        super().__init__()
        self.timesteps, self.is_first = timesteps, is_first

    def forward(self, currents):
        # Potentials are in 32 bits, as ours are.
        currents = currents.float()
        if not self.is_first:
            currents = currents.unflatten(0, (self.timesteps, -1))
        potential, spikes = 0.0, []
        for step in range(self.timesteps):
            potential = potential + (currents if self.is_first else currents[step])
            spike = Spike.apply(potential - 1.0)
            potential = potential - spike.detach()
            spikes.append(spike)
        return torch.cat(spikes)


def network(layers, timesteps):
    modules, width, side = [], 3, 32
    for item in layers:
        if item == "P":
            modules, side = [*modules, torch.nn.AvgPool2d(2)], side // 2
        else:
            modules += [torch.nn.Conv2d(width, item, 3, padding=1), Neurons(timesteps, width == 3)]
            width = item
    modules.append(torch.nn.Flatten())
    inputs = width * side * side
    for outputs in [512, 512, 10]:
        modules.append(torch.nn.Linear(inputs, outputs))
        if outputs == 512:
            modules.append(Neurons(timesteps, False))
        inputs = outputs
    model = torch.nn.Sequential(*modules)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter *= GAIN
    return model


def measure(name, args, products):
    on_card = args.device == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = products == "tf32"
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    model = network(NETWORKS[name], args.timesteps).to(args.device)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.0, fused=on_card)
    images, labels = torch.rand(args.batch, 3, 32, 32), torch.arange(args.batch, device=args.device) % 10

    def step():
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(args.device, torch.bfloat16, enabled=products == "bf16"):
            logits = model(images.to(args.device))
        logits = logits.float().unflatten(0, (args.timesteps, -1)).mean(0)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        optimiser.step()
        value = loss.item()
        if on_card:
            torch.cuda.synchronize()
        return time.perf_counter() - start, value

    if on_card:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.mem_get_info()[0]
    first = step()[0]
    step()
    times, began, loss = [], time.perf_counter(), math.nan
    while not times or time.perf_counter() - began < args.seconds and len(times) < 50:
        spent, loss = step()
        times.append(spent)
    found = {
        "part": "step", "backend": f"torch {torch.__version__}", "network": name, "batch": args.batch, "timesteps": args.timesteps,
        "products": products, "keep_memory": True, "parts": 1, "first_s": round(first, 5), "seconds": round(min(times), 5),
        "median_s": round(sorted(times)[len(times) // 2], 5), "rounds": len(times), "samples_per_second": round(args.batch / min(times)),
        "loss": loss,
    }
    if on_card:
        found |= {
            "free_before_mib": before >> 20, "free_after_mib": torch.cuda.mem_get_info()[0] >> 20,
            "highest_used_mib": torch.cuda.max_memory_allocated() >> 20, "highest_held_mib": torch.cuda.max_memory_reserved() >> 20,
        }
    print(json.dumps(found), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", default="vgg16,peer")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--timesteps", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--products", default="f32,tf32,bf16")
    args = parser.parse_args()
    failed = 0
    for name in dict.fromkeys(args.networks.split(",")):
        for products in args.products.split(","):
            try:
                measure(name, args, products)
            except Exception as error:  # whatever it is, the next may work
                failed = 1
                print(f"{name}, {products}: {error}", file=sys.stderr, flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

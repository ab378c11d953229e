#!/usr/bin/env python3
"""Train the features before a read-out that will be locked to be mixed, and audit what attackers without the read-out get then.

Needs: numpy, onnx, torch
Usage: mix_study.py MODELS_DIR DATA_DIR [--network vnn22_biasfield_cifar_base] [--judges mlc_resnet8,aka_resnet20_opset11_bn]
                    [--arms ANN,none,feature=3,subspace=3,decoys=1] [--steps 300] [--rate 0.002] [--layers-before 0,1] [--seed 0]
                    [--binary target/debug/snnc] [--effort full] [--audits 1] [--keep DIR]

A student begins as the network and learns its answers (Kullback-Leibler divergence) on 1000 real training images, shifted, mirrored and
mixed: more than a compiler without data has, so that what fails here fails there too. Beside that each arm asks for one thing, times its weight:
  feature   the share of the variance of a feature that lies between classes is small, on average over features and in the worst tenth of them
  subspace  the share of the variance of all features together, each scaled to variance 1, that lies between classes is small
  decoys    the same, and as much as possible of the variance is that of 24 smooth functions of the image with long tails that no class has
  none      nothing: distillation alone, a control
  ANN       is no arm but the network as it is
Classes are the network's own. Prints accuracies, then for each arm what the attackers of `snnc audit --as-locked` get of the float network.
With several --audits, their seeds are 0, 1 and so on, and numbers are means. With 1 in --layers-before there is another row for an attacker who takes the features one layer further in front, which no lock hides either.
"""
import argparse
import math
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

import common
from leakage_study import audited

BATCH = 128
TRAINING = "cifar10_train_jpeg_1000.npz"
NUISANCES = 24


class Sequence(torch.nn.Module):
    """Convolutions, rectifiers and a flattening, as an ONNX file has them: the initializers are the parameters."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.nodes = list(model.graph.node)
        others = {n.op_type for n in self.nodes} - {"Conv", "Relu", "Flatten"}
        if others:
            raise SystemExit(f"mix_study.py knows no {', '.join(sorted(others))}")
        self.names = [i.name for i in model.graph.initializer]
        self.weights = torch.nn.ParameterList([torch.tensor(numpy_helper.to_array(i).copy()) for i in model.graph.initializer])
        self.convolutions = [k for k, n in enumerate(self.nodes) if n.op_type == "Conv"]

    def forward(self, x):
        """Logits, and the features before the last convolution."""
        features = self.through(x, self.nodes[:self.convolutions[-1]])
        return self.through(features, self.nodes[self.convolutions[-1]:]), features.flatten(1)

    def through(self, x, nodes):
        weights = dict(zip(self.names, self.weights))
        for node in nodes:
            if node.op_type == "Conv":
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                x = F.conv2d(x, *(weights[name] for name in node.input[1:]), stride=attributes["strides"], padding=attributes["pads"][:2])
            elif node.op_type == "Relu":
                x = F.relu(x)
            else:
                x = x.flatten(1)
        return x

    def save(self, path):
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for initializer, weight in zip(model.graph.initializer, self.weights):
            initializer.CopyFrom(numpy_helper.from_array(weight.detach().numpy(), initializer.name))
        onnx.save(model, path)

    def save_before(self, path, layers, seed):
        """The network with a random read-out in the place of its last `layers` + 1 convolutions: the features are those further in front."""
        first = self.convolutions[-1 - layers]
        shape = [d.dim_value for d in self.model.graph.input[0].type.tensor_type.shape.dim]
        with torch.no_grad():
            dims = self.through(torch.zeros(1, *shape[1:]), self.nodes[:first]).shape[1:]
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.node[first:]
        used = {name for node in model.graph.node for name in node.input}
        kept = [numpy_helper.from_array(w.detach().numpy(), n) for n, w in zip(self.names, self.weights) if n in used]
        weight = np.random.default_rng(seed).normal(size=(10, *dims)).astype(np.float32) / math.sqrt(np.prod(dims))
        kept.append(numpy_helper.from_array(weight, "readout"))
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
        source = self.nodes[first].input[0]
        model.graph.node.append(onnx.helper.make_node("Conv", [source, "readout"], ["scores"], kernel_shape=list(dims[1:])))
        model.graph.node.append(onnx.helper.make_node("Flatten", ["scores"], [self.model.graph.output[0].name], axis=1))
        onnx.checker.check_model(model)
        onnx.save(model, path)


def tensor(images, model):
    """[N, H, W, C] bytes as the network's input."""
    pre = model["preprocess"]
    mean, std = (torch.tensor(np.broadcast_to(pre[k], 3).astype(np.float32)).view(1, 3, 1, 1) for k in ("mean", "std"))
    x = torch.tensor(images).permute(0, 3, 1, 2).float() / pre["scale"]
    return (x - mean) / std


def augmented(x, generator):
    """Shifted by up to 4 pixels with a mirrored edge, mirrored, and every second image mixed with another."""
    x = F.pad(x, (4, 4, 4, 4), mode="reflect")
    dx, dy = (int(v) for v in torch.randint(0, 9, (2,), generator=generator))
    x = x[:, :, dy:dy + 32, dx:dx + 32]
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(mirrored.view(-1, 1, 1, 1), x.flip(3), x)
    share = torch.rand(len(x), generator=generator).mul(0.5) * (torch.rand(len(x), generator=generator) < 0.5)
    share = share.view(-1, 1, 1, 1)
    return (1 - share) * x + share * x[torch.randperm(len(x), generator=generator)]


def between(features, classes):
    """For every feature, the variance between classes and in all."""
    centred = features - features.mean(0)
    inside = torch.zeros_like(features[0])
    for c in classes.unique():
        of = centred[classes == c]
        inside = inside + len(of) * of.mean(0) ** 2
    return inside / len(features), centred.pow(2).mean(0)


def nuisances(x, projections):
    """Smooth functions of an image with long tails, `[N, NUISANCES]`, mean 0 and variance 1."""
    coarse = F.avg_pool2d(x, 8).flatten(1) @ projections
    coarse = ((coarse - coarse.mean(0)) / coarse.std(0)) ** 3
    return (coarse - coarse.mean(0)) / coarse.std(0)


def mixing(arm, features, classes, x, projections):
    if arm == "none":
        return torch.zeros(())
    inside, total = between(features, classes)
    alive = total > 1e-6
    share = inside[alive] / total[alive]
    if arm == "feature":
        worst = share.topk(max(1, len(share) // 10)).values
        return share.mean() + worst.mean()
    loss = share.mean()
    # The whole class part, along whichever direction it lies.
    standard = (features[:, alive] - features[:, alive].mean(0)) / total[alive].sqrt()
    means = torch.stack([standard[classes == c].mean(0) * math.sqrt(int((classes == c).sum())) for c in classes.unique()])
    strongest = torch.linalg.matrix_norm(means, 2) ** 2 / torch.linalg.matrix_norm(standard, 2) ** 2
    loss = loss + strongest
    if arm == "decoys":
        n = nuisances(x, projections)
        explained = torch.linalg.lstsq(n, standard).solution
        loss = loss + ((standard - n @ explained) ** 2).mean()
    return loss


def train(teacher, arm, weight, x, args):
    student = Sequence(teacher.model)
    generator = torch.Generator().manual_seed(args.seed)
    projections = torch.randn(48, NUISANCES, generator=generator)
    optimiser = torch.optim.Adam(student.parameters(), lr=args.rate)
    for step in range(args.steps):
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / args.steps))
        batch = augmented(x[torch.randperm(len(x), generator=generator)[:BATCH]], generator)
        with torch.no_grad():
            target, _ = teacher(batch)
        logits, features = student(batch)
        distance = F.kl_div(F.log_softmax(logits, 1), F.log_softmax(target, 1), log_target=True, reduction="batchmean")
        mixed = mixing(arm, features, target.argmax(1), batch, projections)
        optimiser.zero_grad()
        (distance + weight * mixed).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 5)
        optimiser.step()
    return student


@torch.no_grad()
def measured(student, x, y):
    """Accuracy, the mean share of a feature's variance that lies between classes, and the largest."""
    out = [student(part) for part in x.split(250)]
    logits, features = (torch.cat([o[k] for o in out]) for k in (0, 1))
    inside, total = between(features, torch.tensor(y))
    alive = total > 1e-6
    share = inside[alive] / total[alive]
    return float((logits.argmax(1).numpy() == y).mean()), float(share.mean()), float(share.max())


def audits(args, model, judges, path):
    """What attackers get, on average over seeds."""
    moved = {**model, "file": str(path.resolve())}
    with tempfile.TemporaryDirectory() as folder:
        snn, *_ = common.compile_model(args, moved, None, ["--train", "none"], folder)
        found = [of_ann(audited(args, moved, snn, judges, ["--only", "locked", "--seed", str(seed)], folder)) for seed in range(args.audits)]
    print(f"audited {path.name}", file=sys.stderr, flush=True)
    return {v: [sum(rows[v][k] for rows in found) / len(found) for k in range(len(found[0][v]))] for v in found[0]}


def of_ann(found):
    """By variant of an attack: what each judge says of the float network."""
    rows = {}
    for attack in found["leakage"]["attacks"]:
        for result in attack["results"]:
            if result["subject"] == "ann" and result["metrics"]:
                first = result["metrics"][0]["name"]
                rows[result["variant"]] = [m["value"] for m in result["metrics"] if m["name"] == first or m["name"].startswith(f"{first}_by_")]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("data_dir", type=pathlib.Path)
    parser.add_argument("--network", default="vnn22_biasfield_cifar_base")
    parser.add_argument("--judges", default="mlc_resnet8,aka_resnet20_opset11_bn")
    parser.add_argument("--arms", default="ANN,none,feature=3,subspace=3,decoys=1")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--layers-before", default="0,1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--binary", default="target/debug/snnc")
    parser.add_argument("--effort", default="full", choices=["quick", "full"])
    parser.add_argument("--audits", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the students; one that is there is not trained again")
    parser.add_argument("--no-audit", action="store_true", help="only train, and print accuracies")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    [model] = common.named(args.models, [args.network], parser.error)
    judges = common.named(args.models, args.judges.split(","), parser.error)
    teacher = Sequence(onnx.load(args.models / model["file"]))
    load = lambda name: np.load(args.data_dir / name)
    x = tensor(load(TRAINING)["x"], model)
    held = [load(entry["data"]) for entry in model["eval"]]
    xs = torch.cat([tensor(h["x"], model) for h in held])
    ys = np.concatenate([h["y"] for h in held])
    with tempfile.TemporaryDirectory() as folder:
        keep = args.keep or pathlib.Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        table, found = [], {}
        for arm in args.arms.split(","):
            name, _, weight = arm.partition("=")
            kept = keep / f"{arm.replace('=', '-')}-0.onnx"
            if name == "ANN":
                student = teacher
            elif kept.exists():
                student = Sequence(onnx.load(kept))
            else:
                student = train(teacher, name, float(weight or 0), x, args)
            accuracy, mean, most = measured(student, xs, ys)
            table.append([arm, f"{100 * accuracy:.1f}", f"{100 * mean:.0f}", f"{100 * most:.0f}"])
            print(" ".join(table[-1]), file=sys.stderr, flush=True)
            for layers in ([] if args.no_audit else [int(n) for n in args.layers_before.split(",")]):
                path = keep / f"{arm.replace('=', '-')}-{layers}.onnx"
                if layers:
                    student.save_before(path, layers, args.seed)
                elif not path.exists():
                    student.save(path)
                title = arm if not layers else f"{arm}, {layers} layer before"
                found[title] = audits(args, model, judges, path)
    print(common.markdown(["features", f"top-1, %, of {len(ys)} images", "variance between classes, % of a feature's, mean", "largest"], table))
    if not found:
        return
    variants = list(dict.fromkeys(v for rows in found.values() for v in rows))
    show = lambda rows, v: " / ".join(f"{100 * n:.0f}" for n in rows[v]) if v in rows else "–"
    print("\n" + common.markdown(["attacker", *found], [[v, *(show(rows, v) for rows in found.values())] for v in variants]))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Export networks of torchvision with random weights, and batch norms whose statistics are of noise, as ONNX files.

Needs: pip install torch torchvision onnx onnxscript
Usage: torchvision_export.py FOLDER [NAME ..]

The networks are not trained: they say whether a converter takes their operators, and how near their scores it comes.
"""
import pathlib
import sys

import torch
import torchvision

NAMES = ["mobilenet_v2", "resnet18", "densenet121", "googlenet", "shufflenet_v2_x1_0", "squeezenet1_1"]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or NAMES:
        torch.manual_seed(0)
        options = dict(aux_logits=False, init_weights=True) if name == "googlenet" else {}
        network = getattr(torchvision.models, name)(weights=None, **options)
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()
            if isinstance(module, torch.nn.BatchNorm2d):
                # The mean over all batches, not one that forgets.
                module.momentum = None
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.uniform_(module.bias, -0.5, 0.5)
        with torch.no_grad():
            for _ in range(4):
                network(torch.randn(8, 3, 224, 224))
        network.eval()
        torch.onnx.export(network, (torch.zeros(1, 3, 224, 224),), str(folder / f"{name}.onnx"), input_names=["image"], output_names=["scores"],
                          dynamo=False, opset_version=17)
        print(folder / f"{name}.onnx")


if __name__ == "__main__":
    main()

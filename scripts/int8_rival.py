#!/usr/bin/env python3
"""What ONNX Runtime's own quantiser keeps of a network: quantise it to int8, run it beside the float network, print JSON.

Needs: numpy onnx onnxruntime
Usage: int8_rival.py MODEL.onnx SAMPLES.npz IMAGES.npz [--scale 255] [--mean 0] [--std 1] [--limit 256]

Static quantisation, pairs of QuantizeLinear and DequantizeLinear, weights by channel, ranges of activations from the
images of SAMPLES (`x`, as `snnc --save-samples` writes them): what the spiking network was calibrated on, so neither has
data. Top-1 and agreement are in percent. `error` says why a network was not quantised.
"""
import argparse
import json
import logging
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Images:
    """Images as a network reads them."""

    def __init__(self, path, args):
        network = session(args.model).get_inputs()[0]
        self.name, self.half = network.name, "float16" in network.type
        self.shape = [d if isinstance(d, int) and d > 0 else 1 for d in network.shape[1:]]
        data = np.load(path)
        self.x, self.y = data["x"], data["y"] if "y" in data else None
        self.mean, self.std, self.scale = (np.array(v, np.float32) for v in (args.mean, args.std, args.scale))

    def __getitem__(self, index):
        x = self.x[index]
        if x.dtype == np.uint8:  # else it is as a network reads it
            x = x.reshape(*x.shape, 1) if x.ndim == 2 else x
            x = (x.astype(np.float32) / self.scale - self.mean) / self.std
            if x.shape != tuple(self.shape):
                x = x.transpose(2, 0, 1)
        return {self.name: x.reshape(1, *self.shape).astype(np.float16 if self.half else np.float32)}


class Reader(CalibrationDataReader):
    def __init__(self, images):
        self.all = iter([images[i] for i in range(len(images.x))])

    def get_next(self):
        return next(self.all, None)


def quantised(args, folder):
    """The path of the quantised network."""
    ready, made = folder / "ready.onnx", folder / "int8.onnx"
    model = onnx.load(args.model)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset < 13:  # scales by channel
        model = onnx.version_converter.convert_version(model, 13)
    onnx.save(model, ready)
    quant_pre_process(str(ready), str(ready), skip_symbolic_shape=True)
    quantize_static(str(ready), str(made), Reader(Images(args.samples, args)), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("samples", type=pathlib.Path)
    parser.add_argument("images", type=pathlib.Path)
    for name, value in (("scale", "255"), ("mean", "0"), ("std", "1")):
        parser.add_argument(f"--{name}", type=lambda v: [float(x) for x in v.split(",")], default=[float(value)])
    parser.add_argument("--limit", type=int, default=256)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        try:
            rival = session(quantised(args, pathlib.Path(folder)))
        except Exception as error:  # whatever the quantiser or the converter of versions does not take
            print(json.dumps(dict(error=(str(error).strip() or type(error).__name__).splitlines()[0][:200])))
            return
        own = session(args.model)
        images = Images(args.images, args)
        n = min(args.limit, len(images.x))
        says = [[int(np.ravel(s.run(None, images[i])[0]).argmax()) for i in range(n)] for s in (own, rival)]
        labels = images.y[:n]
        percent = lambda hits: 100.0 * float(np.mean(hits))
        ann, int8 = (np.array(s) for s in says)
        print(json.dumps(dict(n=n, ann_top1=percent(ann == labels), top1=percent(int8 == labels), agreement=percent(ann == int8))))


if __name__ == "__main__":
    sys.exit(main())

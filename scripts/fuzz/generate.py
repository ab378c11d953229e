"""From a seed to a network and images."""
import numpy as np

from . import customvision, keras, matlab, pytorch, quantiser, rewrites, sklearn, tensorflow
from .net import Net, Unfit

EXPORTERS = [pytorch, pytorch, pytorch, tensorflow, tensorflow, keras, sklearn, matlab, customvision, quantiser]


class Network:
    """A network to judge: the file, images, and which output has the scores, with what rounding is allowed."""

    def __init__(self, model, images, output, tolerance=1e-3, is_rounded=False, exporter=""):
        self.model, self.images, self.output = model, images, output
        self.tolerance, self.is_rounded, self.exporter = tolerance, is_rounded, exporter

    def like(self, model, images=None):
        """The same with another file."""
        images = self.images if images is None else images
        return Network(model, images, self.output, self.tolerance, self.is_rounded, self.exporter)


def network(seed):
    """The network of a seed; nothing if its layers did not fit together."""
    rng = np.random.default_rng(seed)
    exporter = EXPORTERS[rng.integers(len(EXPORTERS))]
    opsets = list(exporter.OPSETS)
    is_dynamic = rng.random() < 0.6
    net = Net(rng, int(opsets[rng.integers(len(opsets))]), is_dynamic, 1 if is_dynamic or rng.random() < 0.7 else 2)
    net.is_named = rng.random() < 0.9
    try:
        exporter.build(net)
        model = net.model()
    except Unfit:
        return None
    for rewrite in rewrites.ALL:
        if rng.random() < 0.12:
            rewrite(model, rng)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    images = rng.normal(0, 1, [4, *shape])
    if model.graph.input[0].type.tensor_type.elem_type == 2:
        images = rng.integers(0, 256, [4, *shape])
    images = images.astype(np.float16 if net.tolerance > 1e-2 else np.float32).astype(np.float32)
    name = exporter.__name__.rsplit(".", 1)[-1]
    # A network whose first output is a label has to be told which are the scores.
    output = net.output if net.outputs[0] != net.output or rng.random() < 0.2 else None
    return Network(model, images, output, net.tolerance, net.is_rounded, name)

"""skl2onnx: `MLPClassifier` and `LogisticRegression`: `MatMul` and `Add`, a cast before and behind, labels beside probabilities."""
from . import entry, heads, linear, normalisation, trunk

OPSETS = range(9, 22)


def build(net):
    x = entry.row(net)
    if net.chance(0.5):
        x = net.cast(x, net.element(x))
    if net.chance(0.3):
        features = net.shape(x)[1]
        count = net.pick(1, features)
        offset, scale = ([float(v) for v in net.rng.uniform(0.5, 1.5, count)] for _ in range(2))
        scaled = net.op("Scaler", x, domain="ai.onnx.ml", offset=offset, scale=scale)
        # ONNX does not say that the shape stays.
        net.types[scaled] = net.types[x]
        x = scaled
    elif net.chance(0.4):
        x = trunk.attempt(net, normalisation.arithmetic, x)
    x = trunk.dense(net, x, [linear.matmul], net.between(0, 3))
    if net.chance(0.2):
        x = net.cast(x, net.element(x))
    net.pick(heads.labelled, heads.labelled, heads.softmax, heads.both, heads.binary)(net, x)

"""What is done to the scores at the end. Each takes a row of scores and names the output."""
from onnx import TensorProto

from .linear import gemm


def none(net, x):
    return net.finish(x)


def softmax(net, x):
    return net.finish(net.op("Softmax", x, axis=net.pick(1, -1 if net.opset >= 11 else 1)))


def log_softmax(net, x):
    return net.finish(net.op("LogSoftmax", x, axis=1))


def log_of_softmax(net, x):
    return net.finish(net.op("Log", net.op("Softmax", x, axis=1)))


def sigmoid(net, x):
    """Several labels for an image."""
    return net.finish(net.op("Sigmoid", x))


def rectified(net, x):
    return net.finish(net.op("Relu", x))


def binary(net, x):
    """One score, or its probability."""
    score = gemm(net, x, out=1)
    return net.finish(net.op("Sigmoid", score) if net.chance(0.6) else score)


def both(net, x):
    """The probabilities of both classes out of one score."""
    p = net.op("Sigmoid", gemm(net, x, out=1))
    rest = net.op("Sub", net.const(1.0, "one"), p)
    return net.finish(net.op("Concat", rest, p, axis=1), "probabilities")


def labelled(net, x):
    """The class beside its probabilities, the class first; or the scores first."""
    scores = net.op("Softmax", x, axis=1) if net.chance(0.7) else x
    label = net.op("ArgMax", scores, axis=1, keepdims=0)
    if net.chance(0.5):
        net.finish(label, "label")
    net.output = net.finish(scores, "probabilities")
    if "label" not in net.outputs and net.element(label) == TensorProto.INT64:
        net.finish(label, "label")


def temperature(net, x):
    return net.finish(net.op("Softmax", net.op("Div", x, net.const(net.pick(2.0, 0.5), "temperature")), axis=1))


COMMON = [none] * 4 + [softmax] * 3 + [log_softmax, temperature]
ALL = COMMON + [log_of_softmax, sigmoid, rectified, binary, both, labelled]

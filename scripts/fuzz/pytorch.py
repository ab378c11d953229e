"""PyTorch, by TorchScript or by dynamo without its optimiser: shapes computed in the file, casts that do nothing, functions."""
from . import activation, branches, constants, convolution, entry, heads, linear, movement, normalisation, pooling, tokens, trunk

OPSETS = range(7, 26)
LAYERS = convolution.ALL + pooling.ALL + normalisation.ALL + movement.IMAGE + branches.ALL + activation.ALL


def idle(net, x):
    """Copies and casts behind nodes, as dynamo leaves them."""
    return movement.idle(net, x) if net.chance(0.15) else x


def build(net):
    if net.opset >= 18 and net.chance(0.5):
        net.sprinkles = [idle]
    net.spellings = net.pick([], [constants.plain, constants.node], [constants.plain] * 3 + [constants.identity, constants.unsqueezed])
    x = net.pick(entry.image, entry.image, entry.image, entry.signal, entry.row)(net)
    if net.chance(0.2):
        x = trunk.attempt(net, entry.preprocessed, x)
    if len(net.shape(x)) == 4 and net.chance(0.2):
        y = trunk.attempt(net, tokens.patches, x)
        if y != x:
            for _ in range(net.between(1, 5)):
                y = trunk.attempt(net, net.pick(*tokens.LAYERS), y)
            x = tokens.summary(net, y)
    if len(net.shape(x)) > 2:
        x = trunk.convolutional(net, x, LAYERS, net.between(1, 6))
    x = trunk.dense(net, trunk.to_row(net, x), linear.ALL, net.between(0, 2))
    net.pick(*heads.ALL)(net, x)

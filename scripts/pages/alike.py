"""Whether two outputs say the same.

A network that is trained in floats ends with other last digits on another processor, and all that is measured of it differs a little: accuracies,
spikes, energies. So words, structure and small whole numbers must be the same; numbers with a decimal point may differ by a third, those in per cent
by 4 points, whole numbers from 100 on by a twentieth. Digests, in hexadecimal, need only be digests, times times, and the
numbers that tf2onnx counts nodes with (`Transpose__38`) numbers; how wide a table's columns are does not matter.

What attacks get of a network, or which images it gets wrong, depends on its weights so much that blocks which say it are marked: there any number will do, and
three lines of four must have the same words.
"""
import difflib
import re

SHARE, POINTS, LITTLE = 1 / 3, 4.0, 0.1
LARGE, SHARE_OF_LARGE = 100, 1 / 20
SAME_LINES = 3 / 4
TOKEN = re.compile(r"(?P<time>\b\d+(?:\.\d+)? (?:ms|s|min)\b)|(?P<digest>\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12,}\b)|(?P<counted>__\d+)|(?P<number>\d+(?:\.\d+)?)(?P<percent> ?%)?")


def tokens(text):
    """The text without its numbers, and these: value, whether it has a point, whether it is per cent."""
    text = "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
    text = re.sub(r"-{2,}", "--", text)
    numbers = []

    def take(found):
        for kind in ("time", "digest", "counted"):
            if found[kind]:
                return kind.upper()
        numbers.append((float(found["number"]), "." in found["number"], bool(found["percent"])))
        return "#" + (found["percent"] or "")

    return TOKEN.sub(take, text), numbers


def near(expected, found):
    """Whether a number may stand for another."""
    (a, a_point, percent), (b, b_point, _) = expected, found
    if percent:
        allowed = POINTS
    elif a_point or b_point:
        allowed = max(SHARE * max(a, b), LITTLE)
    else:
        allowed = SHARE_OF_LARGE * a if a >= LARGE else 0
    return abs(a - b) <= allowed


def alike(expected, found, differs=False, exact=False):
    """Whether what was printed is what was expected; `differs` is what the block says of itself, with `exact` nothing may differ."""
    if exact:
        return expected.rstrip() == found.rstrip()
    (words, numbers), (others, found_numbers) = tokens(expected), tokens(found)
    if differs:
        return difflib.SequenceMatcher(None, words.splitlines(), others.splitlines(), autojunk=False).ratio() >= SAME_LINES
    return words == others and len(numbers) == len(found_numbers) and all(near(a, b) for a, b in zip(numbers, found_numbers))

"""A differential fuzzer of the importer: random classifiers as exporters write them, judged by ONNX Runtime.

| module | content |
|---|---|
| `net` | a network under construction: nodes, constants, shapes |
| `constants` | the ways in which files write constants |
| `entry` | what comes in: images, rows, pixels, and what is done to them first |
| `convolution`, `pooling`, `linear`, `activation`, `normalisation`, `movement`, `branches`, `tokens` | layers, one family a file |
| `heads` | what is done to the scores at the end |
| `pytorch`, `tensorflow`, `keras`, `sklearn`, `matlab`, `customvision`, `quantiser` | exporters: which layers, written how |
| `rewrites` | what tools do to finished files: functions, names, unused branches |
| `trunk`, `generate` | layers one behind the other, from a seed to a network and images |
| `judge` | ONNX Runtime beside the compiler |
| `shrink` | the smallest part of a network that is still at fault |
| `hostile` | damaged files |

A network depends on its seed alone.
"""

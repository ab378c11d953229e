"""Random networks of supported operators, as exporters write them, judged by ONNX Runtime.

| module | content |
|---|---|
| builder | a network under construction; how exporters store constants |
| layers | layers of classifiers: convolutions, norms, activations, pools, joins |
| habits | what exporters put between layers: casts, transposes, shape arithmetic, copies |
| heads | inputs and outputs: pixels, flat vectors, probabilities, one score |
| network | a program of layers becomes a network |
| judge | ONNX Runtime and the compiler side by side |
| shrink | the smallest program that still shows a finding |
"""

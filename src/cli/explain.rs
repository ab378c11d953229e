//! Long texts behind the codes of diagnostics, for `snnc explain CODE`.

/// Code, title and explanation of every diagnostic, ascending by code.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E0101",
        "the file cannot be read as ONNX",
        "The file is empty, truncated, damaged, or something else than an ONNX model, so that nothing can be said about the\n\
         network in it.\n\n\
         Fetch or export the file again. `python -c 'import onnx, sys; onnx.checker.check_model(sys.argv[1])' FILE` says\n\
         more about what is wrong. Files of other formats (PyTorch's `.pt`, Keras's `.h5`, TensorFlow Lite) have to be exported\n\
         to ONNX first.",
    ),
    (
        "E0102",
        "an operator has no spiking counterpart",
        "Spiking neurons add up currents and fire when a threshold is reached. What they say follows `max(x, 0)`: in the radix code the number\n\
         that their spikes are the digits of, in the rate code how often they fire. What can be converted is therefore\n\n\
         - everything that is linear in the activations: convolutions and transposed ones, products with constants (`MatMul`,\n  \
           `Einsum`), averages, sums, batch normalisation, linear interpolation, arithmetic with constants, and all that only\n  \
           moves or copies entries;\n\
         - rectifiers: `Relu`, `Clip`, `LeakyRelu`, `PRelu`, `Max` and `Min` with a constant;\n\
         - `MaxPool`, which has a spiking form of its own, and other maxima and minima over axes;\n\
         - activations that are rounded to steps from 0 to a largest value, as networks have them that are trained for conversion;\n\
         - quantised activations in the QDQ format: `QuantizeLinear` and `DequantizeLinear` with constant scales around operators of floats;\n\
         - a `Softmax`, `LogSoftmax` or `Sigmoid` at the very end, which is left to the reader of the spikes. With it goes what does not\n  \
           change the class: a positive factor, one column of two, `1 - p` beside `p`, bounds at 0 and 1.\n\n\
         Products of two activations (attention, gates), curved activations (Tanh, GELU, Sigmoid inside), normalisation by the image's own\n\
         statistics, recurrence, and control flow that depends on the image have no counterpart. What does not depend on the image is\n\
         evaluated, whatever it is: int8 weights behind `DequantizeLinear`, an `If` on a shape.\n\n\
         All such operators of the network are reported at once. Replace them and train again, or, if the network is useful\n\
         up to one of them, convert the part before it: name the tensor there with `--output NAME`.",
    ),
    (
        "E0103",
        "a supported operator is used in a way that is not supported",
        "The operator itself is converted, but not with this attribute, mode, number of dimensions or kind of operand. The note\n\
         says which. Nothing is ignored in silence: an attribute that is not understood is an error, too.\n\n\
         Most of these come from exporting in training mode (call `model.eval()` first), from interpolation other than by nearest\n\
         neighbours or linear, or from graphs that an optimiser has rewritten.",
    ),
    (
        "E0104",
        "the batch axis is lost or mixed",
        "The first axis of every tensor counts images, and a spiking network sees one image at a time. This operator joins the\n\
         batch to the features, moves it, cuts it, or computes across images, so that the result for one image would depend on\n\
         the others.\n\n\
         Write reshapes as `x.flatten(1)` or `x.reshape(x.shape[0], -1)`, squeeze named axes only, and reduce over axes\n\
         other than 0. If the file's batch is fixed at 1, the axis may go (`x.squeeze()`, `x[0]`), and it may be joined to\n\
         the axis behind it for a dense layer on every position (`x.reshape(-1, features)`): entry-wise operators, products with\n\
         matrices and reshapes go on without it; operators that count axes from the first do not.",
    ),
    (
        "E0105",
        "a size is only known at run time",
        "Every activation becomes neurons, so their number must be known: only the batch may be dynamic.\n\n\
         Export with a fixed image size; in PyTorch, leave height and width out of `dynamic_axes` or `dynamic_shapes`. An existing\n\
         file is fixed by\n\n    \
             python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name image --input_shape 1,3,224,224 in.onnx out.onnx",
    ),
    (
        "E0106",
        "weights outside of the model's file cannot be read",
        "Large models keep their weights in data files. These must lie in the model's folder or below it, since a model that could\n\
         name any file could read secrets: absolute paths, `..` and symbolic links that leave the folder are refused.\n\n\
         Put the data files beside the model, or save the model in one file:\n\n    \
             onnx.save_model(onnx.load(\"model.onnx\"), \"one.onnx\", save_as_external_data=False)",
    ),
    (
        "E0107",
        "it is not clear what goes in or comes out",
        "A classifier takes one image and gives one row of class scores. If the model has several outputs, name the one with the\n\
         scores with `--output NAME`; an output that is the class itself, or its name, has scores before it, and the message says which.\n\
         If it has several inputs that are not initialised, make all but the image constants.\n\
         One score is for two classes: the class is 1 where the score is above 0, or its sigmoid above a half.\n\
         An output that is a map rather than a row belongs to a detector or a segmenter, which cannot be converted.",
    ),
    (
        "E0108",
        "the model contradicts itself",
        "Tensors are missing, made twice or depend on themselves; shapes do not fit; weights are not finite; or sizes are absurd.\n\
         A runtime would refuse the model as well, or compute nonsense.\n\n\
         `onnx.checker.check_model(model, full_check=True)` usually says more. Infinite or undefined weights come from a\n\
         training that diverged or from an overflow on the way to float16.",
    ),
    (
        "E0109",
        "the operator set is not supported",
        "The meaning of ONNX operators depends on the operator set that the file was written for. Sets 7 to 25 are supported.\n\n\
         Export with `opset_version=17`, or convert the file:\n\n    \
             onnx.save(onnx.version_converter.convert_version(onnx.load(\"in.onnx\"), 17), \"out.onnx\")",
    ),
    (
        "E0110",
        "numbers grow beyond what 32-bit floats hold",
        "Every weight in the file is finite, but what a pass computes from them is not, or the scores of the network are not. A batch norm\n\
         with a tiny variance behind large weights does this, and so does a single flipped bit in a file.\n\n\
         Fetch the file again, or look at the layer that is named: `python -c 'import onnx, onnx.numpy_helper as h, sys; [print(t.name,\n\
         abs(h.to_array(t)).max()) for t in onnx.load(sys.argv[1]).graph.initializer if t.data_type == 1]' FILE` lists the largest weights.",
    ),
    (
        "E0111",
        "the float network is not what the file says",
        "Accuracy, agreement and the audit compare the spiking network with the float network: the file, imported and rewritten. So at every\n\
         compilation the float network is itself compared, on a few images, with an evaluation of the graph as it is in the file, and\n\
         where possible with another program's evaluation of the file. Here they differ by more than rounding explains.\n\n\
         Either numbers of very different size meet, so that 32-bit floats lose the smaller ones (an offset of 1e30 beside activations of\n\
         size 1), or snnc misreads the file. In the first case mend the numbers; in the second, please report the file.",
    ),
    (
        "E0112",
        "the currents of the network do not fit 32 bits",
        "An artifact is made of whole numbers, and no sum in it may leave 32 bits, for any image at all: that is proven layer by layer from\n\
         the weights and the largest input. What 1 stands for in a current is chosen so that it holds. Where a layer reads the current of another\n\
         layer instead of spikes, each has to leave room for the other, and along many such layers no choice does: the numbers grow from one to\n\
         the next, with nothing between them that bounds them.\n\n\
         The radix code (`--code radix`, the default) puts neurons between such layers, which bound what they say. In the rate code fewer\n\
         `--timesteps` leave more room, since potentials gather what arrives over all steps. Linear layers that follow each other without a\n\
         rectifier compute one linear map: multiplied out before the export, they are one layer.",
    ),
    (
        "E0113",
        "the read-out cannot be locked",
        "A lock (`--lock`, `snnc lock`) puts ciphertexts in the place of the last layer, so that the holder of a key alone reads what it says. That layer\n\
         has to be a linear map of counts: a linear layer or a convolution, over what neurons say or over sums and rearrangements of it. What follows\n\
         it is locked with it, and so are all layers that meet in the scores.\n\n\
         A network that ends with neurons or with a pooling has no weights to lock there; one whose last layer reads the image has nothing before it;\n\
         and sums can be so large that a ciphertext has no room for its noise. End the network with one linear layer, pool before it, or\n\
         take fewer time steps. docs/locked-readout.md says what a lock is good for, and what it is not.",
    ),
    (
        "E0201",
        "the network does not fit the target",
        "`--target` names a chip, or a file that says what a chip can hold, and the network has something that it cannot: other neurons, longer\n\
         numbers, an operator, a shape, or too much of anything. Each message names the limit as it stands in the profile, the node, the public source of\n\
         the number, and what would fit. What shapes tell is said before anything long begins; bits and thresholds are known when the network\n\
         is compiled. Nothing is written but the report, and the exit code is 1.\n\n\
         `snnc targets` lists the chips, `snnc targets NAME` prints a profile with its sources, from which to make one of your own;\n\
         `snnc inspect FILE --target NAME` says the same of a model or an artifact. docs/targets.md says what is not checked.",
    ),
    (
        "W0201",
        "the network has no rectifier",
        "Neurons take the place of rectifiers (`Relu`, `Clip`, `LeakyRelu`, `PRelu`). A network without any is one linear map: it\n\
         converts, but nothing in it spikes. Often this means that the wrong output was chosen.",
    ),
    (
        "W0202",
        "the model has several outputs",
        "A spiking network has one output: the currents of its classes. Of several graph outputs the first is compiled, and what\n\
         only the others need is left out. `--output NAME` chooses another and silences the warning.",
    ),
    (
        "W0203",
        "the network is not trained: that would take longer than it may",
        "By default a network of the rate code is trained through time on synthetic samples if that is estimated to take no longer than\n\
         ten minutes on two cores, or than `--budget` says; one of the radix code is trained only where `--train temporal` says so. The estimate counts operations, so it is the same on every machine and\n\
         in every run. Without training the weights are still those of the source network, and few time steps cost more accuracy.\n\n\
         `--train temporal` trains however long it takes; fewer `--epochs`, `--train-samples` or `--timesteps` make it shorter;\n\
         `--train none` says that calibration is enough.",
    ),
    (
        "W0204",
        "the training diverged",
        "The loss, or the answer to held-out samples, went out of bounds. What was learned until then is thrown away, and the artifact\n\
         holds the calibrated network.\n\n\
         Mostly the steps are too large: try half the `--learning-rate`, or a surrogate that is lower (`--surrogate triangle=0.3`).",
    ),
    (
        "W0205",
        "training found nothing as good",
        "No epoch answered the held-out samples as well as the network before training did (a loss that is larger by at most a quarter will\n\
         do, if as many samples agree), so its weights were not taken: the artifact holds the calibrated network.\n\n\
         Mostly there are too few samples or epochs, or the learning rate is too large.",
    ),
    (
        "W0206",
        "pixels may be scaled twice",
        "Many networks are exported with their preprocessing: the first thing that they do is to divide pixels by 255, or to subtract\n\
         means of more than 1. Such a network takes pixels from 0 to 255 as they are. Without `--scale` they are divided by 255\n\
         before they go in, so the network would see a black image, and samples for calibration would be as dark.\n\n\
         `--scale 1` gives the network pixels as they are. `--scale 255` says that it takes values from 0 to 1 all the same, and\n\
         silences the warning. Of a model whose input is of integers nothing needs to be said: it gets pixels as they are, or, where\n\
         these are int8, less 128. `--mean` takes another whole number with which they fit.",
    ),
    (
        "W0207",
        "values of the images lie outside of the range that the artifact knows",
        "A spiking network takes whole numbers: every value of an image becomes the nearest of those that the artifact has, and its range is\n\
         that of 8-bit pixels after the preprocessing of the compilation (`--scale`, `--mean`, `--std`; `snnc inspect` shows it). Values beyond\n\
         the least or the greatest are taken for these, so the network sees other images than the float network does.\n\n\
         Mostly images were given as floats that are scaled otherwise than the model reads them, or the artifact was compiled without the\n\
         model's means and deviations. 8-bit pixels always fit.",
    ),
];

/// The explanation of a code.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(c, ..)| c.eq_ignore_ascii_case(code)).map(|(_, _, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_found() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(explain("e0102").is_some_and(|text| text.contains("MaxPool")));
        assert_eq!(explain("E9999"), None);
    }
}

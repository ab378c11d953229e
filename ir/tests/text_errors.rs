//! What is wrong with a text, and where.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use snnc_ir::text;

const VALID: &str = r#"graph @g imported {
  %0 = input : f32[1x2x4x4] "x"
  %1 = conv2d %0, @w {pads=1} : f32[1x1x4x4] "/conv" + "/bn"
  %2 = max_pool2d %1 {kernel=2, stride=2} : f32[1x1x2x2] "/pool"
  output %2 "y" {head=softmax}
  @w : f32[1x2x3x3] = splat(1) source
}
"#;

/// Replaces `from`, which stands in [`VALID`] once, by `to`, and expects the error `line:column: message`.
#[track_caller]
fn refused(from: &str, to: &str, expected: &str) {
    assert_eq!(VALID.matches(from).count(), 1, "`{from}` must stand in the text once");
    let text = VALID.replace(from, to);
    let error = text::parse(&text).map(|_| ()).expect_err("the text is wrong");
    assert_eq!(format!("{}:{}: {}", error.line, error.column, error.message), expected);
}

#[test]
fn the_text_that_the_others_break_is_valid() {
    text::parse(VALID).unwrap();
}

#[test]
fn header() {
    refused("graph", "graf", "1:1: a text form (`graph`) should stand here, not `graf`");
    refused("@g", "g", "1:7: `@` and a name should stand here, not `g`");
    refused("@g", "@g-1", "1:8: the name `g-1` must stand in quotes");
    refused(
        "imported",
        "done",
        "1:10: a phase (`imported`, `canonical`, `spiking`, `calibrated`, `trained`, `whole`) should stand here, not `done`",
    );
    refused("imported {", "imported", "1:18: `{` should stand here, not the end of the line");
    refused("source\n}\n", "source\n", "7:1: a node (`%`), `output`, a parameter (`@`) or `}` should stand here, not the end of the text");
    refused("source\n}\n", "source\n}\n}\n", "8:1: nothing may follow the graph, but `}` does");
}

#[test]
fn characters() {
    refused("%1 = conv2d", "%1 = conv2d !", "3:15: the character '!' has no meaning here");
    refused("%1 = conv2d", "ü%1 = conv2d", "3:3: the character 'ü' has no meaning here");
    refused("\"/bn\"", "\"/bn", "3:56: the quoted text does not end on its line");
    refused("\"/conv\"", "\"\\q\"", "3:47: after `\\` comes one of `\"`, `\\`, `n`, `r`, `t` or a character's number as `u{1f}`");
    refused("\"/conv\"", "\"\\u{d800}\"", "3:47: after `\\` comes one of `\"`, `\\`, `n`, `r`, `t` or a character's number as `u{1f}`");
}

#[test]
fn nodes() {
    refused("%1 = conv2d", "%1 conv2d", "3:6: `=` should stand here, not `conv2d`");
    refused("%1 = conv2d", "%one = conv2d", "3:4: `one` is no whole number");
    refused("%1 = conv2d", "%99999999999 = conv2d", "3:4: 99999999999 is larger than 2147483647");
    refused("conv2d %0, @w", "conv3d %0, @w", "3:8: there is no operator `conv3d`");
    refused("conv2d %0, @w", "conv2d %0 @w", "3:18: `:` and the type of the result should stand here, not `@`");
    refused("conv2d %0, @w", "conv2d %0, @w,", "3:23: an operand (`%`) or a parameter (`@`) should stand here, not `{`");
    refused("conv2d %0, @w", "conv2d @w, %0", "3:19: a parameter (`@`), since operands come before parameters, should stand here, not `%`");
    refused("conv2d %0, @w", "conv2d %2, @w", "3:15: `%2` is not made above this line");
    refused("conv2d %0, @w", "conv2d %0, @v", "3:19: there is no parameter `@v`");
    refused("conv2d %0, @w", "conv2d %0, @w, @w, @w", "3:8: `conv2d` takes 1 or 2 parameters (`@`), not 3");
    refused("conv2d %0, @w", "conv2d @w", "3:8: `conv2d` wants one operand, not 0");
    refused("%0 = input", "%0 = input @w", "2:8: `input` takes 0 parameters (`@`), not 1");
    refused("%1 = conv2d %0, @w {pads=1}", "%1 = input %0", "3:8: `input` takes no operand");
    refused("%2 = max", "%1 = max", "4:3: `%1` is made twice");
    refused("\"/conv\" +", "\"/conv\"", "3:54: the end of the line should stand here, not \"/bn\"");
    refused("+ \"/bn\"", "+", "3:55: the name of another ONNX node, in quotes, should stand here, not the end of the line");
}

#[test]
fn types() {
    refused("f32[1x1x4x4]", "f64[1x1x4x4]", "3:33: an element type (`f32`, `spike`) should stand here, not `f64`");
    refused("f32[1x1x4x4]", "f32(1x1x4x4)", "3:36: `[` and the shape should stand here, not `(`");
    refused("f32[1x1x4x4]", "f32[1xx4]", "3:37: `` is no whole number");
    refused("f32[1x1x4x4]", "f32[1x-4]", "3:37: -4 is negative");
    refused("f32[1x1x4x4]", "f32[99999x99999]", "3:33: the shape 99999x99999 has too many entries");
    refused("f32[1x1x4x4]", "f32[1x1x4x5]", "3:33: the type is f32[1x1x4x5] and should be f32[1x1x4x4]");
    refused("f32[1x1x4x4]", "spike[1x1x4x4]", "3:33: the type is spike[1x1x4x4] and should be f32[1x1x4x4]");
    refused("f32[1x2x3x3]", "f32[1x3x3x3]", "3:8: weight 1x3x3x3 in 1 groups does not fit 2 channels");
}

#[test]
fn attributes() {
    refused("{pads=1}", "{pads}", "3:27: `=` and the attribute's value should stand here, not `}`");
    refused("{pads=1}", "{pads=}", "3:28: a value should stand here, not `}`");
    refused("{pads=1}", "{pads=1", "3:35: `,` or `}` should stand here, not `[`");
    refused("{pads=1}", "{pads=1, pads=1}", "3:31: the attribute `pads` is given twice");
    refused("{pads=1}", "{pad=1}", "3:23: `conv2d` has no attribute `pad`");
    refused("{pads=1}", "{pads=-1}", "3:23: -1 is negative");
    refused("{pads=1}", "{pads=1.5}", "3:23: `1.5` is no whole number");
    refused("{pads=1}", "{pads=[1, 1]}", "3:23: `pads` wants one whole number or a list of 4");
    refused("{pads=1}", "{pads=[1:1, 1:1]}", "3:23: `pads` wants a list of whole numbers");
    refused("{pads=1}", "{pads=1:1}", "3:23: `pads` wants a whole number");
    refused("{pads=1}", "{pads=[1, 1, 1, 1}", "3:39: `,` or `]` should stand here, not `}`");
    refused("{kernel=2, stride=2}", "{stride=2}", "4:8: `max_pool2d` wants the attribute `kernel`");
    refused("{kernel=2, stride=2}", "{kernel=2, ceil=1}", "4:33: `ceil` wants `false` or `true`");
    refused("{kernel=2, stride=2}", "{kernel=2, stride=0}", "4:8: a 2x2 window does not fit f32[1x1x4x4]");
    refused("max_pool2d %1 {kernel=2, stride=2}", "pad %1", "4:8: `pad` wants the attribute `pads`");
    refused("max_pool2d %1 {kernel=2, stride=2}", "pad %1 {pads=[1, 1]}", "4:16: `pads` wants a list of `before:after`");
    refused(
        "max_pool2d %1 {kernel=2, stride=2}",
        "pad %1 {pads=[]}",
        "4:8: padding must name every axis of f32[1x1x4x4] and leave the batch alone",
    );
    refused("max_pool2d %1 {kernel=2, stride=2}", "leaky_relu %1 {slope=x}", "4:23: `x` is no number");
    refused("max_pool2d %1 {kernel=2, stride=2}", "leaky_relu %1 {slope=1e39}", "4:23: `1e39` is too large for 32 bits");
    refused("max_pool2d %1 {kernel=2, stride=2}", "leaky_relu %1", "4:8: `leaky_relu` wants the attribute `slope`");
    refused("max_pool2d %1 {kernel=2, stride=2}", "if_neuron %1, @w", "4:8: `if_neuron` takes 2 parameters (`@`), not 1");
    refused("max_pool2d %1 {kernel=2, stride=2}", "lif_neuron %1, @w, @w", "4:8: `lif_neuron` takes 3 parameters (`@`), not 2");
    refused("max_pool2d %1 {kernel=2, stride=2}", "softmax %1 {axis=4}", "4:8: axis 4 is the batch of f32[1x1x4x4] or outside it");
}

#[test]
fn outputs() {
    refused("output %2", "output %9", "5:10: there is no node `%9`");
    refused("output %2 \"y\"", "output %2 y", "5:13: the name of the output, in quotes, should stand here, not `y`");
    refused("head=softmax", "head=argmax", "5:18: `head` wants `none` or `relu` or `softmax` or `log_softmax` or `sigmoid`");
    refused("head=softmax", "axis=1", "5:18: `output` has no attribute `axis`");
    refused("  @w : f32[1x2x3x3]", "  output %1 \"z\"\n  @w : f32[1x2x3x3]", "6:3: the output is given twice");
}

#[test]
fn parameters() {
    let values = "f32[1x2x3x3] = splat(1)";
    refused(values, "spike[1x2x3x3] = splat(1)", "6:8: a parameter is always f32");
    refused(values, "f32[1x2x3x3] = [1, 2]", "6:23: 2 values are given for 18 entries");
    refused(values, "f32[1x2x3x3] = [1, two]", "6:27: `two` is no number");
    refused(values, "f32[1x2x3x3] = splat(1, 2)", "6:23: `splat` takes 1 arguments, not 2");
    refused(values, "f32[1x2x3x3] = ramp(1)", "6:23: `ramp` takes 2 arguments, not 1");
    refused(values, "f32[1x2x3x3] = noise(-1, 2)", "6:29: the seed `-1` is no whole number of 64 bits");
    refused(values, "f32[1x2x3x3] = zeros(1)", "6:23: `[`, `splat`, `ramp` or `noise` should stand here, not `zeros`");
    refused(
        values,
        "f32[1x2x3x3] = dense(0123456789abcdef, min=0, max=1, mean=0.5)",
        "6:23: `dense(..)` only summarises the values of `@w`: write them as a list, or use `splat`, `ramp` or `noise`",
    );
    refused(values, "f32[65536x1025] = splat(1)", "6:8: the parameters have more than 67108864 entries together");
    refused(
        "splat(1) source",
        "splat(1)",
        "6:31: a provenance (`source`, `derived`, `trained`, `fixed`) should stand here, not the end of the line",
    );
    refused("splat(1) source\n", "splat(1) source\n  @w : f32[1] = splat(1) source\n", "7:3: the parameter `@w` is given twice");
}

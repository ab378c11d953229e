//! What the importer makes of ONNX files: fixtures against ONNX Runtime's output, real models against tract.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that fails may panic, and says what it skips")]

use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use serde_json::Value;
use snnc::{
    error::Error,
    import::{BatchKind, ImportOptions, Imported, import},
};
use snnc_ir::{
    Diagnostic, Operator, Phase, Provenance, Tensor,
    eval::{self, Mode},
    verify,
};
use std::{
    fs::File,
    path::{Path, PathBuf},
};
use tract_onnx::{
    prelude::{Framework, InferenceFact, InferenceModelExt, IntoRunnable, TractResult, tvec},
    tract_hir::infer::Factoid,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/onnx")
}

fn index() -> Value {
    serde_json::from_reader(File::open(fixtures().join("index.json")).unwrap()).unwrap()
}

/// The folder of real models, which is not part of the project.
fn models() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no {}", folder.display());
    None
}

fn named(output: Option<&str>) -> ImportOptions {
    ImportOptions { output: output.map(str::to_owned) }
}

fn diagnostics(path: &Path) -> Vec<Diagnostic> {
    match import(path, &ImportOptions::default()) {
        Err(Error::Diagnostics(list)) => list,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn array(npz: &mut NpzReader<File>, name: &str) -> Tensor {
    let array: ArrayD<f32> = npz.by_name(name).unwrap();
    Tensor::new(array.shape().to_vec(), array.iter().copied().collect())
}

/// Largest difference relative to the range of the expected values.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / (high - low).max(1e-6)
}

#[test]
fn fixtures_compute_what_onnx_runtime_computes() {
    let mut failures = Vec::new();
    let index = index();
    let good = index["good"].as_array().unwrap();
    for entry in good {
        let name = entry["name"].as_str().unwrap();
        let path = fixtures().join(entry["file"].as_str().unwrap());
        let output = entry["output"].as_str();
        let imported = match import(&path, &named(output)) {
            Ok(imported) => imported,
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        check_form(name, &imported);
        assert_eq!(imported.opset, entry["opset"].as_i64().unwrap(), "{name}");
        let mut npz = NpzReader::new(File::open(fixtures().join(entry["data"].as_str().unwrap())).unwrap()).unwrap();
        let (x, y) = (array(&mut npz, "x"), array(&mut npz, "y"));
        let result = eval::run(&imported.graph, &x, Mode::Float).unwrap_or_else(|e| panic!("{name}: {e}"));
        // A factor behind the head is left out, and what it was shifted by.
        let (factor, offset) = (entry["factor"].as_f64().unwrap_or(1.0) as f32, entry["offset"].as_f64().unwrap_or(0.0) as f32);
        let expected = y.map(|v| (v - offset) / factor);
        let difference = difference(&result.data, &expected.data);
        let tolerance = entry["tolerance"].as_f64().unwrap_or(1e-4) as f32;
        if difference.is_nan() || difference > tolerance {
            failures.push(format!("{name}: differs by {difference}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), good.len(), failures.join("\n"));
}

/// What holds for every imported network.
fn check_form(name: &str, imported: &Imported) {
    let graph = &imported.graph;
    verify(graph).unwrap_or_else(|violations| panic!("{name}: {violations}"));
    assert_eq!(graph.phase, Phase::Imported);
    let output = graph.output().unwrap();
    assert!(matches!(graph[output.node].ty.dims[..], [1, _]), "{name}: {}", graph[output.node].ty);
    assert_eq!(imported.source_sha256.len(), 64);
    for id in graph.node_ids() {
        assert!(!graph[id].origin.0.is_empty(), "{name}: a node without origin");
        let head = matches!(graph[id].op, Operator::Softmax { .. } | Operator::LogSoftmax { .. } | Operator::Sigmoid);
        assert!(!head || id == output.node, "{name}: a softmax or sigmoid that is not last");
    }
}

/// Code of each fixture to reject, and a node that its diagnostics name; no node where the file as a whole is wrong.
const REJECTED: &[(&str, &str, Option<&str>)] = &[
    ("lstm", "E0102", Some("/LSTM_3")),
    ("sigmoid", "E0102", Some("/Sigmoid_4")),
    ("several_unsupported", "E0102", Some("/Tanh_4")),
    ("conv_integer", "E0102", Some("/ConvInteger_2")),
    ("qlinear_conv", "E0102", Some("/QLinearConv_2")),
    ("dynamic_quantize", "E0102", Some("/DynamicQuantizeLinear_3")),
    ("qdq_integers_added", "E0103", Some("/Add_4")),
    ("qdq_blocked_activation", "E0103", Some("/QuantizeLinear_3")),
    ("if_control_flow", "E0102", Some("/If_5")),
    ("softmax_middle", "E0102", Some("/Softmax_3")),
    ("softmax_weighted", "E0103", Some("/Mul_6")),
    ("sigmoid_threshold", "E0103", Some("/Sub_6")),
    ("softmax_one_score", "E0103", Some("/Softmax_5")),
    ("softmax_added", "E0103", Some("/Add_6")),
    ("cast_like_float8", "E0102", Some("/CastLike_3")),
    ("label_argmax", "E0107", Some("/ArgMax_6")),
    ("label_sklearn", "E0107", Some("/ArgMax_5")),
    ("label_bound_first", "E0107", Some("/Less_6")),
    ("imputer", "E0102", Some("/Imputer_1")),
    ("matmul_activations", "E0102", Some("/MatMul_5")),
    ("mul_activations", "E0102", Some("/Mul_5")),
    ("dynamic_spatial", "E0105", None),
    ("batch_folded", "E0104", None),
    ("batch_in_features", "E0104", Some("/Reshape_1")),
    ("batch_mean", "E0104", Some("/ReduceMean_3")),
    ("instance_norm", "E0102", Some("/InstanceNormalization_4")),
    ("layer_norm", "E0102", Some("/LayerNormalization_5")),
    ("resize", "E0103", Some("/Resize_3")),
    ("resize_batch", "E0104", Some("/Resize_3")),
    ("einsum_activations", "E0102", Some("/Einsum_2")),
    ("einsum_diagonal", "E0103", Some("/Einsum_1")),
    ("einsum_batch", "E0104", Some("/Einsum_1")),
    ("add_across_batch", "E0104", Some("/Add_3")),
    ("expand_batch", "E0104", Some("/Expand_4")),
    ("if_batch", "E0104", Some("/If_6")),
    ("squeezed_then_pooled", "E0104", Some("/GlobalAveragePool_4")),
    ("sparse_outside", "E0108", Some("/Add_5")),
    ("sparse_bomb", "E0108", Some("/ReduceMean_5")),
    ("tile_bomb", "E0108", Some("/Tile_3")),
    ("conv_transpose_misfit", "E0108", Some("/ConvTranspose_1")),
    ("function_twice", "E0103", None),
    ("unknown_domain", "E0102", Some("/WarpDrive_3")),
    ("unknown_operator", "E0102", Some("/FrobnicateLinear_3")),
    ("two_inputs", "E0107", None),
    ("image_output", "E0107", None),
    ("empty_file", "E0101", None),
    ("truncated", "E0101", None),
    ("text_file", "E0101", None),
    ("no_graph", "E0101", None),
    ("no_outputs", "E0108", None),
    ("output_not_made", "E0108", None),
    ("no_opset", "E0109", None),
    ("external_outside", "E0106", Some("/Conv_1")),
    ("external_absolute", "E0106", Some("/Conv_1")),
    ("external_missing", "E0106", Some("/Conv_1")),
    ("external_beyond_end", "E0106", Some("/Conv_1")),
    ("cyclic", "E0108", Some("/Conv_1")),
    ("cyclic_cast", "E0108", Some("/Cast")),
    ("missing_tensor", "E0108", Some("/Conv_1")),
    ("duplicate_output", "E0108", Some("/Relu_2")),
    ("wrong_weight_shape", "E0108", Some("/Conv_1")),
    ("wrong_gemm_shape", "E0108", Some("/Gemm_4")),
    ("short_raw_data", "E0108", Some("/Conv_1")),
    ("huge_dimensions", "E0108", Some("/Conv_1")),
    ("negative_dimension", "E0108", Some("/Conv_1")),
    ("constant_bomb", "E0108", Some("/ConstantOfShape_1")),
    ("nan_weights", "E0108", Some("/Conv_1")),
    ("infinite_weights", "E0108", Some("/Gemm_4")),
    ("floor_unbounded", "E0102", Some("/Floor_3")),
    ("layer_norm_written_out", "E0102", Some("/Div_10")),
    ("zero_channels", "E0108", Some("/Conv_1")),
    ("zero_size_input", "E0108", None),
    ("zero_stride", "E0108", Some("/Conv_1")),
    ("kernel_too_large", "E0108", Some("/Conv_1")),
    ("recursive_function", "E0108", Some("/Loop_3")),
    ("function_bomb", "E0108", None),
];

#[test]
fn fixtures_to_reject_are_rejected() {
    let mut failures = Vec::new();
    for entry in index()["reject"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let path = fixtures().join(entry["file"].as_str().unwrap());
        // What a pass or a comparison finds out later; `tests/cli.rs` sees what is said then.
        if entry["imports"] == true {
            if let Err(error) = import(&path, &ImportOptions::default()) {
                failures.push(format!("{name}: {error}"));
            }
            continue;
        }
        let Some((_, code, node)) = REJECTED.iter().find(|(n, ..)| *n == name) else {
            failures.push(format!("{name}: not in the table of this test"));
            continue;
        };
        match import(&path, &ImportOptions::default()) {
            Err(Error::Diagnostics(list)) => {
                let shown = || list.iter().map(|d| format!("\n    {d} {:?} {:?}", d.notes, d.helps)).collect::<String>();
                let named = list.iter().filter(|d| d.code == *code).any(|d| match node {
                    Some(node) => d.place.node.as_ref().is_some_and(|n| n.starts_with(node)),
                    None => d.place.node.is_none(),
                });
                if !named || list.iter().any(|d| d.place.file != path.display().to_string()) {
                    failures.push(format!("{name}: expected {code} at {node:?}, found{}", shown()));
                }
            }
            Err(other) => failures.push(format!("{name}: {other}")),
            Ok(_) => failures.push(format!("{name}: accepted")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn all_unsupported_nodes_are_listed_at_once() {
    let list = diagnostics(&fixtures().join("reject/several_unsupported.onnx"));
    let found: Vec<&str> = list.iter().map(|d| d.headline.as_str()).collect();
    for op in ["Tanh", "Erf", "Elu"] {
        assert!(found.contains(&format!("operator `{op}` has no spiking counterpart").as_str()), "{found:?}");
    }
    let tanh = &list[0];
    assert_eq!(tanh.place.node.as_deref(), Some("/Tanh_4"));
    assert_eq!(tanh.place.detail.as_deref(), Some("opset 17"));
    assert_eq!(tanh.notes[0], "input: `t3`, f32[1x4x4x4]");
    assert!(list.iter().all(|d| !d.helps.is_empty()));
}

#[test]
fn of_several_outputs_the_first_is_taken_with_a_warning() {
    let path = fixtures().join("two_outputs.onnx");
    let first = import(&path, &ImportOptions::default()).unwrap();
    assert_eq!(first.graph.output().unwrap().name, "logits");
    let [warning] = &first.warnings[..] else { panic!("one warning") };
    assert_eq!((warning.code, &warning.notes[..]), ("W0202", &["left out: `features`".to_owned()][..]));
    assert!(import(&path, &named(Some("logits"))).unwrap().warnings.is_empty());
    let unknown = import(&path, &named(Some("logit"))).unwrap_err();
    assert!(unknown.to_string().starts_with("[E0107] the model has no tensor `logit`"), "{unknown}");
    let features = import(&path, &named(Some("features"))).unwrap();
    assert_eq!(features.graph[features.graph.output().unwrap().node].ty.dims, [1, 64]);
}

#[test]
fn metadata_and_names_are_kept() {
    let path = fixtures().join("external_data.onnx");
    let imported = import(&path, &ImportOptions::default()).unwrap();
    assert_eq!(imported.dependencies, [path, fixtures().join("external_data.data")]);
    assert_eq!(imported.producer, "make_onnx.py");
    assert_eq!(imported.batch, BatchKind::Dynamic);
    let graph = &imported.graph;
    let names: Vec<&str> = graph.params().map(|(_, p)| p.name.as_str()).collect();
    assert_eq!(names, ["w0", "b1", "w2", "b3"]);
    assert!(graph.params().all(|(_, p)| p.provenance == Provenance::Source));
    let origins: Vec<String> = graph.topological().into_iter().map(|id| graph[id].origin.to_string()).collect();
    assert_eq!(origins, ["image", "/Conv_1", "/Relu_2", "/MaxPool_3", "/Flatten_4", "/Gemm_5"]);

    let other = import(&fixtures().join("conv_grouped.onnx"), &ImportOptions::default()).unwrap();
    assert_ne!(imported.source_sha256, other.source_sha256);
    let fixed = import(&fixtures().join("reshape_fixed_batch.onnx"), &ImportOptions::default()).unwrap();
    assert_eq!(fixed.batch, BatchKind::Fixed(3));
}

#[test]
fn images_of_integers_are_told_apart() {
    for (name, range) in [
        ("integer_image_moved", Some((0.0, 255.0))),
        ("nhwc_transposes", None),
        ("qdq_int8_image", Some((-128.0, 127.0))),
        ("qdq_uint8_scores", Some((0.0, 255.0))),
        ("qdq_relu", None),
    ] {
        let imported = import(&fixtures().join(format!("{name}.onnx")), &ImportOptions::default()).unwrap();
        assert_eq!(imported.input_integers.map(|integers| (integers.low, integers.high)), range, "{name}");
    }
}

#[test]
fn branches_are_named_after_their_node() {
    let imported = import(&fixtures().join("if_constant.onnx"), &ImportOptions::default()).unwrap();
    let graph = &imported.graph;
    let origins: Vec<String> = graph.topological().into_iter().map(|id| graph[id].origin.to_string()).collect();
    assert!(origins.iter().any(|origin| origin.starts_with("/If_") && origin.ends_with("//Squeeze")), "{origins:?}");
}

#[test]
fn a_network_without_rectifiers_is_warned_of() {
    // The mean of one operand is that operand, and its name is as long as that of the rectifier.
    let mut bytes = std::fs::read(fixtures().join("gemm_gemm.onnx")).unwrap();
    let operator = |name: &str| [b"\x22\x04", name.as_bytes()].concat();
    let at = bytes.windows(6).position(|w| w == operator("Relu")).unwrap();
    bytes[at..at + 6].copy_from_slice(&operator("Mean"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("linear.onnx");
    std::fs::write(&path, bytes).unwrap();
    let linear = import(&path, &ImportOptions::default()).unwrap();
    assert_eq!(linear.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["W0201"]);
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for name in [
        "opset11_dynamic_pad",
        "local_function_nested",
        "maxpool_chain",
        "opset13_split_input",
        "slice_negative",
        "shape_range_cast",
        "if_nested",
        "if_chain",
        "sparse_weights",
        "einsum_forms",
        "matmul_others",
        "conv_transpose_strides",
        "conv_transpose_output_shape",
        "resize_linear",
        "resize_align_corners_floor",
        "pad_modes",
        "qdq_integers_moved",
        "qdq_scale_a_channel",
        "qdq_int8_image",
        "masks",
        "depth_to_space",
        "concat_constants",
        "expand_tile",
        "dequantised_blocks",
        "constant_indexing",
        "squeeze_batch_mixed",
    ] {
        let whole = std::fs::read(fixtures().join(format!("{name}.onnx"))).unwrap();
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = match random(4) {
                    0 => 0xff,
                    1 => 0,
                    2 => bytes[at] ^ (1 << random(8)),
                    _ => random(256) as u8,
                };
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = import(&path, &ImportOptions::default()) {
                assert!(matches!(error, Error::Diagnostics(_)), "{name}: {error}");
            }
        }
    }
}

/// One pseudo-random image in the range of normalised pixels.
fn image(dims: &[usize]) -> Tensor {
    let mut state = 1u64;
    let len = dims.iter().product();
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    Tensor::new(dims.to_vec(), std::iter::repeat_with(next).take(len).collect())
}

fn run_with_tract(path: &Path, image: &Tensor, output: Option<&str>) -> TractResult<Vec<f32>> {
    let mut model = tract_onnx::onnx().model_for_path(path)?;
    if let Some(name) = output {
        model = model.with_outputs_by_name([name])?;
    }
    let element = model.input_fact(0)?.datum_type.concretize().unwrap();
    model.set_input_fact(0, InferenceFact::dt_shape(element, &image.dims))?;
    let runnable = model.into_optimized()?.into_runnable()?;
    let input = tract_onnx::prelude::Tensor::from_shape(&image.dims, &image.data)?;
    let result = runnable.run(tvec!(input.cast_to_dt(element)?.into_owned().into()))?;
    let result = result[0].cast_to::<f32>()?;
    Ok(result.to_plain_array_view::<f32>()?.iter().copied().collect())
}

#[test]
fn real_models_are_imported() {
    let Some(folder) = models() else { return };
    let manifest: Value = serde_json::from_reader(File::open(folder.join("manifest.json")).unwrap()).unwrap();
    let mut failures = Vec::new();
    for entry in manifest.as_array().or(manifest["models"].as_array()).unwrap() {
        let (name, expect) = (entry["name"].as_str().unwrap(), entry["expect"].as_str().unwrap());
        let path = folder.join(entry["file"].as_str().unwrap());
        let several = entry["outputs"].as_array().unwrap().len() > 1;
        let output = several.then(|| entry["outputs"][0]["name"].as_str().unwrap());
        let is_quantised = entry["ops"].as_object().unwrap().contains_key("QuantizeLinear");
        match (import(&path, &named(output)), expect) {
            // tract cannot run them; `tests/equality.rs` compares with ONNX Runtime.
            (Ok(imported), _) if is_quantised => {
                check_form(name, &imported);
                assert!(imported.warnings.is_empty(), "{name}: {:?}", imported.warnings);
                assert!(imported.graph.node_ids().into_iter().any(|id| imported.graph[id].op == Operator::Round), "{name}");
            }
            (Ok(imported), "convert" | "convert or reject clearly") => {
                check_form(name, &imported);
                assert!(imported.warnings.is_empty(), "{name}: {:?}", imported.warnings);
                assert_eq!(imported.opset, entry["opset"].as_i64().unwrap(), "{name}");
                let graph = &imported.graph;
                let image = image(&graph[graph.input().unwrap()].ty.dims);
                let found = eval::run(graph, &image, Mode::Float).unwrap();
                // tract cannot run every float16 model; its float32 sibling serves as well.
                let sibling = folder.join("aka_resnet20_opset13_fold.onnx");
                let reference = if name == "aka_resnet20_fp16" { &sibling } else { &path };
                let expected = run_with_tract(reference, &image, output).unwrap();
                let difference = difference(&found.data, &expected);
                eprintln!("{name}: {} nodes, differs by {difference:e}", graph.len());
                let tolerance = if name.contains("fp16") { 2e-2 } else { 1e-4 };
                if difference.is_nan() || difference > tolerance {
                    failures.push(format!("{name}: differs by {difference}"));
                }
            }
            (Err(Error::Diagnostics(list)), "reject") => {
                let count = |op: &str| list.iter().filter(|d| d.headline == format!("operator `{op}` has no spiking counterpart")).count();
                for (op, n) in entry["ops"].as_object().unwrap() {
                    let listed = count(op) as u64;
                    let fits = match op.as_str() {
                        "Sigmoid" => listed == n.as_u64().unwrap(),
                        _ => true,
                    };
                    if !fits {
                        failures.push(format!("{name}: {} of {n} {op} are listed", count(op)));
                    }
                }
                let others: Vec<_> = list.iter().filter(|d| d.code != "E0102" && d.place.node.is_some()).map(ToString::to_string).collect();
                if !others.is_empty() {
                    failures.push(format!("{name}: {others:?}"));
                }
            }
            (result, _) => failures.push(format!("{name}: {:?}", result.map(|_| "imported").map_err(|e| e.to_string()))),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

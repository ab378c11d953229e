//! Short names for the diagnostics of the importer. Rules return them without a place; the driver knows it.

use snnc_ir::Diagnostic;

/// A diagnostic on its way up.
pub(super) type Problem = Box<Diagnostic>;

/// Result of a rule.
pub(super) type Outcome<T> = Result<T, Problem>;

/// E0101: the file is not an ONNX model.
pub(super) fn unreadable(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0101", headline)
}

/// E0102: an operator that spikes cannot do.
pub(super) fn no_counterpart(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0102", headline)
}

/// E0103: a supported operator used in an unsupported way.
pub(super) fn unsupported_use(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0103", headline)
}

/// E0104: the batch axis is lost, moved or mixed.
pub(super) fn batch_lost(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0104", headline).help("keep the batch as the first axis of every tensor, and treat images one by one")
}

/// E0105: a size that is only known at run time.
pub(super) fn dynamic_size(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0105", headline)
}

/// E0106: weights outside the model's file that cannot be had.
pub(super) fn external_data(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0106", headline)
}

/// E0107: it is not clear what goes in or comes out.
pub(super) fn interface(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0107", headline)
}

/// E0108: the model contradicts itself or the ONNX specification.
pub(super) fn malformed(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0108", headline)
}

/// E0109: an operator set that is not supported.
pub(super) fn bad_opset(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0109", headline)
}

//! Networks that look at pictures: the judge says what they show, features say how near they are to real ones.

use super::{
    metrics::{Metric, Unit, distance::Features, interval},
    pictures::Pictures,
};
use crate::{
    error::{Error, Result},
    float::{canonical, preprocessing},
    observer::Silent,
    options::{Pixels, Preprocess},
};
use snnc_engine::{Network, loss::log_softmax};
use snnc_ir::{Graph, NodeId, Operator};
use snnc_runtime::argmax;
use std::{collections::BTreeMap, path::Path};

/// Pictures that go through together.
const BATCH: usize = 32;

/// A judge is sure of a class that it gives this probability.
const SURE: f64 = 0.9;

/// The name of a metric of a judge, counted from 0: the first judge's has no number.
#[must_use]
pub fn by_judge(name: &str, judge: usize) -> String {
    if judge == 0 { name.to_owned() } else { format!("{name}_by_{}", judge + 1) }
}

/// A classifier that looks at pictures.
pub struct Juror {
    network: Network<'static>,
    /// What its last linear layer reads, if it has one: its features.
    before_last: Option<NodeId>,
    dims: Vec<usize>,
    classes: usize,
    preprocess: Preprocess,
    sha256: String,
}

/// What it sees.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `[N, classes]`.
    pub logits: Vec<f32>,
    /// `[N, len]`.
    pub features: Vec<f32>,
}

impl Juror {
    /// Reads a classifier; options that begin with `prefix` say how it gets pixels.
    ///
    /// # Errors
    /// If it cannot be read or run, or takes integers and pixels were to be something else.
    pub fn open(path: &Path, pixels: &Pixels, prefix: &str) -> Result<Self> {
        let (imported, graph) = canonical(path, None, &mut Silent)?;
        Self::new(&graph, preprocessing(&imported, pixels, prefix)?, imported.source_sha256)
    }

    /// A float network as a judge.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn new(graph: &Graph, preprocess: Preprocess, sha256: String) -> Result<Self> {
        let broken = || Error::Internal("a verified graph has an input and an output".into());
        let (input, output) = (graph.input().ok_or_else(broken)?, graph.output().ok_or_else(broken)?);
        let before_last = before_last(graph, output.node);
        let kept: Vec<NodeId> = before_last.into_iter().collect();
        Ok(Self {
            network: Network::float(graph, &kept)?.into_owned(),
            before_last,
            dims: graph[input].ty.dims.clone(),
            classes: graph[output.node].ty.len(),
            preprocess,
            sha256,
        })
    }

    /// Number of classes that it tells apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// SHA-256 of its file.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Looks at pictures.
    ///
    /// # Errors
    /// If they do not fit its input.
    pub fn look(&self, name: &str, pictures: &Pictures) -> Result<Seen> {
        if pictures.is_empty() {
            return Ok(Seen::default());
        }
        let images = pictures.to_model(name, &self.dims, &self.preprocess)?;
        let kept: Vec<NodeId> = self.before_last.into_iter().collect();
        let mut seen = Seen::default();
        for (logits, features) in self.network.side_by_side(&images, BATCH, &kept) {
            seen.features.extend(features.first().unwrap_or(&logits));
            seen.logits.extend(logits);
        }
        Ok(seen)
    }
}

impl Seen {
    /// The features, of so many pictures.
    #[must_use]
    pub fn features(&self, count: usize) -> Features<'_> {
        Features { values: &self.features, len: self.features.len() / count.max(1) }
    }

    /// How often the judge names the class that was to be shown.
    #[must_use]
    pub fn recognition(&self, name: &str, shown: &[usize]) -> Option<Metric> {
        let classes = self.logits.len() / shown.len().max(1);
        let mut groups: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (row, &class) in self.rows(classes)?.zip(shown) {
            let (hits, of) = groups.entry(class).or_default();
            *hits += usize::from(argmax(row) == class);
            *of += 1;
        }
        Some(Metric::clustered(name, &groups.into_values().collect::<Vec<_>>(), Some(1.0 / classes as f64)))
    }

    /// How sure the judge is, on average, of the class that was to be shown.
    #[must_use]
    pub fn confidence(&self, name: &str, shown: &[usize], seed: u64) -> Option<Metric> {
        let classes = self.logits.len() / shown.len().max(1);
        let sure: Vec<f64> = self.rows(classes)?.zip(shown).map(|(row, &class)| log_softmax(row, 1.0)[class].exp()).collect();
        let mean = |chosen: &[usize]| chosen.iter().map(|&k| sure[k]).sum::<f64>() / chosen.len().max(1) as f64;
        let confidence = mean(&(0..sure.len()).collect::<Vec<_>>());
        let interval_95 = interval::bootstrap(sure.len(), seed, mean);
        Some(Metric { interval_95, ..Metric::plain(name, confidence, shown.len(), Unit::Share) })
    }

    /// How many of the pictures the judge puts into each class.
    #[must_use]
    pub fn named(&self, classes: usize) -> Vec<usize> {
        let mut named = vec![0; classes];
        self.rows(classes).into_iter().flatten().for_each(|row| named[argmax(row)] += 1);
        named
    }

    /// In what share of the pictures the judge is sure of a class, whichever it is, and of how many classes it is sure at least once.
    #[must_use]
    pub fn sure(&self, name: &str, classes: usize) -> Option<(Metric, usize)> {
        let mut seen = vec![false; classes];
        let (mut sure, mut of) = (0, 0);
        for row in self.rows(classes)? {
            let class = argmax(row);
            of += 1;
            if log_softmax(row, 1.0)[class].exp() >= SURE {
                sure += 1;
                seen[class] = true;
            }
        }
        Some((Metric::share(name, sure, of, None), seen.into_iter().filter(|seen| *seen).count()))
    }

    fn rows(&self, classes: usize) -> Option<std::slice::Chunks<'_, f32>> {
        (classes > 0 && !self.logits.is_empty()).then(|| self.logits.chunks(classes))
    }
}

/// The operand of the last linear layer.
fn before_last(graph: &Graph, output: NodeId) -> Option<NodeId> {
    let mut node = output;
    loop {
        match &graph[node].op {
            Operator::Linear { .. } => return graph.operand(node).filter(|&operand| !matches!(graph[operand].op, Operator::Input)),
            Operator::Input => return None,
            op if op.params().is_empty() || matches!(op, Operator::Shift { .. } | Operator::Scale { .. }) => node = graph.operand(node)?,
            _ => return None,
        }
    }
}

//! The operators' attributes, both ways: what [`print()`] leaves out, [`operator`] fills in.

use super::{
    ParseError,
    lex::Position,
    values::{float, parse_float},
};
use crate::{
    op::{Conv2d, Operator, Reset, Window},
    param::ParamId,
};
use std::{collections::BTreeMap, fmt::Display, str::FromStr};

/// The default of `batch_norm`, which is that of ONNX.
const EPSILON: f32 = 1e-5;

// ---- print ----

/// The attributes that differ from their defaults, sorted by name.
pub(super) fn print(op: &Operator) -> Vec<(&'static str, String)> {
    let mut list: Vec<(&'static str, String)> = match op {
        Operator::Conv2d { geometry: Conv2d { stride, dilation, pads, groups }, .. } => [
            some_unless(&[1, 1], stride, "stride"),
            some_unless(&[1, 1], dilation, "dilation"),
            some_unless(&[0; 4], pads, "pads"),
            (*groups != 1).then(|| ("groups", groups.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Operator::AveragePool2d { window: w, count_include_pad } => {
            window(w).into_iter().chain(count_include_pad.then(|| ("count_include_pad", "true".to_owned()))).collect()
        }
        Operator::MaxPool2d { window: w }
        | Operator::SumPool2d { window: w }
        | Operator::CountMaxPool2d { window: w }
        | Operator::DigitMaxPool2d { window: w } => window(w),
        Operator::Mean { axes } | Operator::Sum { axes } => vec![("axes", listed(axes))],
        Operator::Concat { axis } | Operator::Softmax { axis } | Operator::LogSoftmax { axis } => vec![("axis", axis.to_string())],
        Operator::Pad { pads, value } => {
            let pads = pads.iter().map(|(before, after)| format!("{before}:{after}"));
            [("pads", listed(pads))].into_iter().chain((value.to_bits() != 0).then(|| ("value", float(*value)))).collect()
        }
        Operator::Slice { ranges } => {
            vec![("ranges", listed(ranges.iter().map(|(start, step, len)| format!("{start}:{step}:{len}"))))]
        }
        Operator::Transpose { permutation } => vec![("permutation", listed(permutation))],
        Operator::BatchNorm { epsilon, .. } => (*epsilon != EPSILON).then(|| ("epsilon", float(*epsilon))).into_iter().collect(),
        Operator::Clip { min, max } => [
            (*min != f32::NEG_INFINITY).then(|| ("min", float(*min))),
            (*max != f32::INFINITY).then(|| ("max", float(*max))), //
        ]
        .into_iter()
        .flatten()
        .collect(),
        Operator::ClipFloorShift { max, levels } => vec![("levels", levels.to_string()), ("max", float(*max))],
        Operator::LeakyRelu { slope } => vec![("slope", float(*slope))],
        Operator::Neuron { reset, cap, levels, .. } => {
            let reset = match reset {
                Reset::Soft => None,
                Reset::Hard => Some(("reset", "hard".to_owned())),
                Reset::Signed => Some(("reset", "signed".to_owned())),
            };
            let levels = levels.map(|levels| ("levels", levels.to_string()));
            cap.map(|cap| ("cap", float(cap))).into_iter().chain(levels).chain(reset).collect()
        }
        Operator::RadixNeuron { digits, levels, cap, is_given, .. } => [
            cap.map(|cap| ("cap", float(cap))),
            Some(("digits", digits.to_string())),
            is_given.then(|| ("given", "true".to_owned())),
            (*levels != full(*digits)).then(|| ("levels", levels.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Operator::Input
        | Operator::Linear { .. }
        | Operator::Scale { .. }
        | Operator::Shift { .. }
        | Operator::Add
        | Operator::Reshape { .. }
        | Operator::Relu
        | Operator::Floor
        | Operator::Round
        | Operator::PRelu { .. }
        | Operator::Sigmoid => Vec::new(),
    };
    list.sort_unstable();
    list
}

/// The largest count of so many digits.
fn full(digits: u32) -> u32 {
    1u32.checked_shl(digits).map_or(u32::MAX, |count| count - 1)
}

fn window(Window { kernel, stride, pads, ceil }: &Window) -> Vec<(&'static str, String)> {
    [
        Some(("kernel", collapsed(kernel))),
        some_unless(&[1, 1], stride, "stride"),
        some_unless(&[0; 4], pads, "pads"),
        ceil.then(|| ("ceil", "true".to_owned())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn some_unless(default: &[usize], value: &[usize], name: &'static str) -> Option<(&'static str, String)> {
    (value != default).then(|| (name, collapsed(value)))
}

fn collapsed(values: &[usize]) -> String {
    if values.windows(2).all(|pair| pair[0] == pair[1]) { values[0].to_string() } else { listed(values) }
}

fn listed(values: impl IntoIterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
    format!("[{}]", values.join(", "))
}

// ---- parse ----

/// No integer of the text form is larger, so that sums and products of a few of them cannot overflow.
pub(super) const LARGEST: usize = i32::MAX as usize;

/// One value as written: `a`, or `a:b:c`.
pub(super) type Entry = Vec<String>;

/// The value of an attribute.
pub(super) enum Value {
    One(Entry),
    Many(Vec<Entry>),
}

/// The attributes of a statement, taken out one after the other.
pub(super) struct Attributes {
    /// What they belong to: its name and place.
    pub(super) owner: (Position, String),
    pub(super) list: BTreeMap<String, (Position, Value)>,
}

impl Attributes {
    /// The error that a value is not what `wanted` says.
    fn wrong<T>(at: Position, name: &str, wanted: &str) -> Result<T, ParseError> {
        Err(at.error(format!("`{name}` wants {wanted}")))
    }

    fn word(&mut self, name: &str, wanted: &str) -> Result<Option<(Position, String)>, ParseError> {
        match self.list.remove(name) {
            None => Ok(None),
            Some((at, Value::One(mut entry))) if entry.len() == 1 => Ok(entry.pop().map(|word| (at, word))),
            Some((at, _)) => Self::wrong(at, name, wanted),
        }
    }

    pub(super) fn float(&mut self, name: &str) -> Result<Option<f32>, ParseError> {
        self.word(name, "a number")?.map(|(at, word)| parse_float(&word, at)).transpose()
    }

    fn flag(&mut self, name: &str) -> Result<bool, ParseError> {
        Ok(self.choice(name, &[("false", false), ("true", true)])?.unwrap_or(false))
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, ParseError> {
        let names: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let wanted = names.join(" or ");
        let Some((at, word)) = self.word(name, &wanted)? else { return Ok(None) };
        match choices.iter().find(|(choice, _)| *choice == word) {
            Some(&(_, value)) => Ok(Some(value)),
            None => Self::wrong(at, name, &wanted),
        }
    }

    fn integer(&mut self, name: &str) -> Result<Option<usize>, ParseError> {
        self.word(name, "a whole number")?.map(|(at, word)| integer(&word, at)).transpose()
    }

    /// A list of entries of `N` integers each.
    fn tuples<const N: usize>(&mut self, name: &str, wanted: &str) -> Result<Vec<[i64; N]>, ParseError> {
        let (at, value) = self.list.remove(name).ok_or_else(|| self.missing(name))?;
        let Value::Many(entries) = value else { return Self::wrong(at, name, wanted) };
        let mut tuples = Vec::new();
        for entry in entries {
            let Ok(words) = <[String; N]>::try_from(entry) else { return Self::wrong(at, name, wanted) };
            let mut tuple = [0; N];
            for (slot, word) in tuple.iter_mut().zip(&words) {
                *slot = signed(word, at)?;
            }
            tuples.push(tuple);
        }
        Ok(tuples)
    }

    fn integers(&mut self, name: &str) -> Result<Vec<usize>, ParseError> {
        let at = self.list.get(name).map_or(self.owner.0, |(at, _)| *at);
        self.tuples::<1>(name, "a list of whole numbers")?.into_iter().map(|[v]| unsigned(v, at)).collect()
    }

    /// `N` integers, or one that stands for all.
    fn sizes<const N: usize>(&mut self, name: &str) -> Result<Option<[usize; N]>, ParseError> {
        let Some((at, value)) = self.list.get(name) else { return Ok(None) };
        let at = *at;
        if matches!(value, Value::One(_)) {
            return Ok(self.integer(name)?.map(|v| [v; N]));
        }
        match <[usize; N]>::try_from(self.integers(name)?) {
            Ok(sizes) => Ok(Some(sizes)),
            Err(_) => Self::wrong(at, name, &format!("one whole number or a list of {N}")),
        }
    }

    fn window(&mut self) -> Result<Window, ParseError> {
        Ok(Window {
            kernel: self.sizes("kernel")?.ok_or_else(|| self.missing("kernel"))?,
            stride: self.sizes("stride")?.unwrap_or([1; 2]),
            pads: self.sizes("pads")?.unwrap_or([0; 4]),
            ceil: self.flag("ceil")?,
        })
    }

    fn axis(&mut self) -> Result<usize, ParseError> {
        self.integer("axis")?.ok_or_else(|| self.missing("axis"))
    }

    fn levels(&mut self) -> Result<Option<u32>, ParseError> {
        // No larger than [`LARGEST`], so that it fits.
        Ok(self.integer("levels")?.map(|levels| levels as u32))
    }

    fn missing(&self, name: &str) -> ParseError {
        self.owner.0.error(format!("`{}` wants the attribute `{name}`", self.owner.1))
    }

    /// # Errors
    /// If an attribute was not taken.
    pub(super) fn finish(&self) -> Result<(), ParseError> {
        match self.list.iter().next() {
            Some((name, (at, _))) => Err(at.error(format!("`{}` has no attribute `{name}`", self.owner.1))),
            None => Ok(()),
        }
    }
}

/// Reads a whole number that is at most [`LARGEST`].
pub(super) fn integer(word: &str, at: Position) -> Result<usize, ParseError> {
    unsigned(signed(word, at)?, at)
}

fn unsigned(value: i64, at: Position) -> Result<usize, ParseError> {
    usize::try_from(value).map_err(|_| at.error(format!("{value} is negative")))
}

fn signed(word: &str, at: Position) -> Result<i64, ParseError> {
    let value = i64::from_str(word).map_err(|_| at.error(format!("`{word}` is no whole number")))?;
    if value.unsigned_abs() > LARGEST as u64 {
        return Err(at.error(format!("{value} is larger than {LARGEST}")));
    }
    Ok(value)
}

/// The operator named by the owner of `attributes`, over `params`, with a result of shape `dims`.
pub(super) fn operator(attributes: &mut Attributes, params: &[ParamId], dims: &[usize]) -> Result<Operator, ParseError> {
    let a = attributes;
    let (at, name) = a.owner.clone();
    let op = match name.as_str() {
        "input" => none(a, params, Operator::Input)?,
        "conv2d" => {
            let ([weight], bias) = roles(a, params, true)?;
            let geometry = Conv2d {
                stride: a.sizes("stride")?.unwrap_or([1; 2]),
                dilation: a.sizes("dilation")?.unwrap_or([1; 2]),
                pads: a.sizes("pads")?.unwrap_or([0; 4]),
                groups: a.integer("groups")?.unwrap_or(1),
            };
            Operator::Conv2d { weight, bias, geometry }
        }
        "linear" => {
            let ([weight], bias) = roles(a, params, true)?;
            Operator::Linear { weight, bias }
        }
        "scale" => {
            let ([factor], _) = roles(a, params, false)?;
            Operator::Scale { factor }
        }
        "shift" => {
            let ([offset], _) = roles(a, params, false)?;
            Operator::Shift { offset }
        }
        "add" => none(a, params, Operator::Add)?,
        "average_pool2d" => {
            let op = Operator::AveragePool2d { window: a.window()?, count_include_pad: a.flag("count_include_pad")? };
            none(a, params, op)?
        }
        "mean" => {
            let op = Operator::Mean { axes: a.integers("axes")? };
            none(a, params, op)?
        }
        "sum_pool2d" => {
            let op = Operator::SumPool2d { window: a.window()? };
            none(a, params, op)?
        }
        "sum" => {
            let op = Operator::Sum { axes: a.integers("axes")? };
            none(a, params, op)?
        }
        "concat" => {
            let op = Operator::Concat { axis: a.axis()? };
            none(a, params, op)?
        }
        "pad" => {
            let pads = a.tuples::<2>("pads", "a list of `before:after`")?;
            let pads = pads.into_iter().map(|[b, e]| Ok((unsigned(b, at)?, unsigned(e, at)?))).collect::<Result<_, _>>()?;
            let op = Operator::Pad { pads, value: a.float("value")?.unwrap_or(0.0) };
            none(a, params, op)?
        }
        "slice" => {
            let ranges = a.tuples::<3>("ranges", "a list of `start:step:len`")?;
            let range = |[start, step, len]: [i64; 3]| {
                let step = isize::try_from(step).map_err(|_| at.error(format!("{step} is too large")))?;
                Ok((unsigned(start, at)?, step, unsigned(len, at)?))
            };
            let op = Operator::Slice { ranges: ranges.into_iter().map(range).collect::<Result<_, _>>()? };
            none(a, params, op)?
        }
        "reshape" => none(a, params, Operator::Reshape { dims: dims.to_vec() })?,
        "transpose" => {
            let op = Operator::Transpose { permutation: a.integers("permutation")? };
            none(a, params, op)?
        }
        "batch_norm" => {
            let ([scale, shift, mean, variance], _) = roles(a, params, false)?;
            Operator::BatchNorm { scale, shift, mean, variance, epsilon: a.float("epsilon")?.unwrap_or(EPSILON) }
        }
        "relu" => none(a, params, Operator::Relu)?,
        "clip" => {
            let min = a.float("min")?.unwrap_or(f32::NEG_INFINITY);
            let op = Operator::Clip { min, max: a.float("max")?.unwrap_or(f32::INFINITY) };
            none(a, params, op)?
        }
        "floor" => none(a, params, Operator::Floor)?,
        "round" => none(a, params, Operator::Round)?,
        "clip_floor_shift" => {
            let op = Operator::ClipFloorShift {
                max: a.float("max")?.ok_or_else(|| a.missing("max"))?,
                levels: a.levels()?.ok_or_else(|| a.missing("levels"))?,
            };
            none(a, params, op)?
        }
        "leaky_relu" => {
            let op = Operator::LeakyRelu { slope: a.float("slope")?.ok_or_else(|| a.missing("slope"))? };
            none(a, params, op)?
        }
        "prelu" => {
            let ([slope], _) = roles(a, params, false)?;
            Operator::PRelu { slope }
        }
        "max_pool2d" => {
            let op = Operator::MaxPool2d { window: a.window()? };
            none(a, params, op)?
        }
        "softmax" => {
            let op = Operator::Softmax { axis: a.axis()? };
            none(a, params, op)?
        }
        "log_softmax" => {
            let op = Operator::LogSoftmax { axis: a.axis()? };
            none(a, params, op)?
        }
        "sigmoid" => none(a, params, Operator::Sigmoid)?,
        "if_neuron" => {
            let ([threshold, initial], _) = roles(a, params, false)?;
            neuron(a, threshold, initial, None)?
        }
        "lif_neuron" => {
            let ([threshold, initial, leak], _) = roles(a, params, false)?;
            neuron(a, threshold, initial, Some(leak))?
        }
        "count_max_pool2d" => {
            let op = Operator::CountMaxPool2d { window: a.window()? };
            none(a, params, op)?
        }
        "radix_neuron" => {
            let ([threshold, initial], _) = roles(a, params, false)?;
            let digits = a.integer("digits")?.ok_or_else(|| a.missing("digits"))?;
            let digits = u32::try_from(digits).map_err(|_| at.error(format!("{digits} is too large")))?;
            let levels = a.levels()?.unwrap_or(full(digits));
            Operator::RadixNeuron { threshold, initial, digits, levels, cap: a.float("cap")?, is_given: a.flag("given")? }
        }
        "digit_max_pool2d" => {
            let op = Operator::DigitMaxPool2d { window: a.window()? };
            none(a, params, op)?
        }
        _ => return Err(at.error(format!("there is no operator `{name}`"))),
    };
    a.finish()?;
    Ok(op)
}

fn neuron(a: &mut Attributes, threshold: ParamId, initial: ParamId, leak: Option<ParamId>) -> Result<Operator, ParseError> {
    let resets = [("soft", Reset::Soft), ("hard", Reset::Hard), ("signed", Reset::Signed)];
    let reset = a.choice("reset", &resets)?.unwrap_or(Reset::Soft);
    Ok(Operator::Neuron { threshold, initial, leak, reset, cap: a.float("cap")?, levels: a.levels()? })
}

/// `op`, which has no parameters.
fn none(a: &Attributes, params: &[ParamId], op: Operator) -> Result<Operator, ParseError> {
    roles::<0>(a, params, false).map(|_| op)
}

/// The `N` parameters that an operator must have, and one that it may have.
fn roles<const N: usize>(a: &Attributes, params: &[ParamId], optional: bool) -> Result<([ParamId; N], Option<ParamId>), ParseError> {
    match params.split_first_chunk::<N>() {
        Some((fixed, [])) => Ok((*fixed, None)),
        Some((fixed, [last])) if optional => Ok((*fixed, Some(*last))),
        _ => {
            let wanted = if optional { format!("{N} or {}", N + 1) } else { N.to_string() };
            Err(a.owner.0.error(format!("`{}` takes {wanted} parameters (`@`), not {}", a.owner.1, params.len())))
        }
    }
}

//! Matrix products and `Einsum` of constants.

use super::operands::{Operands, entries, operand};
use crate::import::{
    constant::{Data, Made},
    cx::{Call, Cx},
    equation::{Equation, Label, equation, matrix_product},
    problem::{Outcome, malformed},
    strides::{strided, strides},
};

/// `MatMul`.
pub(super) fn matmul(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let (left, right) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let equation = matrix_product(call, left.dims.len(), right.dims.len())?;
    contracted(cx, call, operands, &equation)
}

/// `Einsum` of any number of constants.
pub(super) fn einsum(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let ranks = (0..operands.len()).map(|i| operand(call, operands, i).map(|c| c.dims.len())).collect::<Outcome<Vec<_>>>()?;
    let equation = equation(call, &ranks)?;
    contracted(cx, call, operands, &equation)
}

fn contracted(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>, equation: &Equation) -> Outcome<Vec<Made>> {
    // Sizes of the result's labels, then of those that are summed over.
    let mut axes: Vec<(Label, usize)> = equation.result.iter().map(|&l| (l, 1)).collect();
    let mut values = Vec::new();
    for (index, labels) in equation.operands.iter().enumerate() {
        let constant = operand(call, operands, index)?;
        let Data::Float(data) = &constant.data else {
            return Err(malformed(format!("operator `{}` of constants that are not floats", call.node.op)).into());
        };
        values.push(data);
        for (&label, &size) in labels.iter().zip(&constant.dims) {
            match axes.iter_mut().find(|a| a.0 == label) {
                None => axes.push((label, size)),
                Some(axis) if axis.1 == 1 => axis.1 = size,
                Some(axis) if size == 1 || size == axis.1 => {}
                Some(_) => return Err(malformed(format!("operands of operator `{}` do not fit", call.node.op)).into()),
            }
        }
    }
    let sizes: Vec<usize> = axes.iter().map(|a| a.1).collect();
    entries(cx, call, &sizes)?;
    let mut products = vec![1.0; sizes.iter().product()];
    for (index, labels) in equation.operands.iter().enumerate() {
        let constant = operand(call, operands, index)?;
        let own = strides(&constant.dims);
        let step = |label| labels.iter().position(|l| *l == label).filter(|&i| constant.dims[i] != 1).map_or(0, |i| own[i]);
        let moves: Vec<isize> = axes.iter().map(|a| step(a.0)).collect();
        for (product, at) in products.iter_mut().zip(strided(&sizes, &moves, 0)) {
            *product *= f64::from(values[index][at]);
        }
    }
    let (dims, summed) = sizes.split_at(equation.result.len());
    let terms = summed.iter().product::<usize>();
    let data = match terms {
        0 => vec![0.0; dims.iter().product()],
        _ => products.chunks(terms).map(|c| c.iter().sum::<f64>() as f32).collect(),
    };
    Ok(vec![Made::New(dims.to_vec(), Data::Float(data))])
}

//! Sparse tensors, made dense.
//!
//! Indices count the entries of the dense tensor in row-major order, or name one coordinate per axis. They ascend, so that no
//! entry is given twice.

use super::{
    constant::Data,
    problem::{Outcome, malformed},
    tensor::{DataFiles, Loaded, load as load_dense, shape},
};
use tract_onnx::pb;

/// The name of a sparse tensor is that of its values.
pub(super) fn name(tensor: &pb::SparseTensorProto) -> &str {
    tensor.values.as_ref().map_or("", |values| &values.name)
}

/// Number of entries of the dense tensor.
pub(super) fn entries(tensor: &pb::SparseTensorProto) -> Outcome<usize> {
    shape(name(tensor), &tensor.dims).map(|(_, len)| len)
}

/// The dense tensor, for whose entries the caller has made sure that there is room.
pub(super) fn load(tensor: &pb::SparseTensorProto, files: &mut DataFiles) -> Outcome<Loaded> {
    let name = name(tensor);
    let bad = |why: &str| malformed(format!("sparse tensor `{name}` {why}"));
    let (dims, len) = shape(name, &tensor.dims)?;
    let Some(values) = &tensor.values else { return Err(bad("has no values").into()) };
    let (_, values, element) = load_dense(values, files)?;
    let count = values.len();
    let indices = match &tensor.indices {
        Some(indices) => load_dense(indices, files)?,
        None if count == 0 => (vec![0], Data::Int(Vec::new()), element),
        None => return Err(bad("has no indices").into()),
    };
    let (Data::Int(given), by_axis) = (&indices.1, indices.0.len() == 2) else {
        return Err(bad("has indices that are not integers").into());
    };
    let rank = if by_axis { dims.len() } else { 1 };
    if indices.0 != if by_axis { vec![count, rank] } else { vec![count] } {
        return Err(bad("has indices that do not fit its values").note(format!("indices {:?} for {count} values", indices.0)).into());
    }
    let outside = || bad("has an index outside of its shape").note(format!("its shape is {dims:?}"));
    let mut places: Vec<usize> = Vec::with_capacity(count);
    for value in 0..count {
        let place = if by_axis {
            let mut flat = 0;
            for (&index, &dim) in given[value * rank..(value + 1) * rank].iter().zip(&dims) {
                let index = usize::try_from(index).ok().filter(|&i| i < dim).ok_or_else(outside)?;
                flat = flat * dim + index;
            }
            flat
        } else {
            usize::try_from(given[value]).ok().filter(|&i| i < len).ok_or_else(outside)?
        };
        if places.last().is_some_and(|&last| last >= place) {
            return Err(bad("has indices that do not ascend").into());
        }
        places.push(place);
    }
    fn spread<T: Copy + Default>(values: &[T], places: &[usize], len: usize) -> Vec<T> {
        let mut dense = vec![T::default(); len];
        places.iter().zip(values).for_each(|(&place, &value)| dense[place] = value);
        dense
    }
    let data = match &values {
        Data::Float(v) => Data::Float(spread(v, &places, len)),
        Data::Int(v) => Data::Int(spread(v, &places, len)),
        Data::Bool(v) => Data::Bool(spread(v, &places, len)),
    };
    Ok((dims, data, element))
}

//! Weights as they will be rounded: training sees whole numbers and moves what they are rounded from.
//!
//! The gradient goes straight through the rounding (Bengio et al., 2013; Jacob et al., CVPR 2018). The unit of an output channel is, as in
//! `to-integers`, that by which its largest weight is the largest that there is; what else may ask for another unit there (a sum with another
//! channel) is left out of account.

use snnc_engine::{Plan, plan::Kind};

/// The parameters, with the rows of every weight rounded to multiples of their largest entry over `largest`, of which there is one a parameter.
#[must_use]
pub fn rounded(plan: &Plan, values: &[Vec<f32>], largest: &[f32]) -> Vec<Vec<f32>> {
    let one = |((parameter, values), &largest): ((&snnc_engine::plan::Parameter, &Vec<f32>), &f32)| {
        let mut values = values.clone();
        if parameter.kind == Kind::Weight && parameter.row > 1 {
            for row in values.chunks_mut(parameter.row) {
                let unit = row.iter().fold(0.0f32, |most, w| most.max(w.abs())) / largest;
                if unit > 0.0 {
                    row.iter_mut().for_each(|w| *w = (*w / unit).round() * unit);
                }
            }
        }
        values
    };
    plan.parameters.iter().zip(values).zip(largest).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::rounded;
    use snnc_engine::{Plan, plan::Tail};

    #[test]
    fn rows_are_multiples_of_a_unit_of_their_own() {
        let text = r#"graph @g calibrated {
  %0 = input : f32[1x2] "x"
  %1 = linear %0, @w, @b : f32[1x2] "/fc"
  output %1 "y"
  @b : f32[2] = [0.123, 0.456] derived
  @w : f32[2x2] = [12.7, 0.26, -0.3, 0.1] derived
}
"#;
        let graph = snnc_ir::text::parse(text).expect("the graph is well formed");
        let plan = Plan::spiking(&graph, 1, true, Tail::OnMean).expect("it can be planned");
        let values = plan.values(&graph);
        let found = rounded(&plan, &values, &[127.0, 127.0]);
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&found[0], &[12.7, 0.3, -0.3, 42.0 * 0.3 / 127.0]), "{:?}", found[0]);
        assert_eq!(found[1], values[1], "biases have bits enough");
    }
}

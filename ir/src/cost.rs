//! What operators cost to run.

use crate::{Graph, NodeId, Operator};

impl Graph {
    /// Multiply-accumulates that a node takes for one image, at one time step where it runs over time: those of a convolution or a
    /// linear layer as its definition says, products with zeros around the image included; 0 for what has no matrix of weights.
    ///
    /// # Panics
    /// If the node was removed.
    #[must_use]
    pub fn macs(&self, node: NodeId) -> usize {
        match &self[node].op {
            Operator::Conv2d { weight, .. } | Operator::Linear { weight, .. } => {
                // Each row of the weight makes an entry of the result.
                self[node].ty.len() * self.param(*weight).tensor.dims.iter().skip(1).product::<usize>()
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_entry_is_a_product_with_a_row_of_the_weight() {
        let text = r#"graph @g imported {
  %0 = input : f32[1x4x5x5] "x"
  %1 = conv2d %0, @w {groups=2, pads=1} : f32[1x6x5x5] "/conv"
  %2 = relu %1 : f32[1x6x5x5] "/relu"
  %3 = reshape %2 : f32[1x150] "/flatten"
  %4 = linear %3, @v : f32[1x3] "/fc"
  output %4 "y"
  @v : f32[3x150] = splat(1) source
  @w : f32[6x2x3x3] = splat(1) source
}
"#;
        let graph = crate::text::parse(text).expect("the graph is well formed");
        let macs: Vec<usize> = graph.topological().into_iter().map(|node| graph.macs(node)).collect();
        assert_eq!(macs, [0, 6 * 5 * 5 * (2 * 3 * 3), 0, 0, 3 * 150]);
    }
}

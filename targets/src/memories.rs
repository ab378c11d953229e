//! Layers shared out among cores with memories of their own.
//!
//! A core holds one layer. Whether all find one together is a matching of a bipartite graph, layers on one side and cores on the other; it is
//! made larger along augmenting paths until it is the largest.

use crate::{
    limit::{Core, Limits, Memories},
    misfit::Misfit,
    network::{Layer, Network},
};

/// Layers that no core holds, or for which cores are wanting.
pub(crate) fn check(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let Some(limit) = &limits.memories else { return Vec::new() };
    let memories = &limit.is;
    let needs: Vec<Core> = network.layers.iter().map(|layer| needed(layer, memories)).collect();
    let holds: Vec<Vec<usize>> = needs.iter().map(|need| holding(need, memories)).collect();
    let mut found = Vec::new();
    for ((layer, need), cores) in network.layers.iter().zip(&needs).zip(&holds) {
        if cores.is_empty() {
            let says = format!(
                "no core holds {} weights, {} neurons and {} biases; the largest memories are of {} weights, {} neurons{}",
                need.weights,
                need.neurons,
                need.biases.unwrap_or(0),
                most(memories, |core| core.weights),
                most(memories, |core| core.neurons),
                memories
                    .cores
                    .iter()
                    .filter_map(|core| core.biases)
                    .max()
                    .map_or_else(String::new, |biases| format!(" and {biases} biases")),
            );
            let would_fit = if memories.powers_of_two {
                "train the layer with fewer channels, or with pooling before it; channels, taps and sides count up to the next power of two"
            } else {
                "train the layer with fewer channels, or with pooling before it"
            };
            found.push(Misfit::of_node(network.at(layer.node), "memories", limit.source.as_ref(), says, would_fit));
        }
    }
    let placed = matched(&holds, memories.cores.len());
    if found.is_empty() && placed < holds.len() {
        let says = format!("its {} cores hold {placed} of the {} layers at a time", memories.cores.len(), holds.len());
        found.push(Misfit::of_network("memories", limit.source.as_ref(), says, "train a network of fewer or smaller layers"));
    }
    found
}

/// What a layer takes.
fn needed(layer: &Layer, memories: &Memories) -> Core {
    let up = |n: usize| if memories.powers_of_two { n.next_power_of_two() } else { n };
    let taps = layer.kernel[0] * layer.kernel[1];
    let weights = if memories.powers_of_two { layer.inputs * up(taps) * up(layer.outputs) } else { layer.weights };
    let neurons = layer.outputs * up(layer.map[0]) * up(layer.map[1]);
    Core { weights, neurons, biases: layer.has_bias.then_some(layer.outputs) }
}

/// The cores that hold so much.
fn holding(need: &Core, memories: &Memories) -> Vec<usize> {
    let holds = |core: &Core| {
        need.weights <= core.weights && need.neurons <= core.neurons && core.biases.is_none_or(|biases| need.biases.unwrap_or(0) <= biases)
    };
    (0..memories.cores.len()).filter(|&at| holds(&memories.cores[at])).collect()
}

fn most(memories: &Memories, of: impl Fn(&Core) -> usize) -> usize {
    memories.cores.iter().map(of).max().unwrap_or(0)
}

/// How many layers have a core at a time.
fn matched(holds: &[Vec<usize>], cores: usize) -> usize {
    let mut holder: Vec<Option<usize>> = vec![None; cores];
    (0..holds.len()).filter(|&layer| augment(layer, holds, &mut holder, &mut vec![false; cores])).count()
}

/// Finds a core for a layer, if need be by moving others.
fn augment(layer: usize, holds: &[Vec<usize>], holder: &mut [Option<usize>], is_tried: &mut [bool]) -> bool {
    for &core in &holds[layer] {
        if std::mem::replace(&mut is_tried[core], true) {
            continue;
        }
        if holder[core].is_none_or(|other| augment(other, holds, holder, is_tried)) {
            holder[core] = Some(layer);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_move_for_each_other() {
        // The first takes core 0, which alone would do for the second.
        assert_eq!(matched(&[vec![0, 1], vec![0]], 2), 2);
        assert_eq!(matched(&[vec![0, 1], vec![0], vec![1]], 2), 2);
        assert_eq!(matched(&[vec![0, 1], vec![1, 2], vec![0], vec![]], 3), 3);
    }
}

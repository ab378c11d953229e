//! A part of an audit's attacks, so that several machines share one: each makes its works, keeps what they got, and one judges all of it.

use super::{
    attack::{Attack, Cell},
    attacks::ATTACKS,
    case::{Case, Effort},
    conduct::NOMINAL_SPEED,
    floors,
    store::Store,
};
use crate::{
    error::{Error, Result},
    observer::Observer,
};
use std::{collections::BTreeSet, time::Instant};

/// Which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

/// What a shard is to make.
pub enum Work {
    /// An attack's cell.
    Cell(&'static dyn Attack, Box<Cell>),
    /// The floor that takes a search.
    Floor,
}

/// A piece of work with its cost in multiply-accumulates.
struct Piece {
    name: String,
    cost: f64,
    work: Work,
}

/// All pieces of an audit, each once.
fn pieces(case: &Case<'_>, effort: Effort) -> Vec<Piece> {
    let mut seen = BTreeSet::new();
    let attacks = ATTACKS.into_iter().filter(|attack| attack.is_wanted(case, effort) && attack.missing(case).is_none());
    let cells = attacks.flat_map(|attack| attack.cells(case, effort).into_iter().map(move |cell| (attack, cell)));
    let mut pieces: Vec<Piece> = cells
        .filter(|(_, cell)| seen.insert(cell.work.clone()))
        .map(|(attack, cell)| Piece { name: cell.work.clone(), cost: cell.macs, work: Work::Cell(attack, Box::new(cell)) })
        .collect();
    pieces.push(Piece { name: floors::WORK.to_owned(), cost: floors::macs_of_search(case, effort), work: Work::Floor });
    pieces
}

/// For each cost the part that it goes to: the largest first, each to the part that has the least so far. The same everywhere.
fn parts(costs: &[f64], of: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by(|&a, &b| costs[b].total_cmp(&costs[a]).then(a.cmp(&b)));
    let (mut loads, mut part) = (vec![0.0f64; of], vec![0; costs.len()]);
    for k in order {
        let least = (0..of).min_by(|&a, &b| loads[a].total_cmp(&loads[b])).unwrap_or(0);
        loads[least] += costs[k];
        part[k] = least;
    }
    part
}

/// Makes a part and keeps what it got in the store; what is there already is left. Gives how many pieces it was, of how many in all.
///
/// # Errors
/// If results cannot be read or written, or an attack fails.
pub fn make(case: &Case<'_>, effort: Effort, shard: Shard, store: &Store, observer: &mut dyn Observer) -> Result<(usize, usize)> {
    let began = Instant::now();
    let pieces = pieces(case, effort);
    let all = pieces.len();
    let part = parts(&pieces.iter().map(|piece| piece.cost).collect::<Vec<_>>(), shard.of);
    let own: Vec<Piece> = pieces.into_iter().zip(part).filter(|(_, part)| *part == shard.index).map(|(piece, _)| piece).collect();
    observer.stage("audit", Some(own.len() as u64));
    for (k, piece) in own.iter().enumerate() {
        if observer.is_interrupted() {
            return Err(Error::Usage(format!("interrupted after {k} of {} pieces of work; --resume goes on from there", own.len())));
        }
        if store.load(&piece.name)?.is_none() {
            let loot = match &piece.work {
                Work::Cell(attack, cell) => attack.run(case, cell, effort)?,
                Work::Floor => floors::search(case, effort)?,
            };
            store.save(&piece.name, &loot)?;
        }
        observer.progress(k as u64 + 1);
    }
    observer.stage_done(began.elapsed());
    Ok((own.len(), all))
}

/// Seconds of processor time that each part is estimated to take.
#[must_use]
pub fn estimates(case: &Case<'_>, effort: Effort, of: usize) -> Vec<f64> {
    let costs: Vec<f64> = pieces(case, effort).iter().map(|piece| piece.cost).collect();
    let mut seconds = vec![0.0; of];
    costs.iter().zip(parts(&costs, of)).for_each(|(cost, part)| seconds[part] += cost / NOMINAL_SPEED);
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_much_the_same_to_do() {
        let costs = [5.0, 1.0, 1.0, 8.0, 3.0, 3.0, 1.0];
        assert_eq!(parts(&costs, 2), [1, 1, 1, 0, 1, 0, 1], "11 each");
        assert_eq!(parts(&costs, 1), [0; 7]);
        let many = parts(&costs, 9);
        assert_eq!(many.iter().collect::<BTreeSet<_>>().len(), 7, "{many:?}");
    }
}

//! Exact search for many byte strings at once.

use rayon::prelude::*;

/// Bytes that a string is looked up by: its first.
const ANCHOR: usize = 4;
/// Logarithm of the number of bits of the filter.
const FILTER_BITS: u32 = 20;
/// Offsets that one task looks at.
const CHUNK: usize = 1 << 20;
/// Places of one string that a task keeps: periodic data would fill the memory.
const KEPT: usize = 16;

/// Byte strings to search for.
pub(crate) struct Finder {
    strings: Vec<Vec<u8>>,
    /// First bytes and index of every string, sorted.
    anchors: Vec<(u32, usize)>,
    filter: Filter,
}

/// A set of hashes with false members.
pub(crate) struct Filter(Vec<u64>);

impl Filter {
    /// Of the keys.
    pub(crate) fn new(keys: impl Iterator<Item = u32>) -> Self {
        let mut bits = vec![0; 1 << (FILTER_BITS - 6)];
        for key in keys {
            let hash = Self::hash(key);
            bits[hash >> 6] |= 1 << (hash & 63);
        }
        Self(bits)
    }

    /// Whether the key may be in the set.
    #[inline(always)]
    pub(crate) fn may_have(&self, key: u32) -> bool {
        let hash = Self::hash(key);
        self.0[hash >> 6] >> (hash & 63) & 1 == 1
    }

    #[inline(always)]
    fn hash(key: u32) -> usize {
        (key.wrapping_mul(0x9E37_79B1) >> (32 - FILTER_BITS)) as usize
    }
}

impl Finder {
    /// Strings shorter than four bytes are never found.
    pub(crate) fn new(strings: Vec<Vec<u8>>) -> Self {
        let anchor = |(k, string): (usize, &Vec<u8>)| Some((u32::from_le_bytes(*string.first_chunk::<ANCHOR>()?), k));
        let mut anchors: Vec<(u32, usize)> = strings.iter().enumerate().filter_map(anchor).collect();
        anchors.sort_unstable();
        let filter = Filter::new(anchors.iter().map(|a| a.0));
        Self { strings, anchors, filter }
    }

    /// Where the strings occur: offset and index of the string, ascending. Of a string that occurs very often, not all places.
    pub(crate) fn places(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        if self.anchors.is_empty() {
            return Vec::new();
        }
        in_chunks(bytes.len().saturating_sub(ANCHOR - 1), |range| {
            let mut found: Vec<(usize, usize)> = Vec::new();
            for (offset, anchor) in range.clone().zip(bytes[range.start..].windows(ANCHOR)) {
                let anchor = u32::from_le_bytes([anchor[0], anchor[1], anchor[2], anchor[3]]);
                if !self.filter.may_have(anchor) {
                    continue;
                }
                let first = self.anchors.partition_point(|a| a.0 < anchor);
                for &(_, k) in self.anchors[first..].iter().take_while(|a| a.0 == anchor) {
                    let here = bytes[offset..].starts_with(&self.strings[k]);
                    if here && found.iter().rev().filter(|f| f.1 == k).count() < KEPT {
                        found.push((offset, k));
                    }
                }
            }
            found
        })
    }
}

/// Calls `work` on ranges that make up `0..count`, on the threads of the pool; what they return, in order.
pub(crate) fn in_chunks<T: Send>(count: usize, work: impl Fn(std::ops::Range<usize>) -> Vec<T> + Sync) -> Vec<T> {
    let chunk = |k: usize| work(k * CHUNK..count.min((k + 1) * CHUNK));
    (0..count.div_ceil(CHUNK)).into_par_iter().map(chunk).collect::<Vec<_>>().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    #[test]
    fn all_strings_are_found_also_across_chunks() {
        let mut random = Random::new(1, 1);
        let mut bytes: Vec<u8> = (0..2 * CHUNK + 100).map(|_| random.bits() as u8).collect();
        let strings: Vec<Vec<u8>> = vec![b"needle in the hay".to_vec(), b"need".to_vec(), b"nee".to_vec(), b"absent".to_vec()];
        for at in [0, CHUNK - 3, 2 * CHUNK + 83] {
            bytes[at..at + 17].copy_from_slice(&strings[0]);
        }
        let found = Finder::new(strings).places(&bytes);
        assert_eq!(found, [(0, 0), (0, 1), (CHUNK - 3, 0), (CHUNK - 3, 1), (2 * CHUNK + 83, 0), (2 * CHUNK + 83, 1)]);
    }

    #[test]
    fn short_and_periodic_data_do_no_harm() {
        let finder = Finder::new(vec![vec![0; 8]]);
        assert!(finder.places(&[0; 7]).is_empty() && finder.places(&[]).is_empty());
        assert_eq!(finder.places(&[0; 100]).len(), KEPT);
        assert!(Finder::new(Vec::new()).places(&[0; 100]).is_empty());
    }
}

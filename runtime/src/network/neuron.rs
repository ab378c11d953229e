//! Neurons: potentials and spikes.

use super::broadcast::Broadcast;
use crate::artifact::{LEAK_ONE, Reset};

/// Integrate-and-fire neurons.
#[derive(Clone, Debug)]
pub(super) struct Neuron {
    threshold: Broadcast,
    leak: Option<Broadcast>,
    pub(super) initial: Broadcast,
    reset: Reset,
}

impl Neuron {
    pub(super) fn new(threshold: Broadcast, leak: Option<Broadcast>, initial: Broadcast, reset: Reset) -> Self {
        Self { threshold, leak, initial, reset }
    }

    /// Whether spikes can be taken back, so that their sum is kept beside their number.
    pub(super) fn is_signed(&self) -> bool {
        self.reset == Reset::Signed
    }

    /// One step: currents become spikes, in place.
    pub(super) fn step(&self, mut batch: Entries<'_>) {
        let run = self.threshold.run;
        let image = run * self.threshold.values.len();
        for start in (0..batch.x.len()).step_by(image) {
            if run == 1 {
                let leaks = self.leak.as_ref().map(|leak| &leak.values[..]);
                each_entry(batch.part(start, image), &self.threshold.values, leaks, self.reset);
                continue;
            }
            for (part, &threshold) in self.threshold.values.iter().enumerate() {
                let leak = self.leak.as_ref().map(|leak| leak.values[part]);
                one_parameter(batch.part(start + part * run, run), threshold, leak, self.reset);
            }
        }
    }
}

/// What a step of neurons reads and writes, one number for each of them.
pub(super) struct Entries<'a> {
    /// Currents, which become spikes.
    pub(super) x: &'a mut [i32],
    /// Potentials.
    pub(super) v: &'a mut [i32],
    /// How often each has fired, corrections included.
    pub(super) counts: &'a mut [u32],
    /// The sum of its spikes, if they are signed; else nothing.
    pub(super) nets: &'a mut [i32],
}

impl Entries<'_> {
    fn part(&mut self, start: usize, len: usize) -> Entries<'_> {
        let nets = if self.nets.is_empty() { 0..0 } else { start..start + len };
        let range = start..start + len;
        Entries {
            x: &mut self.x[range.clone()],
            v: &mut self.v[range.clone()],
            counts: &mut self.counts[range],
            nets: &mut self.nets[nets],
        }
    }
}

/// What is left of a potential: `⌊leak · v / 65536⌋`.
#[inline(always)]
fn leaked(v: i32, leak: i32) -> i32 {
    // A shift rounds down, for negative numbers too. No potential grows by it, so that it stays one of 32 bits.
    ((i64::from(v) * i64::from(leak)) >> LEAK_ONE.trailing_zeros()) as i32
}

/// Adds the current, fires, resets; the current becomes the spike.
#[inline(always)]
fn fire_once(x: &mut i32, v: &mut i32, count: &mut u32, threshold: i32, rest: i32, is_hard: bool) {
    let potential = rest + *x;
    let fires = potential >= threshold;
    *v = match (fires, is_hard) {
        (false, _) => potential,
        (true, false) => potential - threshold,
        (true, true) => 0,
    };
    *x = i32::from(fires);
    *count += u32::from(fires);
}

/// As [`fire_once`] with a soft reset and corrections: a spike of -1 where the potential is negative and `net`, the sum of the
/// spikes so far, is not 0.
#[inline(always)]
fn fire_signed(x: &mut i32, v: &mut i32, count: &mut u32, net: &mut i32, threshold: i32, rest: i32) {
    let potential = rest + *x;
    let fires = i32::from(potential >= threshold);
    // Without a short circuit, which would be a branch. Thresholds are positive: never both.
    let corrects = i32::from((potential < 0) & (*net > 0));
    let spike = fires - corrects;
    *v = potential - threshold * spike;
    *x = spike;
    *count += (fires + corrects) as u32;
    *net += spike;
}

fn one_parameter(entries: Entries<'_>, threshold: i32, leak: Option<i32>, reset: Reset) {
    let Entries { x, v, counts, nets } = entries;
    let entries = x.iter_mut().zip(v).zip(counts);
    // Reset and leak are matched outside of the loops, so that they become vector code.
    match (reset, leak) {
        (Reset::Soft, None) => entries.for_each(|((x, v), count)| fire_once(x, v, count, threshold, *v, false)),
        (Reset::Hard, None) => entries.for_each(|((x, v), count)| fire_once(x, v, count, threshold, *v, true)),
        (Reset::Soft, Some(leak)) => entries.for_each(|((x, v), count)| fire_once(x, v, count, threshold, leaked(*v, leak), false)),
        (Reset::Hard, Some(leak)) => entries.for_each(|((x, v), count)| fire_once(x, v, count, threshold, leaked(*v, leak), true)),
        (Reset::Signed, None) => entries.zip(nets).for_each(|(((x, v), count), net)| fire_signed(x, v, count, net, threshold, *v)),
        (Reset::Signed, Some(leak)) => {
            entries.zip(nets).for_each(|(((x, v), count), net)| fire_signed(x, v, count, net, threshold, leaked(*v, leak)));
        }
    }
}

fn each_entry(entries: Entries<'_>, thresholds: &[i32], leaks: Option<&[i32]>, reset: Reset) {
    let Entries { x, v, counts, nets } = entries;
    let signed = reset == Reset::Signed;
    for (index, ((x, v), count)) in x.iter_mut().zip(v).zip(counts).enumerate() {
        let rest = leaks.map_or(*v, |leaks| leaked(*v, leaks[index]));
        if signed {
            fire_signed(x, v, count, &mut nets[index], thresholds[index], rest);
        } else {
            fire_once(x, v, count, thresholds[index], rest, reset == Reset::Hard);
        }
    }
}

/// Neurons of the radix code.
#[derive(Clone, Debug)]
pub(super) struct RadixNeuron {
    threshold: Broadcast,
    initial: Broadcast,
    digits: u32,
    levels: i32,
}

impl RadixNeuron {
    /// Threshold and initial have one length of run.
    pub(super) fn new(threshold: Broadcast, initial: Broadcast, digits: u32, levels: u32) -> Self {
        Self { threshold, initial, digits, levels: levels as i32 }
    }

    /// Currents become counts, in place: the digits are fired one by one, which in vectors takes less time than a division.
    pub(super) fn run(&self, x: &mut [i32]) {
        let run = self.threshold.run;
        for image in x.chunks_mut(run * self.threshold.values.len()) {
            for (x, (&threshold, &initial)) in image.chunks_mut(run).zip(self.threshold.values.iter().zip(&self.initial.values)) {
                let most = threshold * self.levels;
                for x in x {
                    let mut v = (*x + initial).min(most);
                    let mut count = 0;
                    for digit in (0..self.digits).rev() {
                        let fires = v >= threshold << digit;
                        v -= if fires { threshold << digit } else { 0 };
                        count |= i32::from(fires) << digit;
                    }
                    *x = count;
                }
            }
        }
    }
}

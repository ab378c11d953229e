//! Time step by time step: a session makes what a run makes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{random_images, random_network};
use snnc_runtime::{Artifact, Code, Coding, Network, RunError, Session, poisson};

/// Networks of the rate code, with as many steps as potentials allow, but few.
fn networks() -> impl Iterator<Item = (u64, Artifact, Network, usize)> {
    (0..150).filter_map(|seed| {
        let artifact = random_network(seed);
        let network = Network::new(artifact.clone()).unwrap();
        (artifact.graph.code == Code::Rate).then(|| {
            let steps = network.max_timesteps().min(9);
            (seed, artifact, network, steps)
        })
    })
}

#[test]
fn an_image_makes_at_every_step_what_a_run_makes() {
    let mut spikes = 0;
    for (seed, artifact, network, steps) in networks() {
        let images = random_images(&artifact, 2, seed);
        let mut session = network.session().unwrap();
        for (index, image) in (7..).zip(images.chunks(network.image_len())) {
            session.start(image, index).unwrap();
            for step in 1..=steps {
                let logits = session.advance(1).unwrap().to_vec();
                let run = network.run_quantised(image, step, index).unwrap();
                assert_eq!(logits, run.logits, "seed {seed}, step {step}");
                assert_eq!(session.outcome(), &run, "seed {seed}, step {step}");
            }
            spikes += session.outcome().spikes.iter().sum::<u64>();
            // All at once.
            session.start(image, index).unwrap();
            session.advance(steps).unwrap();
            assert_eq!(session.outcome(), &network.run_quantised(image, steps, index).unwrap(), "seed {seed}");
        }
    }
    assert!(spikes > 1000, "the networks fire: {spikes}");
}

/// What a run draws or keeps, given to the session step by step.
#[test]
fn input_that_comes_step_by_step_makes_what_a_run_makes() {
    let mut codings = [0; 2];
    for (seed, artifact, network, steps) in networks() {
        let image = random_images(&artifact, 1, seed);
        let (input, mut session) = (&artifact.graph.input, network.session().unwrap());
        codings[usize::from(input.coding == Coding::Poisson)] += 1;
        for step in 0..steps {
            let now: Vec<i32> = match input.coding {
                Coding::Poisson => (0u64..)
                    .zip(&image)
                    .map(|(pixel, &value)| poisson::spike(artifact.graph.seed, 3, step as u64, pixel, value, input.quantiser.digits))
                    .collect(),
                _ => image.iter().map(|&value| i32::from(value)).collect(),
            };
            session.step(&now).unwrap();
        }
        assert_eq!(session.steps(), steps);
        assert_eq!(session.outcome(), &network.run_quantised(&image, steps, 3).unwrap(), "seed {seed}");
    }
    assert!(codings.iter().all(|&count| count > 10), "{codings:?}");
}

/// Currents that change: the same as a network of one more layer would make is hard to come by, so the sum over steps is checked by hand.
#[test]
fn a_current_that_changes_is_seen() {
    let (_, artifact, network, _) = networks().find(|(_, artifact, ..)| artifact.graph.input.coding == Coding::Direct).unwrap();
    let top = i32::from(artifact.graph.input.quantiser.top());
    let len = network.image_len();
    let (dark, bright) = (vec![0; len], vec![top; len]);
    let run = |inputs: &[&[i32]]| {
        let mut session = network.session().unwrap();
        inputs.iter().for_each(|input| drop(session.step(input).unwrap().to_vec()));
        session.outcome().clone()
    };
    let still: Vec<u16> = vec![0; len];
    assert_eq!(run(&[&dark, &dark]), network.run_quantised(&still, 2, 0).unwrap());
    assert_ne!(run(&[&dark, &bright, &dark]), run(&[&dark, &dark, &dark]));
}

#[test]
fn wrong_calls_are_refused() {
    fn kind(result: Result<&[f32], RunError>) -> RunError {
        result.unwrap_err()
    }
    let radix = (0..50).map(random_network).find(|artifact| artifact.graph.code == Code::Radix).unwrap();
    assert_eq!(Network::new(radix).unwrap().session().err(), Some(RunError::NoSession));
    let (_, artifact, network, _) = networks().find(|(_, artifact, ..)| artifact.graph.input.coding == Coding::Poisson).unwrap();
    let len = network.image_len();
    let mut session: Session = network.session().unwrap();
    assert_eq!(kind(session.advance(1)), RunError::Images { got: 0, image: len });
    assert_eq!(kind(session.step(&vec![0; len + 1])), RunError::Images { got: len + 1, image: len });
    let mut spikes = vec![0; len];
    spikes[len - 1] = 2;
    assert_eq!(kind(session.step(&spikes)), RunError::Range { image: 0, index: len - 1, max: 1 });
    assert_eq!(session.start(&[], 0), Err(RunError::Images { got: 0, image: len }));
    let image = random_images(&artifact, 1, 0);
    session.start(&image, 0).unwrap();
    let max = network.max_timesteps();
    assert_eq!(kind(session.advance(max + 1)), RunError::Potentials { got: max + 1, max });
    assert_eq!(session.steps(), 0);
}

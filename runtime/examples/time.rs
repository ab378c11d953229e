//! temporary: time of networks
use snnc_runtime::Network;
use std::time::Instant;
fn cpu() -> f64 {
    let t = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    t.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let mut a = std::env::args().skip(1);
    let file = a.next().unwrap();
    let n: usize = a.next().map_or(64, |v| v.parse().unwrap());
    let batch: usize = a.next().map_or(0, |v| v.parse().unwrap());
    let t: usize = a.next().map_or(0, |v| v.parse().unwrap());
    let mut net = Network::load(&std::fs::read(&file).unwrap()).unwrap();
    if batch > 0 {
        net = net.with_batch(batch);
    }
    let top = net.spec().input.quantiser.top() as usize;
    let x: Vec<u16> = (0..n * net.image_len()).map(|i| (i.wrapping_mul(2654435761) >> 7) as u16 % (top + 1) as u16).collect();
    let t = if t == 0 { net.spec().timesteps } else { t };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
    pool.install(|| {
        net.run_quantised(&x, t, 0).unwrap();
        let mut best = f64::INFINITY;
        for _ in 0..7 {
            let _s = Instant::now();
            let s = cpu();
            net.run_quantised(&x, t, 0).unwrap();
            best = best.min(cpu() - s);
        }
        println!("{} {:?} batch {}: {:.4} ms an image", file.rsplit('/').next().unwrap(), net.isa(), net.batch(), best * 1e3 / n as f64);
        if std::env::var_os("PROFILE").is_some() {
            let steps = net.steps();
            let mut times = vec![f64::INFINITY; steps.len() + 1];
            for _ in 0..7 {
                for (t, n) in times.iter_mut().zip(net.profile(&x, t).unwrap()) {
                    *t = t.min(n);
                }
            }
            println!("input {:.1} us", times[0] * 1e6 / n as f64);
            for (s, time) in steps.iter().zip(&times[1..]) {
                let us = time * 1e6 / n as f64;
                println!(
                    "{:6.1} us {:7.1} Gmac/s {:11} {:5} {:2} bits {:9} products {}",
                    us,
                    s.products as f64 * if s.domain.name() == "time" { t as f64 } else { 1.0 } / us / 1e3,
                    s.kernel,
                    s.domain.name(),
                    s.operand_bits,
                    s.products,
                    s.nodes.join(" ")
                );
            }
        }
    });
}

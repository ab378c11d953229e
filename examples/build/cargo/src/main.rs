//! Says which digits a network sees, and whether it is right.
//!
//! Usage: SNNC=/path/to/snnc cargo run -- ../common/digits.txt

include!(concat!(env!("OUT_DIR"), "/digits.rs"));

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: digits digits.txt")?;
    let network = Digits::load()?;
    let (mut right, mut all) = (0, 0);
    for line in std::fs::read_to_string(file)?.lines() {
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u8>, _>>()?;
        let (&class, pixels) = numbers.split_first().ok_or("an empty line")?;
        let seen = network.classify(pixels.try_into()?);
        print!("{seen}");
        right += usize::from(seen == usize::from(class));
        all += 1;
    }
    println!(": {right} of {all} right");
    if right == all && all > 0 { Ok(()) } else { Err("the network is wrong".into()) }
}

//! The page in a real browser: digits are drawn with a pointer, and what the network says of them is, bit for bit, what it says natively.
//!
//! Needs the page, `target/web/digits.html`, which `scripts/wasm_build.sh` makes, and Chromium: `SNNC_CHROMIUM` or `chromium` on the path. Without
//! one of them the test says that it was skipped, unless `SNNC_REQUIRE_WASM` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "who runs the tests should know what was skipped")]

use serde_json::Value;
use snnc_runtime::{Network, Pixels};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Draws every example stroke by stroke, then presses buttons; puts what came out into the page.
const SCRIPT: &str = r##"<pre id="told"></pre><script type="module">
const wait = (done) => new Promise((go) => { const look = () => (done() ? go() : setTimeout(look, 20)); look(); });
const told = { drawn: [] };
try {
  await wait(() => window.snnc);
  const paper = document.getElementById("paper"), box = paper.getBoundingClientRect();
  const send = (name, [x, y]) => paper.dispatchEvent(new PointerEvent(name,
    { clientX: box.left + x / 100 * box.width, clientY: box.top + y / 100 * box.height, pointerId: 1, bubbles: true }));
  for (const example of window.snnc.examples) {
    document.getElementById("clear").click();
    for (const stroke of example) {
      send("pointerdown", stroke[0]);
      stroke.slice(1).forEach((point) => send("pointermove", point));
      send("pointerup", stroke[stroke.length - 1]);
    }
    const { class: best, logits, spikes, pixels } = window.snnc.answer;
    told.drawn.push({
      class: best, pixels: [...pixels], bits: [...new Uint32Array(logits.buffer, logits.byteOffset, logits.length)],
      spikes: spikes.map(({ data }) => [...data].reduce((sum, s) => sum + (s !== 0), 0)),
      words: document.getElementById("answer").textContent,
    });
  }
  const step = document.getElementById("step");
  told.begins = Number(step.value);
  await wait(() => step.value === step.max);
  told.ends = Number(step.value);
  told.counts = document.getElementById("counts").textContent;
  document.querySelector("#examples button:nth-child(4)").click();
  told.button = window.snnc.answer.class;
  document.getElementById("clear").click();
  told.cleared = document.getElementById("answer").textContent;
  try { window.snnc.network.run(new Uint8Array(3), { height: 1, width: 3 }); } catch (error) { told.refused = error.message; }
  try { window.snnc.network.trace(new Uint8Array(64), { height: 8, width: 8, timesteps: 3 }); } catch (error) { told.steps = error.message; }
  told.run = window.snnc.network.run(new Uint8Array(128), { height: 8, width: 8 }).length;
} catch (error) { told.failed = String(error.stack); }
document.getElementById("told").textContent = JSON.stringify(told);
</script></body>"##;

fn page() -> Option<(String, PathBuf)> {
    let chromium = std::env::var("SNNC_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let runs = Command::new(&chromium).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/web/digits.html");
    let is_there = runs && page.exists();
    assert!(is_there || std::env::var_os("SNNC_REQUIRE_WASM").is_none(), "`{chromium}` does not run, or there is no {}", page.display());
    if !is_there {
        eprintln!("skipped: there is no page (scripts/wasm_build.sh makes it) or no Chromium");
    }
    is_there.then_some((chromium, page))
}

#[test]
fn what_is_drawn_is_read_as_natively() {
    let Some((chromium, page)) = page() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tested = folder.path().join("tested.html");
    fs::write(&tested, fs::read_to_string(&page).unwrap().replace("</body>", SCRIPT)).unwrap();
    let ran = Command::new(&chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0", "--window-size=1200,1600"])
        // Nothing may be loaded; a page that tries says so on the console.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg("--virtual-time-budget=60000")
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", tested.display()))
        .output()
        .unwrap();
    let (page_text, log) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(!log.contains("CONSOLE"), "{log}");
    let told = page_text.split("<pre id=\"told\">").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_default();
    let told: Value = serde_json::from_str(&told.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")).unwrap_or_default();
    assert!(told["failed"].is_null() && told["drawn"].is_array(), "{told}\n{log}");

    let network = Network::load(&fs::read(page.with_file_name("digits.snn")).unwrap()).unwrap();
    let numbers = |list: &Value| -> Vec<u64> { list.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect() };
    let drawn = told["drawn"].as_array().unwrap();
    assert_eq!(drawn.len(), 10);
    for (digit, answer) in drawn.iter().enumerate() {
        let pixels: Vec<u8> = numbers(&answer["pixels"]).iter().map(|&v| v as u8).collect();
        let image = network.quantise_pixels(&Pixels { data: &pixels, count: 1, height: 8, width: 8, channels: 1 }).unwrap();
        let outcome = network.run_quantised(&image, network.spec().timesteps, 0).unwrap();
        let bits: Vec<u64> = outcome.logits.iter().map(|v| u64::from(v.to_bits())).collect();
        assert_eq!(numbers(&answer["bits"]), bits, "digit {digit}");
        assert_eq!(numbers(&answer["spikes"]), outcome.spikes, "digit {digit}");
        assert_eq!(answer["class"], outcome.predictions()[0], "digit {digit}");
        assert_eq!(answer["class"], digit, "a {digit} is read as one: {pixels:?}");
        assert!(answer["words"].as_str().unwrap().contains(&format!("It is a {digit}, after 40 time steps")), "{answer}");
    }
    assert_eq!((&told["begins"], &told["ends"]), (&0.into(), &network.schedule().latency.into()));
    assert!(told["counts"].as_str().unwrap().starts_with("Spikes up to time step 40: Image "), "{told}");
    assert_eq!(told["button"], 3);
    assert_eq!(told["cleared"], "Nothing is drawn yet.");
    assert!(told["refused"].as_str().unwrap().contains("the network reads"), "{told}");
    assert!(told["steps"].as_str().unwrap().contains("the network takes 8 time steps"), "{told}");
    assert_eq!(told["run"], 2);
}

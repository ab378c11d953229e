//! The audit's page in a real browser: it opens without a network, without an error on the console, and shows something, in light and in dark,
//! on a wide screen and on a narrow one.
//!
//! Needs Chromium: `SNNC_CHROMIUM` or `chromium` on the path. Without it the test says that it was skipped, unless
//! `SNNC_REQUIRE_CHROMIUM` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "who runs the tests should know what was skipped")]

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

fn chromium() -> Option<String> {
    let named = std::env::var("SNNC_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let works = Command::new(&named).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    assert!(works || std::env::var_os("SNNC_REQUIRE_CHROMIUM").is_none(), "`{named}` does not run");
    works.then_some(named)
}

/// Pixels of a picture, and how many different colours there are.
fn colours(path: &Path) -> (u32, u32, Vec<[u8; 3]>) {
    let mut reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let channels = info.color_type.samples();
    (info.width, info.height, bytes.chunks(channels).map(|p| [p[0], p[1], p[2]]).collect())
}

#[test]
fn the_page_opens_in_a_browser() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: there is no Chromium; set SNNC_CHROMIUM to try one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let options = ["--samples", "8", "--timesteps", "8", "--train", "none", "-o", "m.snn", "--html", "m.html", "-q"];
    let compiled = Command::new(env!("CARGO_BIN_EXE_snnc"))
        .current_dir(folder.path())
        .arg(root.join("fixtures/digits/digits.onnx"))
        .args(options)
        .status()
        .unwrap();
    assert!(compiled.success());
    let page = format!("file://{}", folder.path().join("m.html").display());
    for (width, dark) in [(1200, false), (400, true)] {
        let picture = folder.path().join(format!("{width}.png"));
        let ran = Command::new(&chromium)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0"])
            // Nothing may be loaded; a page that tries says so on the console.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)))
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--window-size={width},3000"))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(&page)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&ran.stderr);
        assert!(!log.contains("CONSOLE"), "{log}");
        let (found, _, pixels) = colours(&picture);
        // A headless window has a least width of its own.
        assert!(found >= width, "{found}");
        let different: BTreeSet<[u8; 3]> = pixels.iter().copied().collect();
        assert!(different.len() > 40, "the page shows {} colours at width {width}", different.len());
        let bright = |p: &[u8; 3]| p.iter().map(|&c| u32::from(c)).sum::<u32>() / 3;
        let corner = bright(&pixels[0]);
        assert_eq!(corner < 128, dark, "the ground of the page in {} colours", if dark { "dark" } else { "light" });
    }
}

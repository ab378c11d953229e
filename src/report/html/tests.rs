//! The page as a whole.

use super::{Sheet, page};
use base64::Engine;
use serde_json::{Value, json};

fn metric(name: &str, unit: &str, value: f64) -> Value {
    json!({"name": name, "value": value, "interval_95": [value * 0.9, value], "chance": 0.1, "of": 40, "unit": unit})
}

fn result(subject: &str, timesteps: Option<u64>) -> Value {
    let metrics = [metric("recognition", "share", 0.8), metric("frechet", "distance", 31.0), metric("strange", "furlongs", -1.0)];
    let curve = json!([{"effort": 10, "recognised": [metrics[0]]}, {"effort": 100, "recognised": [metrics[0]]}]);
    json!({"variant": "relu", "subject": subject, "timesteps": timesteps, "metrics": metrics, "curve": curve})
}

fn best(subject: &str, effort: u64) -> Value {
    json!({"subject": subject, "effort": effort, "attack": "reconversion", "variant": "relu", "timesteps": 8,
        "recognised": metric("recognition", "share", 0.7)})
}

fn tradeoff(timesteps: u64) -> Value {
    let t = timesteps as f64;
    json!({"timesteps": timesteps, "accuracy": 0.8, "agreement": 0.9, "energy_pj": 1e5 * t, "energy_gain": 40.0 / t,
        "recognition": 0.7, "recognition_interval_95": [0.6, 0.8]})
}

fn energy(mac: f64) -> Value {
    let (ann, snn) = (mac * 4e6, 1e6);
    json!({"ann_pj": ann, "ann_pj_without_input_layer": ann / 2.0, "ann_pj_per_neuron": ann / 12345.0,
        "snn_pj": snn, "snn_pj_without_input_layer": snn / 2.0, "snn_pj_per_neuron": snn / 12345.0})
}

fn report() -> Value {
    let attack = |name: &str, status: &str| {
        json!({"name": name, "title": format!("The attack {name}"), "objective": "To see.", "knows": ["weights"], "status": status,
            "why": "because", "seconds": 1.5, "results": [result("ann", None), result("snn", Some(8)), result("control", Some(8))],
            "findings": [{"severity": "leak", "what": "found"}, {"severity": "note", "what": "noted"}]})
    };
    json!({"compiler": "snnc 0.1.0", "leakage": {
        "version": 3, "effort": "quick", "seed": 0,
        "artifact": {"sha256": "ab", "phase": "calibrated", "code": "radix", "timesteps": 8, "neurons": 12345, "spikes": "signed"},
        "ann": {"sha256": "cd", "is_source": true},
        "judges": {"kind": "independent", "sha256": ["ef", "01"], "statement": "A network of its own judged."},
        "material": {"reference": {"images": 2000, "labelled": true}, "members": 500, "nonmembers": 500, "features": "judge"},
        "verdict": {"level": "leak", "headline": "It leaks.", "points": ["First.", "Second."]},
        "control": {"what": "Noise.", "layers": [{"layer": "/conv1", "relative_noise": 0.012}]},
        "attacks": [attack("reconversion", "ran"), attack("queries", "partly"), attack("membership", "not run")],
        "best": [best("ann", 10), best("ann", 100), best("snn", 10), best("snn", 75), best("control", 100)],
        "floors": [{"name": "start-images", "what": "Starts.", "metrics": [metric("recognition", "share", 0.1)], "why": null},
            {"name": "random-weights", "what": "Noise.", "metrics": [], "why": "too long"}],
        "tradeoff": [tradeoff(4), tradeoff(8), tradeoff(16), tradeoff(32)],
        "ann_accuracy": 0.93, "ann_energy_pj": 1.9e8, "accuracy_of": "2000 labelled reference images",
        "time": {"timesteps": 8, "latency": 184, "interval": 8, "delay_bits": 4096},
        "operations": {"spikes_per_neuron": 2.5, "synaptic_ops": 2e6, "synaptic_ops_without_input_layer": 1.5e6},
        "energy": {"int8_45nm": energy(0.3), "float32_45nm": energy(4.6)},
        "layers": [{"name": "/relu1", "neurons": 16384, "digits": 8, "firing_rate": 0.13, "weight_bits": 16, "weight_bytes": 4608,
            "synaptic_ops": 1.2e6, "energy_pj": 1.1e6}],
        "not_tested": [{"what": "side channels", "why": "out of reach"}],
        "policy": {"passed": false, "rules": [
            {"rule": "kept-rule", "limit": "0.9", "measured": "0.5", "passed": true, "why": "fine"},
            {"rule": "broken-rule", "limit": "0.3", "measured": "0.85", "passed": false, "why": "reconversion"}]},
        "reproduce": "snnc audit MODEL.snn --ann MODEL.onnx"}})
}

fn sheet(attack: &str, variant: &str, subject: &str, png: &[u8]) -> Sheet {
    let (attack, variant, subject) = (attack.to_owned(), variant.to_owned(), subject.to_owned());
    Sheet { attack, variant, subject, timesteps: Some(8), rows: 4, columns: 10, png: png.to_owned(), width: 320, height: 128 }
}

fn sheets() -> Vec<Sheet> {
    let one = |(at, subject): (usize, &&str)| sheet("reconversion", "relu", subject, &[at as u8; 9]);
    ["ann", "snn", "control", "reference"].iter().enumerate().map(one).collect()
}

/// Applies `change` to every string in it.
fn with_strings(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| with_strings(entry, change)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| with_strings(entry, change)),
        _ => {}
    }
}

/// Applies `change` to every part of it, innermost last.
fn with_values(value: &mut Value, change: &impl Fn(&mut Value)) {
    change(value);
    match value {
        Value::Array(entries) => entries.iter_mut().for_each(|entry| with_values(entry, change)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| with_values(entry, change)),
        _ => {}
    }
}

/// What every page keeps to.
fn assert_sound(page: &str) {
    let lower = page.to_lowercase();
    for forbidden in ["<script", "<link", "<a ", "<iframe", "<object", "http://", "https://", "url(", "@import", "href=", "javascript:"] {
        assert!(!lower.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("<img").count(), page.matches("<img src=\"data:image/png;base64,").count());
    assert!(page.contains("content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'"));
    let mut before = 0;
    for (at, _) in page.match_indices("<h") {
        let Some(level) = page[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else { continue };
        assert!(level <= before + 1 && (level > 1 || before == 0), "h{level} after h{before}: {}", &page[at..at + 60]);
        before = level;
    }
    assert_eq!(page.matches("<h1").count(), 1);
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
    let words = page.replace(style, "").replace("keep it as private as the training data", "").to_lowercase();
    for forbidden in ["secure", "encrypt", "private"] {
        assert!(!words.contains(forbidden), "{forbidden}");
    }
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric() && c != '/').next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if name.is_empty() || ["meta", "img"].contains(&name) || tag.split('>').next().unwrap().ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_whole_report_is_a_sound_page() {
    let page = page(&report(), &sheets());
    assert_sound(&page);
    for part in [
        "It leaks.",
        "Leakage measured",
        "Wilson 1927",
        "The attack queries",
        "side channels",
        ">strange<",
        "184 time steps",
        "4,096 bits",
        "radix code",
        "16 bits, 4,608 bytes",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let order = ["It leaks.", "broken-rule", "kept-rule", "as private as", "What was audited", "In numbers", "Reconstructed images"];
    let order = order.into_iter().chain([
        "over time steps</h2>",
        ">Time and energy",
        ">Layers<",
        "What was not tested",
        "How to reproduce",
        "What the metrics mean",
    ]);
    assert!(order.map(at).is_sorted());
}

#[test]
fn nothing_is_missed_and_nothing_panics() {
    for empty in [
        json!({}),
        json!(null),
        json!([]),
        json!({"leakage": 3}),
        json!({"leakage": {"policy": {}, "attacks": [{}], "tradeoff": [{}, 1],
        "layers": [{}, null], "not_tested": [{}], "judges": [], "best": [{}, 3], "floors": [{}, null], "material": {}, "control": {"layers": [[]]}}}),
    ] {
        assert_sound(&page(&empty, &[]));
        assert!(!page(&empty, &[]).contains("keep it as private"));
    }
    let whole = report();
    // Every value in turn gone, or of a wrong kind.
    let count = std::cell::Cell::new(0);
    with_values(&mut whole.clone(), &|_| count.set(count.get() + 1));
    for wrong in [json!(null), json!("text"), json!(-1e308), json!([1e308, -1e308]), json!(u64::MAX)] {
        for gone in 1..count.get() {
            let mut report = whole.clone();
            let at = std::cell::Cell::new(0);
            with_values(&mut report, &|value| {
                if at.replace(at.get() + 1) == gone {
                    *value = wrong.clone();
                }
            });
            let page = page(&report, &[]);
            assert!(page.ends_with("</html>\n") && !page.contains("NaN") && !page.contains("inf%"));
        }
    }
}

#[test]
fn hostile_strings_stay_text() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=y>\u{202e}\u{0}\u{1b}[2J";
    let mut everywhere = report();
    with_strings(&mut everywhere, &|_| hostile.to_owned());
    let mut beside = report();
    with_strings(&mut beside, &|text| format!("{text}{hostile}"));
    let mut sheets = vec![sheet(hostile, hostile, hostile, &[1])];
    for subject in ["ann", "reference"] {
        sheets.push(sheet(hostile, hostile, subject, &[2]));
    }
    for report in [report(), everywhere, beside] {
        let page = page(&report, &sheets);
        assert_sound(&page);
        for raw in ["<script", "<img src=x", "\u{202e}", "\u{0}", "\u{1b}", "\"'>"] {
            assert!(!page.contains(raw), "{raw:?}");
        }
        assert!(page.contains("&quot;&#39;&gt;&lt;script&gt;alert(1)"));
    }
}

#[test]
fn every_sheet_is_in_the_page() {
    let page = page(&report(), &sheets());
    for sheet in sheets() {
        let data = base64::engine::general_purpose::STANDARD.encode(&sheet.png);
        assert_eq!(page.matches(&format!("src=\"data:image/png;base64,{data}\" alt=\"")).count(), 1);
    }
    assert_eq!(page.matches("keep it as private as the training data").count(), 1);
}

#[test]
fn the_tradeoff_has_a_point_for_each_t() {
    let chart = |report: &Value| {
        let page = page(report, &[]);
        let section = page.split("id=\"tradeoff\"").nth(1).and_then(|rest| rest.split("</figure>").next()).unwrap().to_owned();
        assert!(["T\u{a0}=\u{a0}4<", "T\u{a0}=\u{a0}8<", "T\u{a0}=\u{a0}16<", "T\u{a0}=\u{a0}32<"].iter().all(|t| section.contains(t)));
        ["snn", "attacker", "ann"].map(|series| section.matches(&format!("<svg class=\"mark {series}\"")).count())
    };
    let mut report = report();
    assert_eq!(chart(&report), [4, 4, 1]);
    for entry in report["leakage"]["tradeoff"].as_array_mut().unwrap() {
        entry["accuracy"] = json!(null);
        entry["recognition"] = json!(null);
    }
    report["leakage"]["tradeoff"][0]["energy_pj"] = json!(null);
    report["leakage"]["ann_accuracy"] = json!(null);
    assert_eq!(chart(&report), [4, 0, 1]);
}

#[test]
fn many_layers_have_columns_and_long_names_are_cut() {
    let mut report = report();
    let name = format!("/a/{}/z", "x".repeat(90));
    let layer = |at: usize| json!({"name": name, "neurons": 10, "firing_rate": at as f64 / 200.0, "energy_pj": 1e3});
    report["leakage"]["layers"] = (0..200).map(layer).collect();
    let page = page(&report, &[]);
    assert_sound(&page);
    assert_eq!(page.matches("<figure class=\"columns\">").count(), 2);
    assert!(page.contains("All 200 layers") && page.contains(&format!("title=\"{name}\">/a/xxx")));
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(page(&report(), &sheets()), page(&report(), &sheets()));
}

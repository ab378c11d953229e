//! Text of a page: escaping of strings that nobody vouches for, and numbers as a reader wants them.

use serde_json::Value;

/// What stands where nothing is known.
pub(super) const NONE: &str = "–";

/// Longer strings are cut: no honest name or sentence comes near.
const LONGEST: usize = 4000;

/// The text as HTML, fit for content and for quoted attributes. Characters that are not seen, or that turn the direction of what
/// follows, are replaced: names come from files, and a name must not look like another or move the text around it.
pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST {
            html.push('…');
            break;
        }
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(' '),
            _ if is_unseen(c) => html.push('\u{fffd}'),
            _ => html.push(c),
        }
    }
    html
}

/// Control characters, marks of direction, spaces of no width, separators of lines, variation selectors beyond the plane and tags.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// At most `most` characters, cut in the middle: the ends of layer names tell them apart. Not escaped.
pub(crate) fn middle(text: &str, most: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    characters[..head].iter().chain(&['…']).chain(&characters[characters.len() - tail..]).collect()
}

/// A finite number, where there is one.
pub(super) fn float(value: &Value) -> Option<f64> {
    value.as_f64().filter(|x| x.is_finite())
}

/// The entries of an array, none where it is not one.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A string, escaped, where there is one that is not empty.
pub(super) fn string(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(escape)
}

/// Any scalar, escaped.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(_) => string(value).unwrap_or_else(|| NONE.to_owned()),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        _ => float(value).map_or_else(|| NONE.to_owned(), |x| trimmed(&number(x))),
    }
}

/// A number of things, grouped by thousands.
pub(super) fn count(value: &Value) -> String {
    float(value).map_or_else(|| NONE.to_owned(), |x| if x.abs() < 1e15 { grouped(x) } else { number(x) })
}

fn grouped(x: f64) -> String {
    let digits = format!("{:.0}", x.abs());
    let mut text = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    signed(x, text)
}

fn signed(x: f64, magnitude: String) -> String {
    if x < 0.0 && magnitude.chars().any(|c| c.is_ascii_digit() && c != '0') { format!("\u{2212}{magnitude}") } else { magnitude }
}

/// Without the zeros that say how exactly a number was measured: for what is exact, like the ticks of an axis.
pub(super) fn trimmed(number: &str) -> String {
    let (digits, unit) = number.split_at(number.find(['\u{a0}', ' ']).unwrap_or(number.len()));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{unit}")
}

/// Three significant digits or so.
pub(super) fn number(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        let text = format!("{size:.1e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let raised: String = exponent.chars().map(superscript).collect();
        return signed(x, format!("{digits} × 10{raised}"));
    }
    if size >= 1000.0 {
        return grouped(x);
    }
    let decimals = if size >= 100.0 { 0 } else { 3 - [1.0, 10.0].iter().filter(|&&bound| size >= bound).count() };
    signed(x, if size == 0.0 { "0".to_owned() } else { format!("{size:.decimals$}") })
}

fn superscript(c: char) -> char {
    match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => c.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(c),
    }
}

/// A share in percent, without the sign.
pub(super) fn percent(share: f64) -> String {
    let x = 100.0 * share;
    let text = if x != 0.0 && x.abs() < 0.1 { format!("{:.2}", x.abs()) } else { format!("{:.1}", x.abs()) };
    signed(x, text)
}

/// A share in percent.
pub(super) fn share(share: f64) -> String {
    format!("{}\u{a0}%", percent(share))
}

/// An energy, given in picojoules.
pub(super) fn energy(pj: f64) -> String {
    energy_beside(pj, pj)
}

/// An energy in the unit that fits another: a column of them compares only in one unit.
pub(super) fn energy_beside(pj: f64, most: f64) -> String {
    let units = [(1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")];
    let (size, unit) = units.into_iter().find(|(size, _)| most.abs() >= *size).unwrap_or((1.0, "pJ"));
    format!("{}\u{a0}{unit}", number(pj / size))
}

/// A hash, to be broken anywhere.
pub(super) fn hash(value: &Value) -> String {
    string(value).map_or_else(|| NONE.to_owned(), |hash| format!("<code class=\"hash\">{hash}</code>"))
}

/// A list of them.
pub(super) fn hashes(values: &Value) -> String {
    let all: Vec<String> = list(values).iter().map(hash).collect();
    if all.is_empty() { NONE.to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_strings_become_text() {
        assert_eq!(escape(r#"<a b="c" d='e'>&"#), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
        assert_eq!(escape("a\u{0}b\u{1b}c\u{7f}d\u{202e}e\u{2066}f\u{200b}g\u{85}h\u{e0041}"), "a�b�c�d�e�f�g�h�");
        assert_eq!(escape("a\nb\tc"), "a b c");
        assert_eq!(escape(&"x".repeat(LONGEST + 10)).chars().count(), LONGEST + 1);
        assert_eq!(escape("ß漢שלום"), "ß漢שלום");
    }

    #[test]
    fn names_are_cut_in_the_middle() {
        assert_eq!(middle("short", 5), "short");
        assert_eq!(middle("abcdefghij", 5), "ab…ij");
        assert_eq!(middle("漢字漢字漢字", 3), "漢…字");
        assert_eq!(middle("ab", 0), "…b".chars().take(1).collect::<String>());
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 0.012, 0.125, 1.25, 12.34, 123.4, 12345.0, 1.2e-5, -3.5e9, -0.00001, -1.5];
        let shown = ["0", "0.012", "0.125", "1.25", "12.3", "123", "12,345", "1.2 × 10⁻⁵", "−3.5 × 10⁹", "−1.0 × 10⁻⁵", "−1.50"];
        assert_eq!(numbers.map(number), shown);
        assert_eq!([0.85, 0.934, 0.0004, 0.0, 1.0, 0.1].map(percent), ["85.0", "93.4", "0.04", "0.0", "100.0", "10.0"]);
        assert_eq!(
            [12.0, 1.2e6, 1.9e8, 5e9, 0.0].map(energy),
            ["12.0\u{a0}pJ", "1.20\u{a0}µJ", "190\u{a0}µJ", "5.00\u{a0}mJ", "0\u{a0}pJ"]
        );
        assert_eq!(energy_beside(1.5e5, 2e6), "0.150\u{a0}µJ");
        assert_eq!(
            ["10.0\u{a0}%", "0.250", "1.0 × 10⁻⁵", "100", "5.00\u{a0}mJ"].map(trimmed),
            ["10\u{a0}%", "0.25", "1 × 10⁻⁵", "100", "5\u{a0}mJ"]
        );
        assert_eq!(count(&serde_json::json!(1234567)), "1,234,567");
    }
}

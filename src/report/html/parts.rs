//! Parts that every section is made of.

/// A section with its heading; nothing where there is nothing to say.
pub(super) fn section(id: &str, title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n{body}</section>\n")
}

/// A table that scrolls by itself where the page is narrow, by keyboard too. The caption is escaped by the caller.
pub(super) fn table(caption: &str, head: &[&str], body: &str) -> String {
    let cells: String = head.iter().map(|title| format!("<th scope=\"col\">{title}</th>")).collect();
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table><caption>{caption}</caption>\
         <thead><tr>{cells}</tr></thead>\n{body}</table></div>\n"
    )
}

/// A table row: its heading and its cells.
pub(super) fn row(head: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{head}</th>{cells}</tr>\n")
}

/// Names and what stands for them; entries without anything are left out.
pub(super) fn definitions(entries: &[(&str, String)]) -> String {
    let entry = |(name, what): &(&str, String)| format!("<div><dt>{name}</dt><dd>{what}</dd></div>\n");
    format!("<dl class=\"facts\">\n{}</dl>\n", entries.iter().filter(|(_, what)| !what.is_empty()).map(entry).collect::<String>())
}

/// A paragraph, where there is one.
pub(super) fn paragraph(class: &str, text: Option<String>) -> String {
    text.map_or_else(String::new, |text| format!("<p class=\"{class}\">{text}</p>\n"))
}

/// What is opened when wanted.
pub(super) fn details(summary: &str, body: &str) -> String {
    format!("<details>\n<summary>{summary}</summary>\n<div class=\"inside\">\n{body}</div>\n</details>\n")
}

/// `1 image`, `2 images`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", super::text::count(&count.into()), if count == 1 { one } else { many })
}

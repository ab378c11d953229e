//! Links between pages, and to files of the project.

use crate::{pages::Page, root};
use std::path::Path;

/// Where the links of a page lead that are no addresses of the network, in order.
pub fn links(page: &Page) -> Vec<String> {
    let prose = page.prose.join("\n");
    // What stands between backquotes is no link.
    let text: String = prose.split('`').step_by(2).collect();
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// Links that lead nowhere, with what is wrong.
pub fn broken(page: &Page) -> Vec<String> {
    let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
    let complaint = |link: &str| {
        let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
        let target = if file.is_empty() { page.name.clone() } else { folder.join(file).to_str()?.to_owned() };
        if !root().join(&target).exists() {
            return Some("there is no such file");
        }
        let anchor = anchor?;
        (target.ends_with(".md") && !Page::read(&target).anchors().iter().any(|known| known == anchor))
            .then_some("there is no such heading")
    };
    links(page).iter().filter_map(|link| Some(format!("{}: `{link}`: {}", page.name, complaint(link)?))).collect()
}

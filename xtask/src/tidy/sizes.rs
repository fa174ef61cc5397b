//! How large files, functions, traits and error enums may grow.

use super::{Breach, Text, allowed};
use crate::rust;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;
const TRAIT_METHODS: usize = 8;
const ERROR_VARIANTS: usize = 10;
/// Pages that must stay a landing page and a map.
const PAGES: &[(&str, usize)] = &[("README.md", 120), ("ARCHITECTURE.md", 250)];
const SOURCES: &[&str] = &["rs", "ts", "tsx", "mjs", "js", "css", "py", "sql", "sh"];
/// A reason for a large item stands in it, or at most this many lines above it.
const REASON_ABOVE: usize = 12;

pub fn breaches(files: &[Text]) -> Vec<Breach> {
    let mut found = Vec::new();
    for file in files {
        let lines = file.text.lines().count();
        if let Some((_, most)) = PAGES.iter().find(|(page, _)| *page == file.path)
            && lines > *most
        {
            found.push(Breach::new(&file.path, "page-size", format!("{lines} lines, at most {most}")));
        }
        if file.has_extension(SOURCES) && lines > FILE_LINES && !allowed(&file.text, "file-size") {
            found.push(Breach::new(&file.path, "file-size", format!("{lines} lines, at most {FILE_LINES}")));
        }
        if file.has_extension(&["rs"]) {
            found.extend(items(file));
        }
    }
    found
}

fn items(file: &Text) -> Vec<Breach> {
    let code = rust::split(&file.text).code;
    let mut found = Vec::new();
    let mut check = |item: &rust::Item, rule: &'static str, size: usize, most: usize, unit: &str| {
        if size > most && !allowed(&around(&file.text, item.lines), rule) {
            let place = format!("{}:{}", file.path, item.lines.0);
            found.push(Breach::new(place, rule, format!("{} has {size} {unit}, at most {most}", item.name)));
        }
    };
    for function in rust::items(&code, "fn") {
        check(&function, "function-size", function.len(), FUNCTION_LINES, "lines");
    }
    for item in rust::items(&code, "trait") {
        check(&item, "trait-size", rust::methods(&item.body), TRAIT_METHODS, "methods");
    }
    for item in rust::items(&code, "enum") {
        if ["Error", "Failed", "Failure"].iter().any(|ending| item.name.ends_with(ending)) {
            check(&item, "error-size", rust::variants(&item.body), ERROR_VARIANTS, "variants");
        }
    }
    found
}

/// The lines of an item and of what stands right above it.
fn around(text: &str, (first, last): (usize, usize)) -> String {
    let from = first.saturating_sub(REASON_ABOVE + 1);
    text.lines().skip(from).take(last - from).collect::<Vec<_>>().join("\n")
}

/// Counts and medians in one line.
pub fn summary(files: &[Text]) -> String {
    let rust: Vec<&Text> = files.iter().filter(|file| file.has_extension(&["rs"])).collect();
    let sizes: Vec<usize> = rust.iter().map(|file| file.text.lines().count()).collect();
    let functions: Vec<usize> = rust
        .iter()
        .flat_map(|file| rust::items(&rust::split(&file.text).code, "fn"))
        .map(|function| function.len())
        .collect();
    format!(
        "{} Rust files, {} lines, median {}, largest {}; {} functions, median {}, largest {}",
        sizes.len(),
        sizes.iter().sum::<usize>(),
        median(sizes.clone()),
        sizes.iter().max().unwrap_or(&0),
        functions.len(),
        median(functions.clone()),
        functions.iter().max().unwrap_or(&0),
    )
}

fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> Text {
        Text { path: path.into(), text }
    }

    #[test]
    fn what_is_too_large_is_named() {
        let long_function = format!("fn long() {{\n{}}}\n", "    work();\n".repeat(80));
        let reasoned = format!("// tidy: allow function-size: one long table\n{long_function}");
        let wide_trait = format!("trait Wide {{\n{}}}\n", "    fn a(&self);\n".repeat(9));
        let wide_error = format!("enum WideError {{\n{}}}\n", "    A { b: u8, c: u8 },\n".repeat(11));
        let wide_enum = wide_error.replace("WideError", "Wide");
        let cases = [
            (file("a.rs", "x\n".repeat(601)), &["file-size"][..]),
            (file("a.rs", "x\n".repeat(600)), &[]),
            (file("a.rs", format!("// tidy: allow file-size: one table of ports\n{}", "x\n".repeat(601))), &[]),
            (file("a.md", "x\n".repeat(601)), &[]),
            (file("README.md", "x\n".repeat(121)), &["page-size"]),
            (file("web/README.md", "x\n".repeat(121)), &[]),
            (file("a.rs", long_function), &["function-size"]),
            (file("a.rs", reasoned), &[]),
            (file("a.rs", wide_trait), &["trait-size"]),
            (file("a.rs", wide_error), &["error-size"]),
            (file("a.rs", wide_enum), &[]),
        ];
        for (file, expected) in cases {
            let rules: Vec<_> = breaches(std::slice::from_ref(&file)).into_iter().map(|b| b.rule).collect();
            assert_eq!(rules, expected, "{}: {}", file.path, &file.text[..40]);
        }
    }
}

//! Reads the totals out of what test runners print: libtest, Vitest, Playwright.

use std::collections::BTreeSet;

/// What became of the tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// A runner's output, read line by line.
#[derive(Default)]
pub struct Reader {
    totals: Totals,
    /// Tests that returned early and said so in a line that begins with SKIP: libtest counts them as passed.
    early: BTreeSet<String>,
    /// Reasons, as they are shown at the end.
    pub skips: Vec<String>,
    /// Inside libtest's "successes:" part, where the output of passed tests is shown.
    in_successes: bool,
    test: String,
}

impl Reader {
    /// Takes a line and says whether it is worth showing.
    pub fn line(&mut self, line: &str) -> bool {
        let plain = without_colour(line);
        let words = plain.trim();
        self.count(words);
        if words == "successes:" {
            self.in_successes = true;
        } else if words == "failures:" || words.starts_with("test result:") {
            self.in_successes = false;
            self.test.clear();
        } else if let Some(name) = words.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.test = name.to_string();
        } else if starts_with_skip(words) {
            let name = if self.test.is_empty() { words.to_string() } else { self.test.clone() };
            if self.early.insert(name.clone()) {
                self.skips.push(format!("{name}: {words}"));
            }
        } else if let Some((name, reason)) = words.split_once(" ... ignored") {
            self.skips.push(format!("{}: ignored{reason}", name.trim_start_matches("test ")));
        } else if let Some(title) = words.strip_prefix("- ").filter(|title| title.contains(" › ")) {
            self.skips.push(title.to_string());
        }
        !self.in_successes && words != "successes:"
    }

    fn count(&mut self, words: &str) {
        if let Some(rest) = words.strip_prefix("test result:") {
            self.totals += Totals {
                passed: number_before(rest, "passed"),
                failed: number_before(rest, "failed"),
                skipped: number_before(rest, "ignored"),
            };
        } else if let Some(rest) = words.strip_prefix("Tests ").filter(|rest| rest.contains('(')) {
            self.totals += Totals {
                passed: number_before(rest, "passed"),
                failed: number_before(rest, "failed"),
                skipped: number_before(rest, "skipped") + number_before(rest, "todo"),
            };
        } else {
            self.playwright(words);
        }
    }

    /// Playwright's closing lines each hold a number and one word: "5 passed (3.2s)", "1 failed", "2 did not run".
    fn playwright(&mut self, words: &str) {
        let Some((number, rest)) = words.split_once(' ') else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        match rest.split(" (").next().unwrap_or_default() {
            "passed" | "flaky" => self.totals.passed += number,
            "failed" | "interrupted" | "did not run" => self.totals.failed += number,
            "skipped" => self.totals.skipped += number,
            _ => {}
        }
    }

    /// The totals at the end; a runner that failed without naming a failed test counts as one.
    pub fn finish(&self, succeeded: bool) -> Totals {
        let mut totals = self.totals;
        let early = self.early.len().min(totals.passed);
        totals.passed -= early;
        totals.skipped += early;
        if !succeeded && totals.failed == 0 {
            totals.failed = 1;
        }
        totals
    }
}

fn starts_with_skip(words: &str) -> bool {
    words.get(..4).is_some_and(|start| start == "SKIP")
        && words[4..].trim_start_matches(|c: char| c.is_ascii_uppercase()).starts_with([':', ' '])
}

fn number_before(text: &str, word: &str) -> usize {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(|c| c.is_ascii_alphabetic());
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str, succeeded: bool) -> (Totals, Vec<String>, Vec<String>) {
        let mut reader = Reader::default();
        let shown = output.lines().filter(|line| reader.line(line)).map(str::to_string).collect();
        (reader.finish(succeeded), reader.skips.clone(), shown)
    }

    #[test]
    fn libtest() {
        let output = "running 3 tests\ntest a ... ok\ntest b ... ok\ntest c ... ignored, needs a network\n\nsuccesses:\n\n\
            ---- a stdout ----\nSKIPPED: no recording (set CONTRAIL_RECORDINGS)\nSKIPPED: again\nnoise\n\nsuccesses:\n    a\n    b\n\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        let (totals, skips, shown) = read(output, true);
        assert_eq!(totals, Totals { passed: 6, failed: 0, skipped: 2 });
        assert_eq!(skips, ["c: ignored, needs a network", "a: SKIPPED: no recording (set CONTRAIL_RECORDINGS)"]);
        assert!(!shown.iter().any(|line| line == "noise"), "{shown:?}");
        assert!(shown.iter().any(|line| line.starts_with("test result")));
    }

    #[test]
    fn vitest_and_playwright() {
        let cases = [
            ("\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m12 passed\u{1b}[39m | 1 skipped (13)", (12, 0, 1)),
            (" Test Files  2 passed (2)\n      Tests  1 failed | 4 passed (5)", (4, 1, 0)),
            (
                "  1 failed\n    [chromium] › a.spec.ts:3:1 › a\n  2 skipped\n  1 did not run\n  5 passed (3.2s)",
                (5, 2, 2),
            ),
            ("Running 8 tests using 2 workers\n  8 passed (1.1m)", (8, 0, 0)),
        ];
        for (output, (passed, failed, skipped)) in cases {
            assert_eq!(read(output, true).0, Totals { passed, failed, skipped }, "{output}");
        }
    }

    #[test]
    fn a_runner_that_fails_without_a_failed_test_counts_as_one() {
        assert_eq!(read("error: could not compile", false).0.to_string(), "0 passed, 1 failed, 0 skipped");
        assert_eq!(read("", true).0, Totals::default());
    }

    #[test]
    fn what_is_a_skip() {
        for (line, expected) in [
            ("SKIP: no Chromium", true),
            ("SKIPPED no recording", true),
            ("SKIPPING: x", true),
            ("skipped 3 rows", false),
            ("SKIPPY", false),
            ("SKI", false),
        ] {
            assert_eq!(starts_with_skip(line), expected, "{line}");
        }
    }
}

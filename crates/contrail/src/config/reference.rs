//! The page `docs/configuration.md`, made from `default.toml`.

use std::fmt::Write;

use super::{DEFAULT, keys};

const HEAD: &str = "\
# Configuration

<!-- Made from crates/contrail/default.toml; do not edit. `CONTRAIL_UPDATE=1 cargo test -p contrail reference` writes it anew. -->

Every key has a default. A value is taken from the strongest source that has one:

1. the command line: `--set KEY=VALUE`, and flags such as `--data-dir`
2. the environment: `CONTRAIL__` and the key in capitals with two underscores for each dot
   (`CONTRAIL__SERVE__HTTP__LISTEN=127.0.0.1:9000`), and `OPENSKY_CLIENT_ID`, `OPENSKY_CLIENT_SECRET`
3. the same variables in a file `.env` in the current folder; other variables there are ignored
4. one file: `--config FILE`, else `./contrail.toml`, else `contrail/contrail.toml` in `$XDG_CONFIG_HOME` (`~/.config`)
5. the defaults below

A key that does not exist is an error that names the nearest one that does. `contrail config show` prints every value
and where it came from, with secrets masked; `contrail config check` only says whether all is well. Durations are
written like `500ms`, `90s`, `10m`, sizes like `64 MiB`, `2 GB`.
";

/// The page as Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_string();
    let mut comment: Vec<&str> = Vec::new();
    let mut heading = String::from("Top level");
    let mut rows: Vec<String> = Vec::new();
    let mut intro = String::new();
    let flush = |page: &mut String, heading: &str, intro: &str, rows: &mut Vec<String>| {
        if rows.is_empty() {
            return;
        }
        let _ = write!(page, "\n## {heading}\n\n");
        if !intro.is_empty() {
            let _ = write!(page, "{intro}\n\n");
        }
        let _ = writeln!(page, "| key | default | |\n|---|---|---|\n{}", rows.join("\n"));
        rows.clear();
    };
    for line in DEFAULT.lines() {
        let hidden = keys::hidden_key(line);
        let shown = hidden.unwrap_or(line);
        if let Some(section) = shown.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            flush(&mut page, &heading, &intro, &mut rows);
            heading = format!("`[{section}]`{}", if hidden.is_some() { " (an example)" } else { "" });
            intro = comment.join(" ");
            comment.clear();
        } else if let Some((key, value)) = shown.split_once(" = ").filter(|_| !line.starts_with("# ")) {
            let value = if hidden.is_some() { format!("not set, such as `{value}`") } else { format!("`{value}`") };
            rows.push(format!("| `{key}` | {value} | {} |", comment.join(" ").replace('|', "\\|")));
            comment.clear();
        } else if let Some(sentence) = line.strip_prefix("# ") {
            comment.push(sentence);
        } else {
            comment.clear();
        }
    }
    flush(&mut page, &heading, &intro, &mut rows);
    page
}

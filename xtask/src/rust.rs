//! Just enough of Rust's grammar to measure a file: comments and literals told from code, and items with their extent.

/// A source text split by what its characters are. Both texts have the original's lines and columns; what does not
/// belong is blank.
pub struct Split {
    pub code: String,
    pub comments: String,
}

/// Something with a body in braces.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// The text between the outer braces, without comments and literals.
    pub body: String,
}

impl Item {
    pub fn len(&self) -> usize {
        self.lines.1 - self.lines.0 + 1
    }
}

pub fn split(source: &str) -> Split {
    let chars: Vec<char> = source.chars().collect();
    let mut split = Split { code: String::with_capacity(source.len()), comments: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let (len, kind) = next_piece(rest, at.checked_sub(1).map(|i| chars[i]));
        for &c in &rest[..len] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            split.code.push(if kind == Kind::Code { c } else { blank });
            split.comments.push(if kind == Kind::Comment { c } else { blank });
        }
        at += len;
    }
    split
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Length and kind of what begins at the start of `rest`; `before` is the character in front of it.
fn next_piece(rest: &[char], before: Option<char>) -> (usize, Kind) {
    let starts = |text: &str| text.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    if starts("//") {
        return (rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()), Kind::Comment);
    }
    if starts("/*") {
        return (block_comment(rest), Kind::Comment);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word {
        for prefix in ["br", "cr", "r"] {
            if starts(prefix)
                && let Some(len) = raw_string(&rest[prefix.len()..])
            {
                return (prefix.len() + len, Kind::Literal);
            }
        }
    }
    match rest[0] {
        '"' => (quoted(rest, '"'), Kind::Literal),
        '\'' if rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'') => (quoted(rest, '\''), Kind::Literal),
        _ => (1, Kind::Code),
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of `#*"..."#*` at the start of `rest`, if there is one.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let mut at = hashes + 1;
    while at < rest.len() {
        if rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(rest.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// All `keyword Name ... { body }` of a text that went through [`split`]; items without a body are left out.
pub fn items(code: &str, keyword: &str) -> Vec<Item> {
    let bytes = code.as_bytes();
    let is_word = |i: usize| bytes.get(i).is_some_and(|&b| b == b'_' || b.is_ascii_alphanumeric());
    let mut found = Vec::new();
    for (at, _) in code.match_indices(keyword) {
        let after = at + keyword.len();
        if (at > 0 && is_word(at - 1)) || bytes.get(after) != Some(&b' ') || !is_word(after + 1) {
            continue;
        }
        let name: String = code[after + 1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some((open, close)) = body(bytes, after) else { continue };
        let line = |i: usize| bytes[..i].iter().filter(|&&b| b == b'\n').count() + 1;
        found.push(Item { name, lines: (line(at), line(close)), body: code[open + 1..close].to_string() });
    }
    found
}

/// The places of the braces around the body that follows `from`; none if a semicolon comes first.
fn body(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut depth = 0i32;
    let mut open = None;
    for (i, &b) in bytes.iter().enumerate().skip(from) {
        match b {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 && open.is_none() => return None,
            b'{' => {
                if open.is_none() {
                    open = Some((i, depth));
                }
                depth += 1;
            }
            b'}' => {
                depth -= 1;
                if let Some((start, outer)) = open
                    && depth == outer
                {
                    return Some((start, i));
                }
            }
            _ => {}
        }
    }
    None
}

/// The number of pieces between commas at the outermost level: the variants of an enum's body.
pub fn variants(body: &str) -> usize {
    let (mut depth, mut count, mut seen) = (0i32, 0, false);
    for c in body.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                count += usize::from(seen);
                seen = false;
            }
            c if depth == 0 && (c.is_alphanumeric() || c == '_') => seen = true,
            _ => {}
        }
    }
    count + usize::from(seen)
}

/// The number of functions that a trait's body declares itself.
pub fn methods(body: &str) -> usize {
    let (mut depth, mut outer) = (0i32, String::new());
    for c in body.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            c if depth == 0 => outer.push(c),
            _ => {}
        }
    }
    outer.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| *word == "fn").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_not_code() {
        let cases = [
            ("let a = \"fn b() {}\"; // fn c", "let a =            ;", "fn c"),
            ("let q = '\"'; let s: &'a str = 'x';", "let q =    ; let s: &'a str =    ;", ""),
            ("r#\"a \" b\"# + x", "            + x", ""),
            ("/* a /* b */ c */ d", "                  d", "c */"),
            ("for_r\"x\"", "for_r   ", ""),
            ("'\\'' + y", "     + y", ""),
        ];
        for (source, code, comment) in cases {
            let split = split(source);
            assert_eq!(split.code.split_whitespace().collect::<Vec<_>>(), code.split_whitespace().collect::<Vec<_>>());
            assert_eq!(split.code.chars().count(), source.chars().count(), "{source}");
            assert!(split.comments.contains(comment), "{source}: {:?}", split.comments);
        }
    }

    #[test]
    fn items_have_names_and_extents() {
        let source = "fn a(x: [u8; 4]) -> u8 {\n    if x { 1 } else { 2 }\n}\ntrait T {\n    fn b(&self);\n    fn c(&self) { self.b() }\n}\n";
        let code = split(source).code;
        let functions = items(&code, "fn");
        let named: Vec<_> = functions.iter().map(|f| (f.name.as_str(), f.lines)).collect();
        assert_eq!(named, [("a", (1, 3)), ("c", (6, 6))]);
        assert_eq!(methods(&items(&code, "trait")[0].body), 2);
    }

    #[test]
    fn variants_are_counted_whatever_they_hold() {
        for (body, count) in [
            ("", 0),
            (" A, B ", 2),
            ("#[error()] A { x: u8, y: u8 }, #[error()] B(u8, u16), C,", 3),
            ("A(Vec<(u8, u8)>),", 1),
        ] {
            assert_eq!(variants(body), count, "{body}");
        }
    }
}

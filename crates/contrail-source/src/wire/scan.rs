//! A JSON scanner for bodies of a known shape: one pass over the bytes, no tree, and lenient where a value is nonsense.
//!
//! Structure is strict: brackets, commas, colons and quotes must be right, or the body counts as broken. Values are
//! not: a word such as `NaN` or a text that is no UTF-8 is [`Value::Nonsense`], and the scan goes on behind it.

use std::borrow::Cow;

/// Where and how the structure of a body is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub at: usize,
    pub what: &'static str,
}

pub type Scan<T> = Result<T, Broken>;

/// One value. Numbers are what a double holds: beyond it they are infinite.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// The whole array, brackets included.
    Array(&'a [u8]),
    /// The whole object, braces included.
    Object(&'a [u8]),
    Nonsense,
}

#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Nesting that nothing real has.
const DEEPEST: u32 = 128;

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { bytes, at }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where the scanner has been.
    pub fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    /// The next byte that is no white space, without taking it; 0 at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// Takes `byte`, which must come next.
    #[inline]
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Scan<()> {
        if self.peek() == byte && self.at < self.bytes.len() {
            self.at += 1;
            return Ok(());
        }
        Err(self.broken(what))
    }

    /// Nothing but white space may be left.
    pub fn end(&mut self) -> Scan<()> {
        self.peek();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.broken("something follows the answer")) }
    }

    /// Inside brackets: takes the comma before the next element (not before the `first`), or the closing bracket.
    #[inline]
    pub fn more(&mut self, close: u8, first: &mut bool) -> Scan<bool> {
        let next = self.peek();
        if next == close {
            self.at += 1;
            return Ok(false);
        }
        if std::mem::take(first) {
            return Ok(true);
        }
        self.expect(b',', "expected a comma or the end of a list")?;
        if self.peek() == close {
            return Err(self.broken("a comma before the end of a list"));
        }
        Ok(true)
    }

    /// A key with its colon.
    pub fn key(&mut self) -> Scan<Cow<'a, str>> {
        if self.peek() != b'"' {
            return Err(self.broken("expected a key"));
        }
        let key = self.text()?.unwrap_or(Cow::Borrowed("\u{fffd}"));
        self.expect(b':', "expected a colon")?;
        Ok(key)
    }

    #[inline]
    pub fn value(&mut self) -> Scan<Value<'a>> {
        match self.peek() {
            b'"' => Ok(self.text()?.map_or(Value::Nonsense, Value::Text)),
            b'0'..=b'9' | b'-' => Ok(self.number()),
            open @ (b'[' | b'{') => {
                let start = self.at;
                self.skip_nested()?;
                let raw = self.since(start);
                Ok(if open == b'[' { Value::Array(raw) } else { Value::Object(raw) })
            }
            _ => self.word(),
        }
    }

    /// Steps over a value of any kind.
    pub fn skip(&mut self) -> Scan<()> {
        self.value().map(drop)
    }

    fn broken(&self, what: &'static str) -> Broken {
        let what = if self.at >= self.bytes.len() { "the answer is cut short" } else { what };
        Broken { at: self.at, what }
    }

    /// `null`, `true`, `false`, or a word that means nothing to JSON.
    fn word(&mut self) -> Scan<Value<'a>> {
        let start = self.at;
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'.');
        self.at += self.bytes[start..].iter().take_while(|b| part(b)).count();
        match self.since(start) {
            b"" => Err(self.broken("expected a value")),
            b"null" => Ok(Value::Null),
            b"true" => Ok(Value::Bool(true)),
            b"false" => Ok(Value::Bool(false)),
            _ => Ok(Value::Nonsense),
        }
    }

    /// A number; the common ones (up to 15 digits, small exponent) without a detour, and exactly rounded either way.
    #[inline]
    fn number(&mut self) -> Value<'a> {
        const TEN: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        let start = self.at;
        let negative = self.bytes[start] == b'-';
        let (mut at, mut mantissa, mut digits) = (start + usize::from(negative), 0u64, 0usize);
        let mut run = |at: &mut usize| {
            while let Some(digit) = self.bytes.get(*at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
                digits += 1;
                *at += 1;
            }
        };
        run(&mut at);
        let mut decimals = 0;
        if self.bytes.get(at) == Some(&b'.') {
            let point = at + 1;
            at = point;
            run(&mut at);
            decimals = at - point;
        }
        let ends = matches!(self.bytes.get(at), None | Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
        if ends && (1..=15).contains(&digits) && digits > decimals {
            self.at = at;
            let value = mantissa as f64 / TEN[decimals];
            return Value::Number(if negative { -value } else { value });
        }
        let rest = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'.');
        self.at += self.bytes[start..].iter().take_while(|b| rest(b)).count();
        let text = self.since(start);
        // Rust reads "-inf" and "-nan" as numbers; JSON does not.
        let plain = text[1..].iter().all(|b| b.is_ascii_digit() || matches!(b, b'e' | b'E' | b'+' | b'-' | b'.'));
        let value = std::str::from_utf8(text).ok().filter(|_| plain).and_then(|text| text.parse().ok());
        value.map_or(Value::Nonsense, Value::Number)
    }

    /// A text; `None` when it is no UTF-8 or has an escape that means nothing.
    #[inline]
    fn text(&mut self) -> Scan<Option<Cow<'a, str>>> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.broken("a text without an end")),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
            }
        }
        let raw = self.since(start);
        self.at += 1;
        if escaped {
            return Ok(unescape(raw).map(Cow::Owned));
        }
        Ok(std::str::from_utf8(raw).ok().map(Cow::Borrowed))
    }

    /// Steps over an array or object: brackets must match, what stands between them may be anything.
    fn skip_nested(&mut self) -> Scan<()> {
        let (mut open, mut depth) = (0u128, 0u32);
        loop {
            let Some(&byte) = self.bytes.get(self.at) else { return Err(self.broken("")) };
            match byte {
                b'"' => {
                    self.text()?;
                    continue;
                }
                b'[' | b'{' => {
                    if depth == DEEPEST {
                        return Err(self.broken("nested too deeply"));
                    }
                    open = open << 1 | u128::from(byte == b'{');
                    depth += 1;
                }
                b']' | b'}' => {
                    if open & 1 != u128::from(byte == b'}') {
                        return Err(self.broken("brackets do not match"));
                    }
                    open >>= 1;
                    depth -= 1;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// The text behind JSON's escapes; lone surrogates become U+FFFD.
fn unescape(raw: &[u8]) -> Option<String> {
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    // Control characters inside a text are against the rules and harmless.
    quoted.extend(raw.iter().map(|b| if *b < 0x20 { b' ' } else { *b }));
    quoted.push(b'"');
    serde_json::from_slice(&quoted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Scan<Value<'_>> {
        Scanner::new(text.as_bytes()).value()
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let texts = "0 -0 1 -1 12.5 0.1 -0.3 1714311965 8.5577 47.4624 123456789012345 1234567890123456 0.000001 1e3 \
                     1.5E-7 -2e+2 9007199254740993 99999999999999999999 1e400 -1e400 1e-400 2.2250738585072011e-308 \
                     123456.123456789 0.30000000000000004 00012 1.";
        for text in texts.split_whitespace() {
            assert_eq!(one(text), Ok(Value::Number(text.parse().unwrap())), "{text}");
        }
    }

    #[test]
    fn nonsense_is_stepped_over() {
        for text in ["NaN", "-Infinity", "Infinity", "-", "--1", "1.2.3", "0x1f", "-inf", "None", "1e", "-nan"] {
            let list = format!("{text},7]");
            let mut scanner = Scanner::new(list.as_bytes());
            assert_eq!(scanner.value(), Ok(Value::Nonsense), "{text}");
            assert_eq!(scanner.more(b']', &mut false), Ok(true), "{text}");
            assert_eq!(scanner.value(), Ok(Value::Number(7.0)), "{text}");
        }
    }

    #[test]
    fn texts_with_escapes() {
        let cases = [
            (r#""plain""#, Value::Text("plain".into())),
            (r#""a\"b\\c""#, Value::Text("a\"b\\c".into())),
            (r#""\u00e9\ud83d\ude00""#, Value::Text("é😀".into())),
            (r#""bad \x escape""#, Value::Nonsense),
            (r#""\ud800""#, Value::Nonsense),
        ];
        for (text, value) in cases {
            assert_eq!(one(text), Ok(value), "{text}");
        }
        assert_eq!(Scanner::new(b"\"\xff\xfe\"").value(), Ok(Value::Nonsense));
    }

    #[test]
    fn broken_structure_is_an_error_with_its_place() {
        for text in ["", "[1,2", "[[1]", "{\"a\":[1}", "\"no end", "\"end\\", ",", "}", "[}", &"[".repeat(200)] {
            assert!(one(text).is_err(), "{text}");
        }
        assert_eq!(one("[1,").unwrap_err().what, "the answer is cut short");
        assert!(one(&format!("{}{}", "[".repeat(120), "]".repeat(120))).is_ok());
    }
}

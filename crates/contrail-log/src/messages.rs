//! A run of messages held compactly: all keys in one buffer, all values in another, with where each one ends.

use std::ops::Range;

use bytes::Bytes;

/// Messages in log order, each with an optional key and an optional value (a Kafka tombstone has no value).
///
/// Cloning and [`Messages::slice`] share the buffers. One run holds at most 4 GiB of keys and 4 GiB of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Messages {
    keys: Column,
    values: Column,
}

/// One message: what its key and its value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// Optional byte strings, end to end. `ends[i]` is where the i-th ends in `bytes`; the first starts at `start`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    bytes: Bytes,
    start: u32,
    ends: Vec<u32>,
    /// Indices of those that are absent (which is not the same as empty), ascending; nearly always none.
    absent: Vec<u32>,
}

impl Column {
    fn span(&self, i: usize) -> Range<usize> {
        let start = if i == 0 { self.start } else { self.ends[i - 1] };
        start as usize..self.ends[i] as usize
    }

    fn get(&self, i: usize) -> Option<&[u8]> {
        let absent = !self.absent.is_empty() && self.absent.binary_search(&(i as u32)).is_ok();
        (!absent).then(|| &self.bytes[self.span(i)])
    }

    fn slice(&self, range: Range<usize>) -> Self {
        let start = if range.start == 0 { self.start } else { self.ends[range.start - 1] };
        let inside = |i: &&u32| range.contains(&(**i as usize));
        Self {
            bytes: self.bytes.clone(),
            start,
            ends: self.ends[range.clone()].to_vec(),
            absent: self.absent.iter().filter(inside).map(|i| i - range.start as u32).collect(),
        }
    }

    fn len_bytes(&self) -> usize {
        self.ends.last().map_or(0, |end| (end - self.start) as usize)
    }

    /// Exactly the bytes that belong to the run, without what a slice has left outside.
    fn run(&self) -> &[u8] {
        &self.bytes[self.start as usize..self.start as usize + self.len_bytes()]
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.ends.len() == other.ends.len() && (0..self.ends.len()).all(|i| self.get(i) == other.get(i))
    }
}

impl Messages {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn builder() -> MessagesBuilder {
        MessagesBuilder::default()
    }

    /// Values that already stand end to end in one buffer, value `i` at `ends[i - 1]..ends[i]`, and keys likewise.
    ///
    /// # Panics
    /// When ends go down or beyond their buffer, or there are not as many keys as values: the caller has made them.
    pub fn from_buffers(keys: Bytes, key_ends: Vec<u32>, values: Bytes, value_ends: Vec<u32>) -> Self {
        assert_eq!(key_ends.len(), value_ends.len(), "as many keys as values");
        let column = |bytes: Bytes, ends: Vec<u32>| {
            assert!(ends.is_sorted() && ends.last().is_none_or(|e| *e as usize <= bytes.len()), "ends fit the buffer");
            Column { bytes, start: 0, ends, absent: Vec::new() }
        };
        Self { keys: column(keys, key_ends), values: column(values, value_ends) }
    }

    pub fn len(&self) -> usize {
        self.values.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.ends.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.keys.len_bytes() + self.values.len_bytes()
    }

    pub fn key(&self, i: usize) -> Option<&[u8]> {
        self.keys.get(i)
    }

    pub fn value(&self, i: usize) -> Option<&[u8]> {
        self.values.get(i)
    }

    /// The messages of `range`, sharing the buffers.
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self { keys: self.keys.slice(range.clone()), values: self.values.slice(range) }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        (0..self.len()).map(|i| Message { key: self.key(i), value: self.value(i) })
    }

    /// Keys, then values: how many bytes each one has (`None`: absent) and all bytes of the run.
    pub(crate) fn columns(&self) -> [(impl Iterator<Item = Option<u32>>, &[u8]); 2] {
        [&self.keys, &self.values].map(|c| {
            let length = move |i: usize| c.get(i).map(|bytes| bytes.len() as u32);
            ((0..c.ends.len()).map(length), c.run())
        })
    }

    /// Byte strings of these lengths (`None`: absent), which together are `bytes`.
    pub(crate) fn column(bytes: Bytes, lengths: impl Iterator<Item = Option<u32>>) -> Column {
        let mut column = Column { bytes, ..Column::default() };
        let mut end = 0;
        for (i, length) in lengths.enumerate() {
            if length.is_none() {
                column.absent.push(i as u32);
            }
            end += length.unwrap_or(0);
            column.ends.push(end);
        }
        column
    }

    pub(crate) fn from_columns(keys: Column, values: Column) -> Self {
        Self { keys, values }
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(Option<K>, Option<V>)> for Messages {
    fn from_iter<I: IntoIterator<Item = (Option<K>, Option<V>)>>(messages: I) -> Self {
        let mut builder = Self::builder();
        for (key, value) in messages {
            builder.push(key.as_ref().map(AsRef::as_ref), value.as_ref().map(AsRef::as_ref));
        }
        builder.finish()
    }
}

/// Makes [`Messages`] one by one, or out of other runs.
#[derive(Debug, Default)]
pub struct MessagesBuilder {
    keys: Growing,
    values: Growing,
}

#[derive(Debug, Default)]
struct Growing {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    absent: Vec<u32>,
}

impl Growing {
    fn push(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes.extend_from_slice(bytes),
            None => self.absent.push(self.ends.len() as u32),
        }
        self.ends.push(u32::try_from(self.bytes.len()).expect("a run of messages holds at most 4 GiB"));
    }

    fn extend(&mut self, column: &Column) {
        let (rows, base) = (self.ends.len() as u32, self.bytes.len() as u32);
        assert!(self.bytes.len() + column.len_bytes() <= u32::MAX as usize, "a run of messages holds at most 4 GiB");
        self.bytes.extend_from_slice(column.run());
        self.ends.extend(column.ends.iter().map(|end| end - column.start + base));
        self.absent.extend(column.absent.iter().map(|i| i + rows));
    }

    fn finish(self) -> Column {
        Column { bytes: self.bytes.into(), start: 0, ends: self.ends, absent: self.absent }
    }
}

impl MessagesBuilder {
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.keys.push(key);
        self.values.push(value);
    }

    /// Appends a whole run.
    pub fn extend(&mut self, messages: &Messages) {
        self.keys.extend(&messages.keys);
        self.values.extend(&messages.values);
    }

    pub fn len(&self) -> usize {
        self.values.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.ends.is_empty()
    }

    pub fn finish(self) -> Messages {
        Messages { keys: self.keys.finish(), values: self.values.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Messages {
        [(Some("3c6444"), Some("a")), (None, Some("")), (Some(""), None), (Some("k"), Some("value"))]
            .into_iter()
            .collect()
    }

    #[test]
    fn absent_and_empty_are_told_apart() {
        let messages = sample();
        let expected = [(Some("3c6444"), Some("a")), (None, Some("")), (Some(""), None), (Some("k"), Some("value"))];
        let expected = expected.map(|(k, v)| Message { key: k.map(str::as_bytes), value: v.map(str::as_bytes) });
        assert_eq!(messages.iter().collect::<Vec<_>>(), expected);
        assert_eq!(messages.bytes(), 13);
    }

    #[test]
    fn slices_and_joined_runs_hold_the_same_messages() {
        let all = sample();
        for from in 0..=4 {
            for to in from..=4 {
                let slice = all.slice(from..to);
                let expected: Vec<_> = all.iter().skip(from).take(to - from).collect();
                assert_eq!(slice.iter().collect::<Vec<_>>(), expected, "{from}..{to}");
                let mut joined = Messages::builder();
                joined.extend(&all.slice(0..from));
                joined.extend(&slice);
                joined.extend(&all.slice(to..4));
                assert_eq!(joined.finish(), all, "{from}..{to}");
            }
        }
    }
}

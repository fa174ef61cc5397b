//! How a run of messages stands in one row of the file: lengths, keys, values; compressed, with a checksum.
//!
//! A body, little-endian: the number of messages n (u32), the n lengths of the keys and the n lengths of the values
//! (u32; all ones: absent), all keys, all values. `size` is its length before compression, the checksum is CRC-32 of
//! the bytes as stored.

use bytes::Bytes;

use crate::{LogError, Messages};

/// A block as it is stored.
pub(super) struct Block {
    pub rows: usize,
    pub size: usize,
    pub codec: Codec,
    pub checksum: u32,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Plain = 0,
    Zstd = 1,
}

/// Blocks end at this size, so that a reader never holds more than a few megabytes of one.
const FULL: usize = 8 << 20;
/// The longest message that fits a row of SQLite with room to spare.
const LONGEST: u64 = 512 << 20;
const ABSENT: u32 = u32::MAX;

/// `messages` as blocks, none of them empty.
pub(super) fn encode(messages: &Messages, level: Option<i32>) -> Result<Vec<Block>, LogError> {
    let length = |i: usize| messages.key(i).map_or(0, <[u8]>::len) + messages.value(i).map_or(0, <[u8]>::len);
    let mut blocks = Vec::new();
    let (mut first, mut size) = (0, 0);
    for i in 0..messages.len() {
        let next = length(i) + 8;
        if next as u64 > LONGEST {
            return Err(LogError::TooLarge { bytes: next as u64, limit: LONGEST });
        }
        if size + next > FULL && i > first {
            blocks.push(block(&messages.slice(first..i), level));
            (first, size) = (i, 0);
        }
        size += next;
    }
    if first < messages.len() {
        blocks.push(block(&messages.slice(first..messages.len()), level));
    }
    Ok(blocks)
}

fn block(messages: &Messages, level: Option<i32>) -> Block {
    let rows = messages.len();
    let mut body = Vec::with_capacity(4 + 8 * rows + messages.bytes());
    body.extend_from_slice(&(rows as u32).to_le_bytes());
    let [(key_lengths, keys), (value_lengths, values)] = messages.columns();
    for length in key_lengths.chain(value_lengths) {
        body.extend_from_slice(&length.unwrap_or(ABSENT).to_le_bytes());
    }
    body.extend_from_slice(keys);
    body.extend_from_slice(values);
    let size = body.len();
    let packed = level.and_then(|level| zstd::bulk::compress(&body, level).ok()).filter(|packed| packed.len() < size);
    let (codec, body) = packed.map_or((Codec::Plain, body), |packed| (Codec::Zstd, packed));
    Block { rows, size, codec, checksum: crc32fast::hash(&body), body }
}

/// The messages of a body of which the file says these things; the error says what is wrong with it.
pub(super) fn decode(body: Vec<u8>, size: usize, codec: i64, checksum: u32) -> Result<Messages, &'static str> {
    if crc32fast::hash(&body) != checksum {
        return Err("its checksum does not match");
    }
    if size as u64 > 2 * LONGEST {
        return Err("its size is out of range");
    }
    let body = match codec {
        c if c == Codec::Plain as i64 => body,
        c if c == Codec::Zstd as i64 => zstd::bulk::decompress(&body, size).map_err(|_| "it cannot be decompressed")?,
        _ => return Err("its compression is unknown"),
    };
    parse(body.into()).ok_or("its lengths do not add up")
}

fn parse(body: Bytes) -> Option<Messages> {
    let number = |at: usize| Some(u32::from_le_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let rows = number(0)? as usize;
    let data = rows.checked_mul(8)?.checked_add(4)?;
    if data > body.len() {
        return None;
    }
    let lengths = |from: usize| body[from..from + 4 * rows].as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
    let total = |from: usize| lengths(from).filter(|l| *l != ABSENT).map(|l| l as usize).sum::<usize>();
    let (keys, values) = (total(4), total(4 + 4 * rows));
    if data.checked_add(keys)?.checked_add(values)? != body.len() {
        return None;
    }
    let column = |from: usize, bytes: Bytes| Messages::column(bytes, lengths(from).map(|l| (l != ABSENT).then_some(l)));
    Some(Messages::from_columns(
        column(4, body.slice(data..data + keys)),
        column(4 + 4 * rows, body.slice(data + keys..)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: usize) -> Messages {
        (0..n)
            .map(|i| {
                let key = (i % 3 != 0).then(|| format!("key{i}"));
                let value = (i % 5 != 0).then(|| "v".repeat(i % 7));
                (key, value)
            })
            .collect()
    }

    #[test]
    fn a_block_holds_what_was_put_in_with_and_without_compression() {
        for level in [None, Some(-1), Some(3)] {
            for n in [1, 2, 1000] {
                let messages = sample(n).slice(n / 2..n);
                let blocks = encode(&messages, level).unwrap();
                assert_eq!(blocks.len(), 1);
                let b = blocks.into_iter().next().unwrap();
                let read = decode(b.body, b.size, b.codec as i64, b.checksum).unwrap();
                assert_eq!((read, b.rows), (messages, n - n / 2));
            }
        }
    }

    #[test]
    fn any_damage_is_found() {
        let b = encode(&sample(100), Some(-1)).unwrap().remove(0);
        for i in 0..b.body.len() {
            let mut body = b.body.clone();
            body[i] ^= 0x10;
            assert!(decode(body, b.size, b.codec as i64, b.checksum).is_err());
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        let b = encode(&sample(10), None).unwrap().remove(0);
        for end in 0..b.body.len() {
            assert!(parse(b.body[..end].to_vec().into()).is_none(), "{end}");
        }
        assert!(parse(vec![255; 64].into()).is_none());
    }

    #[test]
    fn a_long_run_is_cut_and_a_long_message_stands_alone() {
        let long = vec![7u8; FULL + 1];
        let values = [&b"a"[..], &long, b"b", b"c"];
        let messages: Messages = values.iter().map(|v| (None::<&[u8]>, Some(*v))).collect();
        let rows: Vec<usize> = encode(&messages, None).unwrap().iter().map(|b| b.rows).collect();
        assert_eq!(rows, [1, 1, 2]);
    }
}

//! What parent and child say to each other over one socket a statement: frames of a kind, a length and a body.
//!
//! Parent: `Request`. Child: `Named` (the tables it wants) or `Failed`. Parent: one `Table` a table, each followed by its
//! batches, then `Go`. Child: `Data` (an Arrow IPC stream in pieces), then `Done` or `Failed`. The parent closing its side
//! cancels.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Request = b'R',
    Named = b'N',
    Table = b'T',
    Batches = b'B',
    Go = b'G',
    Data = b'A',
    Done = b'D',
    Failed = b'F',
}

impl Kind {
    pub(super) fn of(byte: u8) -> Option<Self> {
        use Kind::{Batches, Data, Done, Failed, Go, Named, Request, Table};
        [Request, Named, Table, Batches, Go, Data, Done, Failed].into_iter().find(|k| *k as u8 == byte)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub sql: String,
    /// Names that the statement may use.
    pub known: Vec<String>,
    pub rows: u64,
    pub bytes: u64,
    pub time_ms: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Named {
    pub tables: Vec<String>,
    /// Tables as they were: `FROM states AT (VERSION => ...)`.
    pub versions: Vec<Versioned>,
    /// By name in the statement: the times that it asks for.
    pub spans: BTreeMap<String, Vec<Span>>,
    /// The statement looks at the catalogue: every known table must be there, if empty.
    pub catalogue: bool,
}

/// A table at a moment, under a name of its own in the statement that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Versioned {
    pub name: String,
    pub table: String,
    /// A snapshot id, a time or a tag.
    pub at: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Table {
    pub name: String,
    /// Relations without the batches that follow.
    pub sql: Vec<String>,
    /// What is selected from the batches, as SQL.
    pub columns: Vec<String>,
    /// How many `Batches` frames follow.
    pub batches: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub rows: u64,
    pub truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Why {
    Refused,
    Sql,
    File,
    Timeout,
    Memory,
    Cancelled,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failed {
    pub why: Why,
    pub message: String,
}

/// No frame of ours is near this; a longer one is a broken peer.
pub(super) const LONGEST: usize = 1 << 30;

pub(super) fn head(kind: Kind, length: usize) -> [u8; 5] {
    let mut head = [kind as u8; 5];
    head[1..].copy_from_slice(&(length as u32).to_le_bytes());
    head
}

/// Kind and length of a frame, of its first five bytes.
pub(super) fn read_head(head: [u8; 5]) -> io::Result<(Kind, usize)> {
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    match Kind::of(head[0]) {
        Some(kind) if length <= LONGEST => Ok((kind, length)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame of the query process")),
    }
}

pub(super) fn send(to: &mut impl Write, kind: Kind, body: &[u8]) -> io::Result<()> {
    to.write_all(&head(kind, body.len()))?;
    to.write_all(body)
}

pub(super) fn receive(from: &mut impl Read) -> io::Result<(Kind, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let (kind, length) = read_head(head)?;
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((kind, body))
}

pub(super) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Plain structs of strings and numbers cannot fail to serialise.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> io::Result<T> {
    serde_json::from_slice(body).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

//! A file of recorded answers, one body a line, plain, gzip or zstd, told apart by their first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use crate::wire::MOST_BYTES;

/// One line that is not blank. `number` counts from 1, blank lines too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: u64,
    pub body: Arc<[u8]>,
}

/// The lines of a recording, in order; reads block. After an error there are no more.
pub struct Recording {
    lines: Box<dyn BufRead + Send>,
    number: u64,
    failed: bool,
}

impl Recording {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
        }
        Self::read(file)
    }

    /// A recording from any source of bytes.
    pub fn read(source: impl Read + Send + 'static) -> io::Result<Self> {
        let mut packed = BufReader::with_capacity(256 << 10, source);
        let lines: Box<dyn BufRead + Send> = match packed.fill_buf()? {
            [0x1f, 0x8b, ..] => Box::new(BufReader::with_capacity(256 << 10, MultiGzDecoder::new(packed))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                Box::new(BufReader::with_capacity(256 << 10, zstd::stream::read::Decoder::with_buffer(packed)?))
            }
            _ => Box::new(packed),
        };
        Ok(Self { lines, number: 0, failed: false })
    }
}

impl Iterator for Recording {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut body = Vec::new();
        while !self.failed {
            body.clear();
            self.number += 1;
            let most = MOST_BYTES as u64 + 1;
            match self.lines.by_ref().take(most).read_until(b'\n', &mut body) {
                Ok(0) => return None,
                Ok(read) if read as u64 == most => {
                    self.failed = true;
                    let text = format!("line {} is longer than 128 MiB", self.number);
                    return Some(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Ok(_) if body.trim_ascii().is_empty() => {}
                Ok(_) => return Some(Ok(Line { number: self.number, body: body.trim_ascii().into() })),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

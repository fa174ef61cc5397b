//! A file that is gone or spoilt, said so that its user knows which, of which table, and what to do.

use std::io;

use crate::error::{FilesError, LakeError};
use crate::storage::{Store, Trouble, local_path};
use crate::table::Inner;

impl Inner {
    /// The error of a file that had to be there. What only may be in the way for now stays as it is.
    pub fn damaged(&self, path: &str, error: LakeError) -> LakeError {
        let gone = matches!(self.store, Store::Local) && !local_path(path).exists();
        let reason = match &error {
            LakeError::Store(error) if error.trouble() == Trouble::Missing => "is not there".to_owned(),
            LakeError::Io { .. } | LakeError::Iceberg { .. } | LakeError::Parquet { .. } if gone => {
                "is not there".into()
            }
            LakeError::Iceberg { source, .. } if !is_io(source.as_ref()) => format!("cannot be read ({source})"),
            LakeError::Parquet { source, .. } if !is_io(source.as_ref()) => format!("cannot be read ({source})"),
            _ => return error,
        };
        FilesError::Damaged { table: self.ident.name().to_owned(), path: path.to_owned(), reason }.into()
    }
}

/// Whether the operating system, not the file's content, is what an error comes from.
fn is_io(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.raw_os_error().is_some()) {
            return true;
        }
        cause = error.source();
    }
    false
}

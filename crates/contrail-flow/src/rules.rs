//! The one rule of progress as pure functions: what a commit may say, and what a table's own record of it means.
//!
//! Every commit that consumes input says, in the same compare-and-set, how far. [`landing`] holds the rules for offsets
//! of a log, [`starting`] those for where to begin, [`deriving`] those for tables made from other tables, [`maintaining`]
//! those for what may be rewritten or go, [`mending`] those for what is gone. Nothing here reads or writes anything; the loops of this crate ask these
//! functions at every attempt of every commit, against the table as it was just loaded.

pub mod deriving;
pub mod landing;
pub mod letters;
pub mod maintaining;
pub mod mending;
pub mod starting;

use std::collections::BTreeMap;

/// Table properties as the lake hands them out.
pub type Properties = std::collections::HashMap<String, String>;

/// Next offset by partition.
pub type Offsets = BTreeMap<i32, i64>;

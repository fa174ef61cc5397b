//! The fixed questions of the Explore page and the aircraft card, as SQL over folds, cross-filtered.
//!
//! Every function takes the rows it may read ([`Sources`]: lake files and hours that are not there yet) and blocks.
//! Every figure obeys all filters but those of its own dimension, so that a choice in a chart leaves that chart whole.

mod aircraft;
mod density;
mod figures;
mod question;
mod rows;

use crate::engine::Input;
pub use aircraft::{history, timeline, track};
pub use density::density;
pub use figures::{Now, explore, range};
pub use question::Question;

/// Where the rows of the tables are. Only the files that can hold the asked hours need to be listed.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `aircraft_hours`.
    pub hours: Input,
    /// `aircraft_cells`; read only by density and when a phase filter is set.
    pub cells: Input,
}

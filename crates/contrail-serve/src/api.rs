//! What the HTTP API speaks: the JSON of `/api/v1` as types, one module a group of endpoints.
//!
//! Names are snake_case; instants are [`Time`] (RFC 3339 with milliseconds) unless a field's name ends in `_s`; units
//! are SI. These types are the contract with the UI and are shown by `/api/openapi.json`. Those that the model computes
//! stand in `contrail_types`, so that its answers are served as they are.

mod build;
mod catalog;
mod explore;
mod live;
mod sql;
mod status;
mod stream;

pub use build::{BuildRequest, Built};
pub use catalog::{
    Asset, Catalog, CatalogRequest, ColumnInfo, EvolveRequest, Evolved, SnapshotInfo, StreamField, Table, TableUpkeep,
};
pub use contrail_types::Time;
pub use contrail_types::explore::{Density, Explore, Filters, Range};
pub use contrail_types::history::{AircraftHistory, Timeline, Track};
pub use explore::{ExploreAnswer, ExploreRequest};
pub use live::{Announcement, Identities, IdentityColumns, Trail, Trails};
pub use sql::{SqlAnswer, SqlColumn, SqlRequest, SqlRows};
pub use status::{
    Backfill, BuildStatus, Credits, FeedState, FeedStatus, LakeStatus, LogStatus, RoleStatus, SkyStatus, Status,
    TableStatus,
};
pub use stream::{
    DeadLetterFilter, DeadLetterRow, DeadLetterStatus, DeadLetters, DeadLettersDone, Difference, Partition,
    RegistryStatus, SchemaVersion, SpoolStatus, Stream, Tail, TailFrom, TailMessage, TailRequest,
};

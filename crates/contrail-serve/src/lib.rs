//! Everything that Contrail serves over HTTP: the API, the live stream, the web UI, and an OpenSky-shaped server.
//!
//! Contract: the caller owns the socket, the clock and the stop token; what the API needs of the node comes through the
//! small traits [`node::Node`] and [`stream::StreamDesk`], the live sky through [`live::LiveSky`]. Reading order: [`api`] (the JSON), [`node`],
//! [`live`] (sky, frames, events), [`http`] (router and guards; `http/registry.rs`, the schema registry's API; `http/iceberg.rs`, the Iceberg REST catalog), [`sky`] (the server of `contrail sky`).

pub mod api;
pub mod http;
pub mod live;
pub mod node;
pub mod problem;
pub mod sky;
pub mod stream;

pub use live::LiveSky;
pub use node::Node;
pub use problem::Problem;
pub use stream::StreamDesk;

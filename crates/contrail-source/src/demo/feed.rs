//! The demo sky as a feed.

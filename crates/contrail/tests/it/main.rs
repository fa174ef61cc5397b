//! The binary as its users meet it: real processes, real folders, killed, fed with faults and with nonsense.

mod bad_input;
mod disk;
mod engines;
mod evolution;
mod faults;
mod iceberg;
mod kafka_live;
mod kills;
mod mishaps;
mod node;
mod recording;
mod releases;
mod remote_live;
mod sky;

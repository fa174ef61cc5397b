//! The command line: what can be asked of the binary. Every subcommand is an adapter over a library call.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use contrail_flow::land::Shard;

/// The live sky as a lakehouse that you own: OpenSky -> log -> Iceberg -> DuckDB -> map and SQL.
#[derive(Debug, Parser)]
#[command(name = "contrail", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file; without it ./contrail.toml, then the user's configuration folder
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder that holds everything Contrail keeps
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Sets one configuration key, such as --set land.commit.interval=2s; may be given again
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Prints JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// Logs more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the whole line in this process: source, log, lake, models, map
    Up(Up),
    /// Runs some roles only
    Run {
        /// The roles, in any order
        #[arg(required = true)]
        roles: Vec<Role>,
        #[command(flatten)]
        landing: Landing,
    },
    /// Serves a sky in OpenSky's own form: synthetic, or from a recording
    Sky(Sky),
    /// Asks a question in SQL
    Sql(Sql),
    /// Builds derived tables again from their input
    Build(Build),
    /// Lists the models: what is derived from what, and how fresh it is
    Assets,
    /// Shows tables of the lake
    Tables {
        #[command(subcommand)]
        command: Option<Tables>,
    },
    /// Shows the stream between feeds and lake: partitions, lag, rates, schemas; its messages; its dead letters
    Stream {
        #[command(subcommand)]
        command: Option<Stream>,
    },
    /// Proves on your own data that nothing is lost and nothing stands twice
    Verify,
    /// Shows and checks the configuration
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// Says whether this machine and configuration can run Contrail, and what to do if not
    Doctor,
}

#[derive(Debug, Clone, Args)]
pub struct Up {
    /// Plays the synthetic demo sky, in a data folder of its own
    #[arg(long)]
    pub demo: bool,
    /// Opens the map in a browser
    #[arg(long)]
    pub open: bool,
    #[command(flatten)]
    pub landing: Landing,
}

/// What a user takes upon themselves when log and table do not fit together.
#[derive(Debug, Clone, Default, Args)]
pub struct Landing {
    /// Goes on although messages are gone from the log before they landed; recorded in the table
    #[arg(long)]
    pub accept_gap: bool,
    /// Takes the log as a new one although the table was filled from another; recorded in the table
    #[arg(long)]
    pub new_stream: bool,
    /// Lands only every Nth partition, from number I on; as land.shard
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

/// A part of the line, in flow order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Feeds into the log
    Source,
    /// The log into the lake's raw table
    Land,
    /// Derived tables and marts
    Build,
    /// Tables small and quick: compaction, retention, old snapshots and files
    Maintain,
    /// Map, API and SQL
    Serve,
}

#[derive(Debug, Args)]
pub struct Sky {
    /// Plays this recording (NDJSON of OpenSky answers, plain, gz or zst) instead of the synthetic sky
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Plays the recording this many times faster
    #[arg(long, requires = "replay", conflicts_with = "step", default_value_t = 1.0)]
    pub speed: f64,
    /// Gives each request the next answer of the recording once, then `states: null`
    #[arg(long, requires = "replay")]
    pub step: bool,
    /// Answers with a fault: 401, 429[:SECONDS], 503, hang, slow, truncate, null, nonsense, clock-back; with @CHANCE
    /// (0..1) only now and then, with *TIMES only that often; may be given again
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<String>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8095")]
    pub listen: SocketAddr,
    /// Seed of the synthetic sky
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Aircraft in the synthetic sky
    #[arg(long, default_value_t = 12_000)]
    pub aircraft: usize,
}

#[derive(Debug, Args)]
pub struct Sql {
    /// One SELECT statement; `-` reads it from standard input
    pub statement: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Most rows to return
    #[arg(long, default_value_t = 100_000)]
    pub limit: usize,
    /// Reads every table as it was: a time, a snapshot id or a tag. For one table: FROM t AT (VERSION => ...)
    #[arg(long, value_name = "WHEN")]
    pub as_of: Option<String>,
    /// File to write the result to
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
    Parquet,
    Arrow,
}

#[derive(Debug, Args)]
pub struct Build {
    /// Models to build; without any, all of them
    pub assets: Vec<String>,
    /// The hour to build, such as 2026-03-14T15
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub hour: Option<String>,
    /// First hour to build
    #[arg(long, requires = "to")]
    pub from: Option<String>,
    /// Last hour to build
    #[arg(long, requires = "from")]
    pub to: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Tables {
    /// Columns, partition, sort order and properties of a table
    Show { table: String },
    /// Snapshots of a table
    History { table: String },
    /// Live data files of a table
    Files { table: String },
    /// Keeps a version of a table under a name, or shows its names
    Tag {
        table: String,
        /// The name; without it, those there are
        name: Option<String>,
        /// A time, a snapshot id or another tag; the version of now without it
        #[arg(long, value_name = "WHEN")]
        at: Option<String>,
        /// Removes the name
        #[arg(long, conflicts_with = "at")]
        delete: bool,
    },
    /// Makes a table what it was, with its record of progress, by a new snapshot; no node may run
    Rollback {
        table: String,
        /// A time, a snapshot id or a tag
        to: String,
        /// Only says what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// What upkeep has done, newest first
    Upkeep {
        /// To this table only
        table: Option<String>,
        /// Most lines to list
        #[arg(long, short = 'n', default_value_t = 30)]
        limit: u32,
    },
    /// Rewrites the small files of closed hours and days as one each, now
    Compact {
        /// This table only
        table: Option<String>,
        /// Only says what would be rewritten
        #[arg(long)]
        dry_run: bool,
    },
    /// Lets the rows go that have outlived maintain.keep, now
    Expire {
        /// This table only
        table: Option<String>,
        /// Only says what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Files in a table's folder that nothing names and that are more than a day old
    Orphans {
        /// This table only
        table: Option<String>,
        /// Deletes them
        #[arg(long)]
        delete: bool,
    },
    /// Changes a table's columns or partitions; files that are there stay as they are, and readable
    Alter {
        table: String,
        #[command(subcommand)]
        change: Alter,
        /// Only says whether it would change anything
        #[arg(long, global = true)]
        dry_run: bool,
    },
    /// Writes the paths in the tables' metadata anew after the data folder has moved; no node may run
    Relocate(crate::relocate::Relocate),
    /// Makes tables readable that have lost files, and says what that loses; no node may run
    Repair {
        /// This table only
        table: Option<String>,
        /// Reads every row of every file, not its beginning and end alone
        #[arg(long)]
        deep: bool,
        /// Only says what is lost and what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Gives states_raw columns for the fields that newer schemas of the stream have
    Evolve {
        /// Only says which
        #[arg(long)]
        dry_run: bool,
    },
}

/// One change of a table's shape.
#[derive(Debug, Subcommand)]
pub enum Alter {
    /// A new column, null in rows that are there
    Add {
        column: String,
        #[arg(value_enum)]
        data_type: ColumnType,
        /// What it means
        #[arg(long, default_value = "")]
        doc: String,
    },
    /// Another name for a column
    Rename { column: String, to: String },
    /// bigint for integer, double for float
    Widen { column: String },
    /// Takes a column away; old versions of the table keep it
    Drop { column: String },
    /// Another place among the columns
    Move {
        column: String,
        #[arg(long, required_unless_present = "after")]
        first: bool,
        /// Behind this one
        #[arg(long, value_name = "COLUMN", conflicts_with = "first")]
        after: Option<String>,
    },
    /// How new files are partitioned: hour(COLUMN), day(COLUMN) or none
    Partition { by: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColumnType {
    Boolean,
    Integer,
    Bigint,
    Float,
    Double,
    Text,
    Binary,
    Date,
    Timestamp,
    Timestamptz,
}

#[derive(Debug, Subcommand)]
pub enum Stream {
    /// How far each partition has landed; exit code 1 if more than --most messages wait
    Lag {
        /// Messages that may wait
        #[arg(long, value_name = "N")]
        most: Option<i64>,
    },
    /// Messages, decoded
    Tail {
        /// Of this aircraft only
        #[arg(long)]
        icao24: Option<String>,
        /// Where to begin: a time, earliest, or partition:offset pairs such as 0:1200,1:1180; the last messages without it
        #[arg(long)]
        from: Option<String>,
        /// Messages to show
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
        /// Goes on with what comes
        #[arg(long, short)]
        follow: bool,
    },
    /// Messages that could not be read
    DeadLetters {
        #[command(subcommand)]
        command: Option<DeadLetters>,
    },
}

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Lists them, newest first
    Show {
        #[command(flatten)]
        which: Letters,
        /// Also those that have been replayed
        #[arg(long)]
        replayed: bool,
        /// Most letters to list
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
    },
    /// Lands those that can be read by now, each once
    Replay {
        #[command(flatten)]
        which: Letters,
    },
    /// Deletes them for good
    Purge {
        #[command(flatten)]
        which: Letters,
        /// Deletes without asking
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which dead letters are meant; without any flag, all.
#[derive(Debug, Clone, Default, Args)]
pub struct Letters {
    /// Those whose reason has this in it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Those of this partition
    #[arg(long)]
    pub partition: Option<i32>,
    /// The one at this offset
    #[arg(long)]
    pub offset: Option<i64>,
    /// Those that landed before this time
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Every key with its value and where that came from; secrets are masked
    Show,
    /// Checks the configuration without starting anything
    Check,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_may_stand_behind_the_subcommand() {
        let cli =
            Cli::try_parse_from(["contrail", "up", "--demo", "--data-dir", "d", "--set", "a.b=1", "-vv"]).unwrap();
        assert_eq!((cli.global.set.len(), cli.global.verbose), (1, 2));
        assert!(Cli::try_parse_from(["contrail", "sky", "--step"]).is_err(), "--step needs a recording");
    }
}

//! Everything at once on one lake: landers that share the partitions, a builder, upkeep that compacts and deletes, other
//! programs that write to the line's tables and their own, and readers for whom nothing may ever fail or become less.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use contrail_testkit::Services;
use serde_json::Value;

use super::super::iceberg::python;
use super::super::node::run;
use super::process::Process;
use super::{Ground, moment};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/kafka_live/beside.py");
const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrail-lake/tests/lake/check.py");
/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(900);
/// The hour to which the other programs write rows of their own, and take them away again.
const FOREIGN_HOUR: &str = "2026-03-10T05";
/// Rows a batch of theirs, and the one that they delete of each; as in the script.
const BATCH: i64 = 10;
const GONE: i64 = 3;

/// A minute, or ten of them where `CONTRAIL_LONG` is set.
fn duration() -> Duration {
    Duration::from_secs(if std::env::var_os("CONTRAIL_LONG").is_some() { 600 } else { 60 })
}

struct Beside {
    ground: Ground,
    python: String,
}

/// What is killed and started again: its data folder, and its arguments.
const LINE: [(&str, &[&str]); 6] = [
    ("src", &["source"]),
    ("land-0", &["land", "--shard", "0/2"]),
    ("land-1", &["land", "--shard", "1/2"]),
    ("build", &["build"]),
    ("upkeep", &["maintain"]),
    ("data", &["serve"]),
];

impl Beside {
    fn new() -> Option<Self> {
        let (kafka, registry, python) = (Services::kafka()?, Services::registry()?, python()?);
        let text = |value: &str| format!("{value:?}");
        let mut settings = vec![
            ("registry.url", text(&registry)),
            ("feed.rec.interval", text("200ms")),
            ("land.commit.interval", text("500ms")),
            ("build.publish_interval", text("1s")),
            ("maintain.interval", text("1s")),
            ("maintain.cpu_share", "1.0".into()),
            ("query.timeout", text("5m")),
        ];
        // The recording is older than rows usually become.
        for key in ["maintain.keep.states_raw", "maintain.keep.dead_letters", "maintain.keep.aircraft_cells"] {
            settings.push((key, text("36500days")));
        }
        // Three fifths of the time at full speed: whatever is killed does not fetch.
        let answers = duration().as_secs() as i64 * 3;
        Some(Self { ground: Ground::new(&kafka.brokers, &settings, answers, 80), python })
    }

    fn line(&self, (data, arguments): (&str, &[&str])) -> Process {
        self.ground.roles(data, arguments)
    }

    fn catalog(&self) -> PathBuf {
        self.ground.path().join("lake/catalog.db")
    }

    fn node(&self) -> PathBuf {
        self.ground.path().join("data/node.json")
    }

    fn stop(&self) -> PathBuf {
        self.ground.path().join("stop")
    }

    fn script(&self, verb: &str, catalog: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(SCRIPT).arg(verb).arg(catalog).arg(self.stop());
        command
    }

    /// A program of others that goes on until it is told to stop.
    fn other(&self, verb: &str, catalog: &Path) -> Process {
        let name = catalog.extension().unwrap_or_default().to_string_lossy();
        Process::start(&mut self.script(verb, catalog), &self.ground.path().join(format!("{verb}-{name}.log")))
    }

    /// Every table of a namespace, by the checks that know nothing but PyIceberg. Processes that were killed have left
    /// files that nothing names: the sweep takes them a day later.
    fn check_tables(&self, namespace: &str) {
        let queued = self.ground.path().join("queued.json");
        let listed = "import json, sqlite3, sys; print(json.dumps([path for path, in \
                      sqlite3.connect(sys.argv[1]).execute('SELECT path FROM contrail_deletions')]))";
        let (code, out, error) = run(Command::new(&self.python).args(["-c", listed]).arg(self.catalog()));
        assert_eq!(code, 0, "{error}");
        std::fs::write(&queued, out).unwrap();
        let mut check = Command::new(&self.python);
        check.arg(CHECK).arg(self.catalog()).arg(queued).args(["--namespace", namespace]);
        let (_, out, error) = run(&mut check);
        let found: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} in {out}{error}"));
        let wrong: Vec<_> = found["violations"].as_array().unwrap().iter().filter(|v| v["rule"] != "orphan").collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(found["tables"].as_object().is_some_and(|tables| !tables.is_empty()), "{found}");
        println!("{namespace}: {}", found["tables"]);
    }

    /// The tables of the other programs hold each row that they should, once.
    fn check_theirs(&self) {
        let (code, out, error) = run(&mut self.script("count", &self.catalog()));
        assert_eq!(code, 0, "{error}");
        let found: Value = serde_json::from_str(&out).unwrap();
        for name in ["filed", "served"] {
            let ids: Vec<i64> = found[name].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
            let end = ids.last().copied().unwrap_or(-1) + 1;
            let wanted: Vec<i64> = (0..end).filter(|id| id % BATCH != GONE).collect();
            assert!(end > BATCH && end % BATCH == 0, "{name} came no further than {end}");
            assert_eq!(ids, wanted, "{name}");
            println!("{name}: {} rows in {} batches", ids.len(), end / BATCH);
        }
    }

    /// Upkeep has really rewritten files, thinned snapshots and deleted what nobody needs.
    fn check_upkeep(&self) {
        let mut command = super::contrail(self.ground.path());
        command.args(["--data-dir", "upkeep", "tables", "upkeep", "-n", "100000", "--json"]);
        let (code, out, error) = run(&mut command);
        assert_eq!(code, 0, "{error}");
        let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
        let of = |action: &str| lines.iter().filter(|line| line["action"] == action).count();
        println!("upkeep: {} rewritten, {} tidied", of("compact"), of("tidy"));
        assert!(of("compact") > 0 && of("tidy") > 0, "{out}");
    }
}

/// Waits for what may take long; nobody who is watched may have ended by then.
fn wait(what: &str, watched: &mut [&mut Process], so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        for process in watched.iter_mut() {
            assert!(process.is_running(), "it has ended:\n{}", process.said());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What a program of others has printed at its end.
fn outcome(process: Process) -> Value {
    let (code, said) = process.end_within(PATIENCE);
    assert_eq!(code, 0, "{said}");
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{e} in {said}"))
}

/// Kills for a minute (`CONTRAIL_LONG`: ten), then all of it runs to the end.
#[test]
fn killed_beside_other_writers_nothing_is_lost_and_readers_never_see_less() {
    let Some(beside) = Beside::new() else { return };
    let ground = &beside.ground;
    let mut line = LINE.map(|role| beside.line(role));
    wait("rows of every table", &mut [], || {
        ["states_raw", "states", "aircraft_hours"].iter().all(|table| ground.rows(&line[5], table).unwrap_or(0) > 0)
    });
    let (catalog, node) = (beside.catalog(), beside.node());
    let mut writers = [catalog.as_path(), node.as_path()].map(|catalog| beside.other("write", catalog));
    let mut readers = [beside.other("read", &catalog), beside.other("read", &node), beside.other("hasten", &catalog)];
    let begun = Instant::now();
    let mut kills = 0;
    while begun.elapsed() < duration() {
        std::thread::sleep(moment(kills, 300, 3_000));
        let victim = (kills.wrapping_mul(7919) / 3 % (line.len() + writers.len()) as u64) as usize;
        match victim.checked_sub(line.len()) {
            None => {
                line[victim].kill_now();
                line[victim] = beside.line(LINE[victim]);
            }
            Some(writer) => {
                writers[writer].kill_now();
                writers[writer] = beside.other("write", if writer == 0 { &catalog } else { &node });
            }
        }
        for reader in &mut readers {
            assert!(reader.is_running(), "{}", reader.said());
        }
        for process in line.iter_mut().chain(&mut writers) {
            assert!(process.is_running(), "it ended without being killed: {}", process.said());
        }
        kills += 1;
    }
    println!("{kills} kills");
    let (raw, dead) = (ground.expected.raw, ground.expected.dead);
    let [first, second, third] = &mut readers;
    wait("all of it has landed", &mut [first, second, third], || {
        ground.landed(&line[5]).is_some_and(|(rows, letters)| rows >= raw && letters >= dead)
    });
    std::fs::write(beside.stop(), "").unwrap();
    writers.into_iter().for_each(|writer| println!("wrote {}", outcome(writer)));
    for reader in readers {
        let seen = outcome(reader);
        println!("read {seen}");
        assert!(seen["reads"].as_i64().is_none_or(|reads| reads > 0), "{seen}");
    }
    line[0].wait_said("feed has ended");
    line.into_iter().for_each(Process::stop);
    // What others have appended and deleted again is out of `states`; what was made of it meanwhile goes with this.
    let (code, out, error) = ground.run(&["build", "--hour", FOREIGN_HOUR]);
    assert_eq!(code, 0, "{out}{error}");
    ground.check();
    beside.check_theirs();
    beside.check_upkeep();
    beside.check_tables("mine");
    beside.check_tables("aviation");
}

//! Whether this machine and this configuration can run Contrail, and what to do where they cannot.
//!
//! Each check looks at one thing, changes nothing that stays, and says what it saw. [`examine`] runs them all.

mod lake;
mod registry;

use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contrail_flow::data_dir::{DataDir, VERSION};
use contrail_kit::class::chain;
use contrail_model::{Engine, EngineOptions, Project};
use contrail_source::FeedConfig;

use crate::config::Config;

/// How a check went. A failure keeps Contrail from running, a warning does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub check: String,
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(check: &str, seen: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Ok, seen: seen.into(), advice: None }
    }

    fn warn(check: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Warn, seen: seen.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::warn(check, seen, advice) }
    }
}

const GIB: u64 = 1 << 30;
/// Below this much free space an hour of the global sky (log, tables, marts) may not fit.
const SPACE_TO_RUN: u64 = GIB / 2;
/// Below this much, a few days fill the disk.
const SPACE_TO_STAY: u64 = 5 * GIB;
/// A clock that shows less has never been set: this was written later.
const WRITTEN: Duration = Duration::from_secs(1_767_225_600);
/// A clock may be this far off a server's before ages on screen are visibly wrong.
const SKEW: u64 = 30;
const PATIENCE: Duration = Duration::from_secs(5);

/// Every check, in the order of the flow.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![duckdb(config), data_folder(&config.data_dir), space(&config.data_dir)];
    findings.push(port(config.serve.http.listen, DataDir::node(&config.data_dir).map(|node| node.url)));
    findings.push(registry::finding(&config.registry, &format!("{}-value", config.log.topic)).await);
    findings.extend(lake::findings(&config.lake).await);
    let mut server_time = None;
    let mut feeds = 0;
    for (name, feed) in config.enabled_feeds() {
        findings.push(self::feed(name, feed, &mut server_time).await);
        feeds += 1;
    }
    if feeds == 0 {
        let advice = "turn one on: --set feed.opensky.enabled=true, or contrail up --demo";
        findings.push(Finding::warn("feeds", "no feed is turned on", advice));
    }
    findings.push(clock(SystemTime::now(), server_time));
    findings
}

/// Whether nothing stands in the way.
pub fn healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Fail)
}

/// The findings for people.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { check, verdict, seen, advice } in findings {
        let word = match verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        let _ = writeln!(text, "{word}  {check}: {seen}");
        if let Some(advice) = advice {
            let _ = writeln!(text, "      -> {advice}");
        }
    }
    text
}

/// libduckdb is there, since this program has started; this shows that it works, and which one it is.
fn duckdb(config: &Config) -> Finding {
    let folder = std::env::temp_dir().join(format!("contrail-doctor-{}", uuid::Uuid::now_v7()));
    let asked = (|| {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let options = EngineOptions { memory: config.engine.memory.get(), threads: config.engine.threads };
        let engine = Engine::open(&folder.join("probe.duckdb"), Arc::new(Project::embedded()), &options);
        let answer = engine.and_then(|engine| engine.query("SELECT version() AS version", &[]));
        let batch = answer.map_err(|error| chain(&error))?;
        arrow::util::display::array_value_to_string(batch.column(0), 0).map_err(|error| error.to_string())
    })();
    let _ = std::fs::remove_dir_all(&folder);
    match asked {
        Ok(version) => Finding::ok("duckdb", format!("libduckdb {version} works")),
        Err(message) => Finding::fail("duckdb", message, "run scripts/setup build, then build again"),
    }
}

fn data_folder(path: &Path) -> Finding {
    let check = "data folder";
    let shown = path.display();
    let existing = path.ancestors().find(|folder| folder.exists() || folder.as_os_str().is_empty());
    let folder = existing.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let advice = "choose a folder: --data-dir DIR";
        return Finding::fail(check, format!("{} is not a folder", folder.display()), advice);
    }
    if let Err(error) = writable(folder) {
        let advice = "give yourself the right to write there, or choose another folder: --data-dir DIR";
        return Finding::fail(check, format!("{} cannot be written: {error}", folder.display()), advice);
    }
    match std::fs::read_to_string(path.join("VERSION")) {
        Err(_) if !path.exists() => Finding::ok(check, format!("{shown} will be made")),
        Err(_) => Finding::ok(check, format!("{shown} can be written, and holds no data yet")),
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found > VERSION => Finding::fail(
                check,
                format!("{shown} was written by a newer Contrail (layout {found}, this one knows {VERSION})"),
                "run that version, or choose another folder: --data-dir DIR",
            ),
            Ok(found) => Finding::ok(check, format!("{shown} can be written, layout {found}")),
            Err(_) => Finding::fail(
                check,
                format!("{shown}/VERSION holds {:?}", text.chars().take(40).collect::<String>()),
                "restore the file, or choose another folder: --data-dir DIR",
            ),
        },
    }
}

fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".contrail-doctor-{}", uuid::Uuid::now_v7()));
    std::fs::write(&probe, b"x")?;
    std::fs::remove_file(&probe)
}

fn space(path: &Path) -> Finding {
    let existing =
        path.ancestors().find(|folder| folder.exists()).map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    match free_bytes(&existing) {
        Ok(free) => space_finding(free),
        Err(error) => Finding::warn("disk space", format!("cannot be told: {error}"), "look for yourself: df -h"),
    }
}

fn space_finding(free: u64) -> Finding {
    let seen = format!("{:.1} GiB free", free as f64 / GIB as f64);
    match free {
        0..SPACE_TO_RUN => Finding::fail("disk space", seen, "make room, or choose another folder: --data-dir DIR"),
        SPACE_TO_RUN..SPACE_TO_STAY => {
            Finding::warn("disk space", seen, "the whole sky takes some GiB a week: make room before long")
        }
        _ => Finding::ok("disk space", seen),
    }
}

/// Bytes that an ordinary user may still write on the file system of `path`.
fn free_bytes(path: &Path) -> io::Result<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in a zero byte, and statvfs fills the struct when it returns 0.
    let stat = unsafe {
        if libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        stat.assume_init()
    };
    #[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ between platforms")]
    Ok((stat.f_bavail as u64).saturating_mul(stat.f_frsize as u64))
}

/// `running` is the address that a node on the same data folder has left there.
fn port(listen: SocketAddr, running: Option<String>) -> Finding {
    match TcpListener::bind(listen) {
        Ok(_) if listen.port() == 0 => Finding::ok("port", "a free one will be taken"),
        Ok(_) => Finding::ok("port", format!("{listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match running {
            Some(url) => Finding::ok("port", format!("a node runs on this data folder: {url}")),
            None => Finding::fail(
                "port",
                format!("{listen} is in use by another program"),
                format!("stop it, or take another port: --set serve.http.listen={}:0", listen.ip()),
            ),
        },
        Err(error) => Finding::fail(
            "port",
            format!("{listen} cannot be listened on: {error}"),
            "take another address: --set serve.http.listen=127.0.0.1:8090",
        ),
    }
}

/// `server` is what a feed's server says the time is, and when it said so.
fn clock(now: SystemTime, server: Option<(SystemTime, SystemTime)>) -> Finding {
    let advice = "set the clock, best by a time service: timedatectl set-ntp true";
    if now.duration_since(UNIX_EPOCH).unwrap_or_default() < WRITTEN {
        return Finding::fail("clock", "shows a time before this program was written", advice);
    }
    let Some((theirs, ours)) = server else { return Finding::ok("clock", "plausible; no server was asked") };
    let apart = theirs.duration_since(ours).or_else(|_| ours.duration_since(theirs)).unwrap_or_default().as_secs();
    if apart > SKEW {
        return Finding::warn("clock", format!("{apart} s off the feed's server"), advice);
    }
    Finding::ok("clock", format!("within {} s of the feed's server", apart.max(1)))
}

async fn feed(name: &str, feed: &FeedConfig, server_time: &mut Option<(SystemTime, SystemTime)>) -> Finding {
    let check = format!("feed {name}");
    match feed {
        FeedConfig::Demo(_) => Finding::ok(&check, "the synthetic sky needs nothing"),
        FeedConfig::Replay(c) => readable(&check, &c.path),
        FeedConfig::Readsb(c) if !c.url.starts_with("http") => readable(&check, Path::new(&c.url)),
        FeedConfig::Readsb(c) => reachable(&check, &c.url, String::new(), server_time).await,
        FeedConfig::OpenSky(c) => {
            let by_file = c.credentials.as_ref();
            if let Some(path) = by_file.filter(|path| std::fs::File::open(path).is_err()) {
                let seen = format!("the credentials file {} cannot be read", path.display());
                return Finding::fail(&check, seen, format!("mend feed.{name}.credentials"));
            }
            let account = c.client_id.is_some() || by_file.is_some();
            let whose = if account { ", with credentials" } else { ", anonymous: a global fetch each 864 s" };
            reachable(&check, &c.url, whose.to_string(), server_time).await
        }
    }
}

fn readable(check: &str, path: &Path) -> Finding {
    match std::fs::File::open(path) {
        Ok(_) => Finding::ok(check, format!("{} can be read", path.display())),
        Err(error) => {
            Finding::fail(check, format!("{}: {error}", path.display()), "mend the path, or turn the feed off")
        }
    }
}

/// Any answer will do: this asks for headers alone, so that it costs no credits.
async fn reachable(
    check: &str,
    url: &str,
    remark: String,
    server_time: &mut Option<(SystemTime, SystemTime)>,
) -> Finding {
    let asked = async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        client.head(url).send().await
    };
    match asked.await {
        Ok(answer) => {
            let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
            let theirs = date.and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok());
            if let Some(theirs) = theirs {
                *server_time = Some((theirs.into(), SystemTime::now()));
            }
            Finding::ok(check, format!("{url} answers{remark}"))
        }
        // Not a failure: a node starts without its feed, says so, and tries again.
        Err(error) => {
            let seen = format!("{url} does not answer: {}", chain(&error.without_url()));
            Finding::warn(check, seen, "look at the network, a proxy (HTTPS_PROXY), and the address")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_data_folder_is_one_that_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("newer")).unwrap();
        std::fs::write(at("newer/VERSION"), "99").unwrap();
        std::fs::create_dir_all(at("odd")).unwrap();
        std::fs::write(at("odd/VERSION"), "x").unwrap();
        std::fs::create_dir_all(at("same")).unwrap();
        std::fs::write(at("same/VERSION"), format!("{VERSION}\n")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        for (name, verdict, words) in [
            ("not/there/yet", Verdict::Ok, "will be made"),
            ("same", Verdict::Ok, "layout"),
            ("newer", Verdict::Fail, "newer Contrail"),
            ("odd", Verdict::Fail, "holds \"x\""),
            ("file/inside", Verdict::Fail, "not a folder"),
        ] {
            let finding = data_folder(&at(name));
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.seen.contains(words), "{finding:?}");
            assert_eq!(finding.advice.is_some(), verdict != Verdict::Ok, "{finding:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left behind");
    }

    #[test]
    fn a_port_in_use_is_fine_if_it_is_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(port(address, None).verdict, Verdict::Fail);
        assert_eq!(port(address, Some("http://127.0.0.1:1".into())).verdict, Verdict::Ok);
        drop(taken);
        assert_eq!(port(address, None).verdict, Verdict::Ok);
    }

    #[test]
    fn clocks_and_disks() {
        let now = UNIX_EPOCH + WRITTEN + Duration::from_secs(1000);
        let off = |seconds| Some((now + Duration::from_secs(seconds), now));
        for (now, server, verdict) in [
            (now, None, Verdict::Ok),
            (now, off(5), Verdict::Ok),
            (now, off(31), Verdict::Warn),
            (now, off(31).map(|(a, b)| (b, a)), Verdict::Warn),
            (UNIX_EPOCH, None, Verdict::Fail),
        ] {
            assert_eq!(clock(now, server).verdict, verdict, "{server:?}");
        }
        for (free, verdict) in [(0, Verdict::Fail), (GIB, Verdict::Warn), (100 * GIB, Verdict::Ok)] {
            assert_eq!(space_finding(free).verdict, verdict, "{free}");
        }
        assert!(free_bytes(Path::new("/")).is_ok());
    }

    #[tokio::test]
    async fn a_feed_is_asked_without_spending_anything() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api", server.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = [0; 512];
            let read = stream.read(&mut request).unwrap();
            let answer = "HTTP/1.1 405 no\r\nDate: Sat, 14 Mar 2026 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let mut time = None;
        let finding = reachable("feed x", &url, ", anonymous".into(), &mut time).await;
        assert_eq!(finding.verdict, Verdict::Ok, "{finding:?}");
        assert!(time.is_some());
        assert!(thread.join().unwrap().starts_with("HEAD "));
        let finding = reachable("feed x", "http://127.0.0.1:1/", String::new(), &mut time).await;
        assert_eq!(finding.verdict, Verdict::Warn, "{finding:?}");
    }
}

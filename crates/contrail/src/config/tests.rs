//! Tests of layering, of bad input, and of `default.toml` itself.

use std::path::Path;

use super::*;

fn sources(folder: &Path) -> Sources {
    Sources { folder: folder.to_path_buf(), ..Sources::default() }
}

/// Loads with a contrail.toml, a .env, variables and --set.
fn loaded(file: &str, dot_env: &str, env: &[(&str, &str)], set: &[&str]) -> Result<(Config, Origins), ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join("contrail.toml"), file).unwrap();
    }
    if !dot_env.is_empty() {
        std::fs::write(folder.path().join(".env"), dot_env).unwrap();
    }
    let env = env.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let set = set.iter().map(ToString::to_string).collect();
    load(&Sources { env, set, ..sources(folder.path()) })
}

#[test]
fn the_defaults_load_and_are_what_the_docs_say() {
    let (config, origins) = loaded("", "", &[], &[]).unwrap();
    assert_eq!(config.serve.http.listen.to_string(), "127.0.0.1:8090");
    assert_eq!(config.lake.warehouse, None);
    assert_eq!(config.enabled_feeds().map(|(name, _)| name).collect::<Vec<_>>(), ["opensky"]);
    assert_eq!(origins.of("serve.http.listen"), Origin::Default);
}

#[test]
fn every_documented_key_is_one_that_the_types_take() {
    let table: toml::Table = toml::from_str(&keys::uncommented()).unwrap();
    let mut table = toml::Value::Table(table);
    // The example of a tier goes with credentials in either form, not with both.
    table["feed"]["opensky"].as_table_mut().unwrap().remove("credentials");
    let config: Config = table.clone().try_into().unwrap();
    // And every key of the types is documented: what the types print is known.
    let printed: toml::Table = toml::Table::try_from(&config).unwrap();
    let known = keys::Known::embedded();
    for (key, _) in keys::flat(&printed) {
        assert!(matches!(known.place(&key), keys::Place::Value(_)), "{} is missing in default.toml", key.join("."));
    }
}

#[test]
fn every_key_has_a_comment_and_fits_the_page() {
    let mut before = "";
    for line in DEFAULT.lines() {
        assert!(line.chars().count() <= 120, "{line}");
        let key = keys::hidden_key(line).unwrap_or(line);
        let explained = before.starts_with("# ");
        assert!(key.starts_with("# ") || !key.contains(" = ") || explained, "no comment above {line}");
        before = line;
    }
}

#[test]
fn stronger_sources_win_and_are_remembered() {
    let file = "[land.commit]\nrows = 1\n[serve.http]\nlisten = \"127.0.0.1:1\"\n[log]\ntopic = \"file\"\n";
    let dot_env =
        "CONTRAIL__LAND__COMMIT__ROWS=2\nCONTRAIL__SERVE__HTTP__LISTEN=127.0.0.1:2\nUNRELATED=1\nCONTRAIL_X=1\n";
    let env = [("CONTRAIL__LAND__COMMIT__ROWS", "3"), ("PATH", "x"), ("CONTRAIL_RECORDINGS", "y")];
    let (config, origins) = loaded(file, dot_env, &env, &["land.commit.rows=4"]).unwrap();
    assert_eq!(config.land.commit.rows, 4);
    assert_eq!(origins.of("land.commit.rows"), Origin::Set);
    assert_eq!(config.serve.http.listen.port(), 2);
    assert!(matches!(origins.of("serve.http.listen"), Origin::EnvFile(..)));
    assert_eq!(config.log.topic, "file");
    assert!(matches!(origins.of("log.topic"), Origin::File(_)));
    let (config, _) = loaded(file, dot_env, &env, &[]).unwrap();
    assert_eq!(config.land.commit.rows, 3);
}

#[test]
fn text_becomes_the_type_that_the_key_has() {
    type Check = fn(&Config) -> bool;
    let cases: &[(&str, Check)] = &[
        ("log.topic=7", |c| c.log.topic == "7"),
        ("log.topic=\"quoted\"", |c| c.log.topic == "quoted"),
        ("log.limit_bytes=1 GiB", |c| c.log.limit_bytes.get() == 1 << 30),
        ("log.limit_bytes=33554432", |c| c.log.limit_bytes.get() == 32 << 20),
        ("land.commit.interval=250ms", |c| c.land.commit.interval == Duration::from_millis(250)),
        ("land.commit.rows=5_000", |c| c.land.commit.rows == 5000),
        ("serve.http.open_data=true", |c| c.serve.http.open_data),
        ("serve.http.hosts=a.example, b.example", |c| c.serve.http.hosts == ["a.example", "b.example"]),
        ("serve.http.hosts=[\"c.example\"]", |c| c.serve.http.hosts == ["c.example"]),
        ("serve.http.token=1234", |c| c.serve.http.token.as_ref().is_some_and(|t| t.reveal() == "1234")),
        ("feed.opensky.boxes=[[45, 5, 48.5, 11]]", |c| c.enabled_feeds().count() == 1),
        ("feed.opensky.enabled=false", |c| c.enabled_feeds().count() == 0),
        ("lake.warehouse=/w", |c| c.lake.warehouse.as_deref() == Some("/w")),
    ];
    for (set, check) in cases {
        let (config, _) = loaded("", "", &[], &[set]).unwrap_or_else(|error| panic!("{set}: {error}"));
        assert!(check(&config), "{set}");
    }
}

#[test]
fn bad_input_is_one_clear_sentence() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("[serve.http]\nlisten = 8090\n", &[], "serve.http.listen (file "),
        ("[serve.http\n", &[], "is not TOML: "),
        ("[serv.http]\nlisten = \"x\"\n", &[], "did you mean serve.http.listen?"),
        ("[bogus]\n", &[], "unknown key bogus"),
        ("serve = 1\n", &[], "is a section"),
        (
            "",
            &["serve.http.lisen=127.0.0.1:1"],
            "unknown key serve.http.lisen (--set): did you mean serve.http.listen?",
        ),
        ("", &["listen=127.0.0.1:1"], "did you mean serve.http.listen?"),
        ("", &["utterly.different.thing=1"], "config show"),
        ("", &["serve.http.listen"], "KEY=VALUE"),
        ("", &["=1"], "KEY=VALUE"),
        ("", &["serve.http.listen=localhost"], "serve.http.listen (--set)"),
        ("", &["land.commit.rows=many"], "land.commit.rows (--set)"),
        ("", &["land.commit.rows=0"], "must be at least 1"),
        ("", &["land.commit.rows=-5"], "land.commit.rows (--set)"),
        ("", &["land.commit.interval=soon"], "land.commit.interval (--set)"),
        ("", &["land.commit.interval=0s"], "longer than nothing"),
        ("", &["log.limit_bytes=1.5 GiB"], "no number of bytes"),
        ("", &["log.kind=pulsar"], "log.kind (--set)"),
        ("", &["log.topic=a/b"], "log.topic (--set)"),
        ("", &["lake.catalog.kind=hive"], "lake.catalog.kind (--set)"),
        ("", &["lake.catalog.kind=rest"], "set the catalog's address"),
        ("", &["lake.warehouse=s3://b/w"], "only with lake.catalog.kind = rest"),
        ("", &["land.shard=3/3"], "land.shard (--set)"),
        ("", &["feed.opensky.tier=gold"], "feed.opensky.tier (--set)"),
        ("", &["feed.opensky.boxes=[[48, 5, 45, 11]]"], "the box is empty"),
        ("", &["feed.opensky.url=opensky-network.org"], "http://"),
        ("", &["feed.opensky.client_id=me"], "belong together"),
        ("", &["feed.opensky.intervall=1s"], "did you mean feed.opensky.interval?"),
        ("", &["feed.opensky.speed=2"], "a feed of kind \"opensky\" has no such key"),
        ("", &["feed.attic.url=http://x"], "has no kind"),
        ("", &["feed.attic.kind=radar"], "is no kind of feed"),
        ("[feed.attic]\nkind = \"readsb\"\n", &[], "aircraft.json"),
        ("[feed.old]\nkind = \"replay\"\npath = \"x\"\nspeed = -1.0\n", &[], "must be 0 or more"),
    ];
    for (file, set, expected) in cases {
        let error = loaded(file, "", &[], set).map(|_| ()).expect_err(&format!("{file} {set:?} is accepted"));
        let text = error.to_string();
        assert!(text.contains(expected), "{file} {set:?}: {text:?} lacks {expected:?}");
        assert!(!text.trim().contains('\n') || expected.contains("TOML"), "{text:?}");
    }
}

#[test]
fn a_named_file_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Sources { file: Some("nowhere.toml".into()), ..sources(folder.path()) };
    assert!(matches!(load(&missing), Err(ConfigError::Read { .. })));
    std::fs::write(folder.path().join("mine.toml"), "[log]\ntopic = \"mine\"\n").unwrap();
    std::fs::write(folder.path().join("contrail.toml"), "[log]\ntopic = \"other\"\n").unwrap();
    let named = Sources { file: Some("mine.toml".into()), ..sources(folder.path()) };
    assert_eq!(load(&named).unwrap().0.log.topic, "mine");
    let of_user = Sources { user_folder: Some(folder.path().to_path_buf()), ..sources(Path::new("nowhere")) };
    assert_eq!(load(&of_user).unwrap().0.log.topic, "other");
}

#[test]
fn opensky_credentials_come_under_their_own_names_and_are_never_shown() {
    let env = [("OPENSKY_CLIENT_ID", "me"), ("OPENSKY_CLIENT_SECRET", "hush")];
    let (config, origins) = loaded("", "", &env, &[]).unwrap();
    let FeedConfig::OpenSky(feed) = &config.feed["opensky"] else { panic!("not OpenSky") };
    assert_eq!((feed.client_id.as_deref(), feed.client_secret.as_ref().unwrap().reveal()), (Some("me"), "hush"));
    let text = origins.text();
    assert!(!text.contains("hush") && !format!("{config:?}").contains("hush"), "{text}");
    assert!(text.contains("environment variable OPENSKY_CLIENT_SECRET"), "{text}");
    let both = [env[0], env[1], ("CONTRAIL__FEED__OPENSKY__CLIENT_ID", "other")];
    let (config, _) = loaded("", "", &both, &[]).unwrap();
    let FeedConfig::OpenSky(feed) = &config.feed["opensky"] else { panic!("not OpenSky") };
    assert_eq!(feed.client_id.as_deref(), Some("other"));
    let empty = [("OPENSKY_CLIENT_ID", ""), ("OPENSKY_CLIENT_SECRET", "")];
    assert!(loaded("", "", &empty, &[]).is_ok());
}

#[test]
fn another_kind_under_a_default_name_leaves_the_old_defaults_behind() {
    let file = "[feed.opensky]\nkind = \"readsb\"\nurl = \"http://r/aircraft.json\"\n";
    let (config, _) = loaded(file, "", &[], &[]).unwrap();
    assert!(matches!(&config.feed["opensky"], FeedConfig::Readsb(c) if c.url.ends_with("aircraft.json")));
}

#[test]
fn the_demo_turns_everything_else_off_and_has_its_own_folder() {
    let (mut config, _) = loaded("data_dir = \"/real\"\n", "", &[], &[]).unwrap();
    config.demo(false);
    assert_eq!(config.enabled_feeds().map(|(name, _)| name).collect::<Vec<_>>(), ["demo"]);
    assert_eq!(config.data_dir, Path::new("data-demo"));
    let (mut config, _) = loaded("data_dir = \"/chosen\"\n", "", &[], &[]).unwrap();
    config.demo(true);
    assert_eq!(config.data_dir, Path::new("/chosen"));
}

#[test]
fn flags_win_over_everything() {
    let folder = tempfile::tempdir().unwrap();
    let sources = Sources { set: vec!["data_dir=/set".into()], ..sources(folder.path()) };
    let (config, origins) = load(&sources.flag("--data-dir", "data_dir", Some("/flag"))).unwrap();
    assert_eq!(config.data_dir, Path::new("/flag"));
    assert_eq!(origins.of("data_dir").to_string(), "--data-dir");
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let wanted = reference();
    if std::env::var_os("CONTRAIL_UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == wanted, "docs/configuration.md is old: CONTRAIL_UPDATE=1 cargo test -p contrail reference");
}

#[test]
fn keys_of_librdkafka_are_taken_as_they_are() {
    let set = ["log.kafka.client.socket.keepalive.enable=true", "log.kafka.client.sasl.password=hush"];
    let mut sources = Sources { set: set.map(String::from).to_vec(), ..Sources::default() };
    sources.env.push(("CONTRAIL__LOG__KAFKA__CLIENT__FETCH_WAIT_MAX_MS".into(), "250".into()));
    let (config, origins) = load(&sources).unwrap();
    let client = &config.log.kafka.client;
    assert_eq!((&client["socket.keepalive.enable"][..], &client["fetch.wait.max.ms"][..]), ("true", "250"));
    assert!(!origins.text().contains("hush"), "{}", origins.text());
}

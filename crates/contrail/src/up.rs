//! `contrail up` and `contrail run`: the roles on their line, under one supervisor.

mod print;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use contrail_flow::build::{self, Build};
use contrail_flow::data_dir::{DataDir, NodeAddress};
use contrail_flow::land::{self, CommitPolicy, Land, LanderId};
use contrail_flow::maintain;
use contrail_flow::source::{self, Source};
use contrail_flow::stream::{self, StreamState};
use contrail_kit::class::BoxError;
use contrail_kit::supervise::Supervisor;
use contrail_kit::{Classified, Secret};
use contrail_lake::LakeTable;
use contrail_model::Engine;
use contrail_model::query::{QueryOptions, QueryService};
use contrail_serve::http::{App, IcebergFace, Options};
use contrail_serve::{LiveSky, http};
use contrail_source::Context as FeedContext;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cli::{self, Role};
use crate::config::Config;
use crate::desk::Desk;
use crate::line::{House, Line};
use crate::node::{LineNode, Watched, identify, status};
use crate::peers::Peers;
use crate::tables::LakeTables;
use crate::tail;

/// How often the map hears of feeds and lake.
const NOTE: Duration = Duration::from_millis(500);

/// Runs roles until the first Ctrl-C has been followed to its end, or a role fails for good.
pub async fn run(config: Config, flags: &cli::Up, roles: &[Role]) -> Result<()> {
    let demo =
        flags.demo || config.enabled_feeds().all(|(_, feed)| matches!(feed, contrail_source::FeedConfig::Demo(_)));
    // The port before the folder: a taken port should cost nothing.
    let listener = match roles.contains(&Role::Serve) {
        true => Some(listen(config.serve.http.listen).await?),
        false => None,
    };
    let folder = DataDir::open(&config.data_dir)?;
    let line = Line::open(Arc::new(config), &folder, roles).await?;
    let mut supervisor = Supervisor::new(line.house.clock.clone());
    let (landed, landed_seen) = watch::channel(0);
    for role in roles {
        match role {
            Role::Source => start_source(&mut supervisor, &line),
            Role::Land => start_land(&mut supervisor, &line, flags, landed.clone())?,
            Role::Build => start_build(&mut supervisor, &line, &folder, landed_seen.clone())?,
            Role::Maintain => start_maintain(&mut supervisor, &line)?,
            Role::Serve => {}
        }
    }
    if let (None, Some(address)) = (&listener, line.house.config.health.address) {
        start_health(&mut supervisor, &line, listen(address).await?);
    }
    let mut address = None;
    if let Some(listener) = listener {
        let at = listener.local_addr()?;
        let token = token(&line.house.config, at);
        let secret = token.as_ref().map(|t| t.reveal().to_owned()).unwrap_or_default();
        let url = format!("http://{at}");
        folder.announce(&NodeAddress { pid: std::process::id(), url: url.clone(), token: secret.clone() })?;
        address = Some(match token {
            Some(_) if line.house.config.serve.http.token.is_none() => format!("{url}/?token={secret}"),
            _ => url,
        });
        start_serve(&mut supervisor, &line, listener, token, demo)?;
    }
    if let (Some(address), true) = (&address, flags.open)
        && let Err(error) = open::that_detached(address)
    {
        tracing::warn!(%error, "no browser could be opened");
    }
    let stop = CancellationToken::new();
    let status = print::start(&line, supervisor.board(), address, stop.clone());
    crate::signals::cancel_on_interrupt(stop.clone());
    crate::memory::keep_small();
    let outcome = supervisor.run(stop.clone()).await;
    stop.cancel();
    let _ = status.await;
    match outcome {
        Ok(()) => Ok(()),
        Err((role, error)) => {
            Err(anyhow::Error::new(crate::exit::Failed::new(error.as_ref())).context(format!("{role} failed")))
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(crate::exit::Usage(format!(
            "{address} is in use by another program. Stop it, or choose another port with --set serve.http.listen={}:0",
            address.ip()
        ))),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// The token to ask for: the configured one, or a fresh one where other machines can reach us.
fn token(config: &Config, address: SocketAddr) -> Option<Secret> {
    let fresh = || (!address.ip().is_loopback()).then(|| Secret::new(Uuid::new_v4().simple().to_string()));
    config.serve.http.token.clone().or_else(fresh)
}

fn start_source(supervisor: &mut Supervisor, line: &Line) {
    let source = Source {
        log: line.stream.entry(),
        spool: line.stream.spool.as_ref().map(|here| here.spool.clone()),
        registry: line.stream.registry.clone(),
        subject: line.stream.subject.clone(),
        feeds: line.house.config.feed.clone(),
        context: FeedContext::new(line.house.clock.clone()),
        ledger: line.ledger.clone(),
        pulse: line.pulse.clone(),
    };
    supervisor.role("source", move |stop| boxed(source::run(source.clone(), stop)));
}

fn start_land(supervisor: &mut Supervisor, line: &Line, flags: &cli::Up, landed: watch::Sender<u64>) -> Result<()> {
    let commit = &line.house.config.land.commit;
    let land = Land {
        log: line.stream.log.clone(),
        registry: line.stream.registry.clone(),
        subject: line.stream.subject.clone(),
        raw: line.house.raw()?.clone(),
        dead: line.house.dead()?.clone(),
        policy: CommitPolicy { interval: commit.interval, rows: commit.rows, bytes: commit.bytes.get() as usize },
        dead_letters: line.house.config.land.dead_letters,
        evolve: line.house.config.lake.evolve,
        shard: flags.landing.shard.unwrap_or(line.house.config.land.shard),
        id: LanderId::here(),
        accept_gap: flags.landing.accept_gap,
        new_stream: flags.landing.new_stream,
        clock: line.house.clock.clone(),
        pulse: line.pulse.clone(),
        landed,
    };
    supervisor.role("land", move |stop| boxed(land::run(land.clone(), stop)));
    Ok(())
}

fn start_build(supervisor: &mut Supervisor, line: &Line, folder: &DataDir, landed: watch::Receiver<u64>) -> Result<()> {
    let build = builder_parts(line, folder, landed)?;
    supervisor.role("build", move |stop| boxed(build::run(build.clone(), stop)));
    Ok(())
}

fn start_maintain(supervisor: &mut Supervisor, line: &Line) -> Result<()> {
    let maintain = line.house.upkeep(line.ledger.clone(), line.pulse.clone())?;
    supervisor.role("maintain", move |stop| boxed(maintain::run(maintain.clone(), stop)));
    Ok(())
}

/// What a builder works with, for the role and for `contrail build`.
pub fn builder_parts(line: &Line, folder: &DataDir, landed: watch::Receiver<u64>) -> Result<Build> {
    Ok(Build {
        lake: line.house.lake.clone(),
        raw: line.house.raw()?.clone(),
        engine: line.engine.clone(),
        project: line.house.project.clone(),
        publish_interval: line.house.config.build.publish_interval,
        marts: folder.file("marts"),
        clock: line.house.clock.clone(),
        ledger: line.ledger.clone(),
        pulse: line.pulse.clone(),
        landed,
        fresh: line.house.fresh.clone(),
        orders: line.orders.clone(),
    })
}

fn start_serve(
    supervisor: &mut Supervisor,
    line: &Line,
    listener: TcpListener,
    token: Option<Secret>,
    demo: bool,
) -> Result<()> {
    let boot_id = Uuid::new_v4().simple().to_string()[..8].to_owned();
    let live = LiveSky::new(boot_id, line.house.clock.clone(), identify());
    let query = query_service(&line.house, line.engine.clone(), Some(live.clone()));
    let http = &line.house.config.serve.http;
    let (seen, by_all) = watch::channel(StreamState::default());
    let peers = Peers::new(&line.house.config.serve.peers);
    let watched = Watched { line: line.clone(), board: supervisor.board(), seen: by_all, peers };
    let node = LineNode { watched: watched.clone(), line: line.clone(), live: live.clone(), query, demo };
    let app = App {
        node: Arc::new(node),
        stream: Arc::new(Desk(watched.clone())),
        live: live.clone(),
        registry: line.house.config.registry.url.is_none().then(|| line.stream.registry.clone()),
        iceberg: iceberg_face(&line.house)?,
        metrics: crate::telemetry::metrics(),
        options: Options { token, open_data: http.open_data, hosts: http.hosts.clone() },
    };
    let (listener, raw) = (Arc::new(listener.into_std()?), line.house.raw()?.clone());
    supervisor.role("serve", move |stop| {
        let (watched, seen, live) = (watched.clone(), seen.clone(), live.clone());
        let (app, listener, raw) = (app.clone(), listener.clone(), raw.clone());
        async move { serve(watched, raw, seen, live, app, &listener, demo, stop).await }
    });
    Ok(())
}

/// The catalog for other programs, unless it is elsewhere or turned off.
fn iceberg_face(house: &House) -> Result<IcebergFace> {
    if !house.config.serve.iceberg.enabled {
        let why = "this node does not show its catalog here: set serve.iceberg.enabled = true";
        return Ok(IcebergFace::Elsewhere(why.into()));
    }
    Ok(match house.face()? {
        Some(face) => IcebergFace::Catalog(Box::new(face)),
        None => IcebergFace::Elsewhere(format!(
            "the catalog of this lake is {}: attach to that",
            house.config.lake.catalog.uri.as_deref().unwrap_or("elsewhere")
        )),
    })
}

/// For a process without the serve role: who looks after it can ask how it does.
fn start_health(supervisor: &mut Supervisor, line: &Line, listener: TcpListener) {
    let (_, seen) = watch::channel(StreamState::default());
    let watched = Watched { line: line.clone(), board: supervisor.board(), seen, peers: Peers::new(&[]) };
    let listener = Arc::new(listener.into_std().expect("a bound socket"));
    supervisor.role("health", move |stop| {
        let (watched, listener) = (watched.clone(), listener.clone());
        let answer = move || {
            let watched = watched.clone();
            async move { status::status(&watched, false).await }
        };
        async move {
            let listener = listener.try_clone().and_then(TcpListener::from_std).map_err(http::ServeError::Socket)?;
            http::health(listener, answer, crate::telemetry::metrics(), stop).await.map_err(BoxError::from)
        }
    });
}

/// The map's tasks: the log's tail, what is seen of the stream and of other processes, news of the node, and HTTP.
#[allow(clippy::too_many_arguments, reason = "called once, from just above")]
async fn serve(
    watched: Watched,
    raw: LakeTable,
    seen: watch::Sender<StreamState>,
    live: LiveSky,
    app: App,
    listener: &std::net::TcpListener,
    demo: bool,
    stop: CancellationToken,
) -> Result<(), BoxError> {
    let line = &watched.line;
    let listener = listener.try_clone().and_then(TcpListener::from_std).map_err(http::ServeError::Socket)?;
    let news = async {
        while !stop.is_cancelled() {
            live.note(status::pulse(&watched, demo));
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(NOTE) => {}
            }
        }
        Ok(())
    };
    let observed = async {
        let (log, clock) = (line.stream.log.clone(), line.house.clock.clone());
        stream::observe(log, raw, clock, seen, stop.clone()).await;
        Ok(())
    };
    let asked = async {
        watched.peers.ask(stop.clone()).await;
        Ok(())
    };
    let tail = tail::follow(line.clone(), live.clone(), stop.clone());
    let http = http::serve(listener, app, stop.clone());
    let (tail, http) = (async { tail.await.map_err(BoxError::from) }, async { http.await.map_err(BoxError::from) });
    tokio::try_join!(tail, http, news, observed, asked).map(drop)
}

/// The service for statements that users write.
pub fn query_service(house: &House, engine: Engine, live: Option<LiveSky>) -> QueryService {
    let config = &house.config.query;
    let options = QueryOptions {
        folders: vec![house.readable.clone()],
        process_memory: config.process_memory.get(),
        memory: config.memory.get(),
        threads: config.threads,
        concurrent: config.concurrent,
        idle: config.idle,
        ..QueryOptions::default()
    };
    QueryService::new(options, Arc::new(LakeTables { house: house.clone(), engine, live }))
}

async fn boxed<E: Classified>(role: impl Future<Output = Result<(), E>>) -> Result<(), BoxError> {
    role.await.map_err(BoxError::from)
}

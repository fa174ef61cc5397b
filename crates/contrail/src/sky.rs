//! `contrail sky`: a server in OpenSky's own form, for tests and for other people's clients.

use anyhow::{Context, Result};
use contrail_kit::Clock;
use contrail_serve::sky::{self, Budgets, Pace, Replay, SkyOptions, SkyServer, SkySource, Synthetic, faults};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::Sky;
use crate::exit::Usage;

pub async fn run(asked: Sky) -> Result<()> {
    let listed = faults::parse(&asked.fault.join(",")).map_err(|e| Usage(e.to_string()))?;
    let source: Box<dyn SkySource> = match &asked.replay {
        Some(path) => {
            let pace = if asked.step { Pace::Step } else { Pace::Speed(asked.speed) };
            let replay = Replay::open(path, pace);
            Box::new(replay.map_err(|e| Usage(format!("cannot play {}: {e}", path.display())))?)
        }
        None => Box::new(Synthetic::with_aircraft(asked.seed, asked.aircraft)),
    };
    let stop = CancellationToken::new();
    // A recording is there to be played to its end; only the synthetic sky counts credits.
    let budgets = if asked.replay.is_some() { Budgets::ENDLESS } else { Budgets::default() };
    let options = SkyOptions { faults: listed, budgets, seed: asked.seed, ..SkyOptions::default() };
    let server = SkyServer::new(source, options, Clock::system(), stop.clone());
    let listener = TcpListener::bind(asked.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another address with --listen", asked.listen))?;
    let address = listener.local_addr()?;
    println!("A sky in OpenSky's form: http://{address}/api/states/all");
    println!("Faults and counts: http://{address}/admin/state");
    println!(
        "A node that follows it: contrail up --set feed.opensky.url=http://{address} --set feed.opensky.interval=10s"
    );
    crate::signals::cancel_on_interrupt(stop);
    Ok(sky::serve(listener, None, server).await?)
}

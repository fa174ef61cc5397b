//! `/admin`: which faults are in force, and what has happened so far.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::faults::{self, Fault, Faults};
use super::{SkyServer, TOKEN_PATH};
use crate::problem::Problem;

/// What was asked and answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    pub requests: u64,
    pub tokens: u64,
    pub by_status: BTreeMap<u16, u64>,
}

/// `GET /admin/state`.
#[derive(Debug, Serialize)]
pub struct AdminState {
    #[serde(flatten)]
    counts: Counts,
    /// As [`faults`] writes them.
    faults: Vec<String>,
    anonymous_credits: u64,
    client_credits: u64,
    /// Whether a recording has been played to its end.
    ended: bool,
}

pub async fn state(State(sky): State<SkyServer>) -> Json<AdminState> {
    Json(report(&sky))
}

fn report(sky: &SkyServer) -> AdminState {
    let ended = sky.source().sky.ended();
    let (now, budgets) = (sky.0.clock.now(), sky.0.options.budgets);
    let mut desk = sky.desk();
    AdminState {
        counts: desk.counts.clone(),
        faults: desk.faults.list.iter().map(Fault::to_string).collect(),
        anonymous_credits: desk.accounts.left(false, budgets, now),
        client_credits: desk.accounts.left(true, budgets, now),
        ended,
    }
}

/// A list of faults, bare or by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    List(Vec<String>),
    Named { faults: Vec<String> },
}

/// `POST /admin/faults`: a JSON list of faults, `{"faults": […]}`, or plain text separated by commas. Replaces those in
/// force.
pub async fn set_faults(State(sky): State<SkyServer>, body: String) -> Result<Json<AdminState>, Problem> {
    let list = match serde_json::from_str::<Wanted>(&body) {
        Ok(Wanted::List(list) | Wanted::Named { faults: list }) => list.join(","),
        Err(_) => body,
    };
    let list = faults::parse(&list).map_err(|e| Problem::bad_request(e.to_string()))?;
    let seed = sky.0.options.seed;
    sky.desk().faults = Faults::new(list, seed);
    Ok(Json(report(&sky)))
}

pub async fn about() -> String {
    format!(
        "An OpenSky-shaped server of Contrail.\n\nGET  /api/states/all  lamin lomin lamax lomax icao24 time extended\n\
         POST {TOKEN_PATH}\n"
    )
}

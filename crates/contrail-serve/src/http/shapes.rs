//! The live sky in the shapes that other people's programs read: OpenSky's `/api/states/all`, readsb's `/data`.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use contrail_source::wire::{opensky, readsb};
use serde_json::json;

use super::Shared;
use super::answer::{Params, blocking};
use crate::live::StateFilter;
use crate::problem::Problem;

/// The sky in OpenSky's own shape, with OpenSky's parameters.
#[utoipa::path(get, path = "/api/states/all", tag = "shapes",
    params(("lamin" = Option<f64>, Query, description = "A box in degrees, all four or none"),
           ("lomin" = Option<f64>, Query), ("lamax" = Option<f64>, Query), ("lomax" = Option<f64>, Query),
           ("icao24" = Option<String>, Query, description = "May repeat, or be separated by commas"),
           ("extended" = Option<u8>, Query, description = "1 adds the category")),
    responses((status = 200, body = Object), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub async fn states_all(State(shared): State<Shared>, params: Params) -> Result<Response, Problem> {
    let filter = filter(&params)?;
    let extended = params.text("extended").is_some_and(|e| e == "1" || e.eq_ignore_ascii_case("true"));
    let body = blocking(move || {
        let live = &shared.app.live;
        let now = live.sky_time().unwrap_or_else(|| live.clock().now());
        opensky::write(&live.states(&filter), now, opensky::WriteOptions { extended, ..Default::default() })
    });
    Ok(json_body(body.await?))
}

/// Box and addresses as OpenSky's parameters have them.
pub fn filter(params: &Params) -> Result<StateFilter, Problem> {
    let corner = |name| params.value::<f64>(name, "degrees");
    let corners = [corner("lamin")?, corner("lomin")?, corner("lamax")?, corner("lomax")?];
    let bounds = match corners {
        [None, None, None, None] => None,
        [Some(south), Some(west), Some(north), Some(east)] => Some([south, west, north, east]),
        _ => return Err(Problem::bad_request("a box needs all of lamin, lomin, lamax and lomax")),
    };
    let icao24 = params.list("icao24", "six hex digits, such as 3c6444")?;
    Ok(StateFilter { bounds, icao24: Some(icao24).filter(|list| !list.is_empty()) })
}

/// readsb's `aircraft.json`, for tools that draw or feed from it.
#[utoipa::path(get, path = "/data/aircraft.json", tag = "shapes", responses((status = 200, body = Object)))]
pub async fn aircraft_json(State(shared): State<Shared>) -> Result<Response, Problem> {
    let body = blocking(move || {
        let live = &shared.app.live;
        let now = live.sky_time().unwrap_or_else(|| live.clock().now());
        readsb::write(&live.states(&StateFilter::default()), now, live.rows_seen())
    });
    Ok(json_body(body.await?))
}

/// readsb's `receiver.json`: how often `aircraft.json` changes. There is no receiver's position to give away.
#[utoipa::path(get, path = "/data/receiver.json", tag = "shapes", responses((status = 200, body = Object)))]
pub async fn receiver_json(State(shared): State<Shared>) -> Response {
    let refresh = shared.app.live.announcement().interval_s.unwrap_or(10.0).max(1.0) * 1000.0;
    let version = concat!("contrail ", env!("CARGO_PKG_VERSION"));
    let body = json!({ "version": version, "refresh": refresh as u64, "history": 0 });
    json_body(body.to_string().into_bytes())
}

fn json_body(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

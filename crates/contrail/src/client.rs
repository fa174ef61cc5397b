//! The node that runs on a data folder, asked over its own API by commands that are given beside it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use contrail_flow::build::order::Order;
use contrail_flow::data_dir::{DataDir, NodeAddress};
use contrail_serve::api::{
    self, BuildRequest, Built, DeadLetterFilter, EvolveRequest, Evolved, TailFrom, TailRequest, Time,
};
use contrail_serve::{Problem, StreamDesk};
use contrail_types::time::rfc3339;
use reqwest::{Client, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub struct Node {
    address: NodeAddress,
    client: Client,
}

impl Node {
    /// The node on this folder, if one answers.
    pub async fn find(folder: &Path) -> Option<Self> {
        let address = DataDir::node(folder)?;
        let client = Client::builder().connect_timeout(Duration::from_secs(2)).build().ok()?;
        let node = Self { address, client };
        let alive = node.client.get(format!("{}/healthz", node.address.url)).send().await.is_ok();
        alive.then_some(node)
    }

    /// Has models built anew; rows of `states` that were written.
    pub async fn build(&self, order: &Order) -> Result<u64> {
        let hours = order.hours.iter().map(|hour| Time(*hour)).collect();
        let body = BuildRequest { models: order.models.iter().cloned().collect(), hours };
        let request = self.client.post(format!("{}/api/v1/build", self.address.url)).json(&body);
        let answer = good(request.bearer_auth(&self.address.token).send().await?).await?;
        Ok(answer.json::<Built>().await?.rows)
    }

    /// Gives a table columns for the fields of the stream that it lacks.
    pub async fn evolve(&self, table: &str, dry_run: bool) -> Result<Evolved> {
        let url = format!("{}/api/v1/tables/{table}/evolve", self.address.url);
        let request = self.client.post(url).json(&EvolveRequest { dry_run });
        let answer = good(request.bearer_auth(&self.address.token).send().await?).await?;
        Ok(answer.json().await?)
    }

    /// Starts a statement; the answer is an Arrow stream.
    pub async fn sql(&self, sql: &str, limit: usize, as_of: Option<&str>) -> Result<Response> {
        let body = serde_json::json!({ "sql": sql, "limit": limit, "as_of": as_of });
        let request = self.client.post(format!("{}/api/v1/sql", self.address.url)).json(&body);
        let request = request.header("accept", "application/vnd.apache.arrow.stream");
        good(request.bearer_auth(&self.address.token).send().await?).await
    }
}

impl Node {
    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Problem> {
        self.asked(self.client.get(format!("{}/api/v1/{path}", self.address.url)).query(query)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        self.asked(self.client.post(format!("{}/api/v1/{path}", self.address.url)).json(body)).await
    }

    async fn asked<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Problem> {
        let lost = |error: reqwest::Error| Problem::unavailable(format!("the node does not answer: {error}"));
        let answer = request.bearer_auth(&self.address.token).send().await.map_err(lost)?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.map_err(lost);
        }
        let said: Value = answer.json().await.unwrap_or_default();
        let detail = said["detail"].as_str().unwrap_or("it did not say why").to_owned();
        Err(Problem::new(status, "The node refuses", detail))
    }
}

/// The stream of the node that runs, over its API.
#[async_trait]
impl StreamDesk for Node {
    async fn overview(&self) -> api::Stream {
        let lost = |problem: Problem| api::Stream { error: Some(problem.to_string()), ..api::Stream::default() };
        self.get("stream", &[]).await.unwrap_or_else(lost)
    }

    async fn tail(&self, request: TailRequest) -> Result<api::Tail, Problem> {
        let mut query = vec![("limit", request.limit.to_string()), ("wait", (request.wait_ms / 1000).to_string())];
        query.extend(request.icao24.map(|address| ("icao24", address)));
        match request.from {
            TailFrom::End => {}
            TailFrom::Time(at) => query.push(("from", rfc3339(at))),
            TailFrom::Cursor(cursor) => query.push(("after", cursor)),
        }
        self.get("stream/tail", &query).await
    }

    async fn dead_letters(&self, filter: DeadLetterFilter) -> Result<api::DeadLetters, Problem> {
        let mut query = vec![("replayed", filter.replayed.to_string())];
        query.extend(filter.reason.map(|reason| ("reason", reason)));
        query.extend(filter.partition.map(|partition| ("partition", partition.to_string())));
        query.extend(filter.offset.map(|offset| ("offset", offset.to_string())));
        query.extend(filter.before.map(|Time(before)| ("before", rfc3339(before))));
        query.extend(filter.limit.map(|limit| ("limit", limit.to_string())));
        self.get("stream/dead-letters", &query).await
    }

    async fn replay(&self, filter: DeadLetterFilter) -> Result<api::DeadLettersDone, Problem> {
        self.post("stream/dead-letters/replay", &filter).await
    }

    async fn purge(&self, filter: DeadLetterFilter) -> Result<api::DeadLettersDone, Problem> {
        self.post("stream/dead-letters/purge", &filter).await
    }
}

/// An answer, or the problem that it describes.
async fn good(answer: Response) -> Result<Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let problem: Value = answer.json().await.with_context(|| format!("the node answered {status}"))?;
    let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
    if status.is_client_error() {
        bail!(crate::exit::Usage(detail));
    }
    bail!(detail)
}

//! The node that runs on a data folder, asked over its own API by commands that are given beside it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use contrail_flow::build::order::Order;
use contrail_flow::data_dir::{DataDir, NodeAddress};
use contrail_serve::api::{BuildRequest, Built, Time};
use reqwest::{Client, Response};
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

    /// Starts a statement; the answer is an Arrow stream.
    pub async fn sql(&self, sql: &str, limit: usize) -> Result<Response> {
        let body = serde_json::json!({ "sql": sql, "limit": limit });
        let request = self.client.post(format!("{}/api/v1/sql", self.address.url)).json(&body);
        let request = request.header("accept", "application/vnd.apache.arrow.stream");
        good(request.bearer_auth(&self.address.token).send().await?).await
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

//! Logs to standard error, metrics to Prometheus.

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts logging: what the configuration says, more with each `-v`.
pub fn start(configured: &str, verbose: u8) {
    let filter = match verbose {
        0 => configured.to_owned(),
        1 => "info,contrail=debug,contrail_source=debug,contrail_log=debug,contrail_lake=debug,contrail_model=debug,\
              contrail_flow=debug,contrail_serve=debug"
            .to_owned(),
        _ => "trace".to_owned(),
    };
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).try_init();
}

/// The text of `/metrics`.
pub fn metrics() -> Arc<dyn Fn() -> String + Send + Sync> {
    let handle = METRICS.get_or_init(|| PrometheusBuilder::new().install_recorder().ok());
    Arc::new(move || handle.as_ref().map(PrometheusHandle::render).unwrap_or_default())
}

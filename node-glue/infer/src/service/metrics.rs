//! What the service counts, in Prometheus's text format.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::backend::DeviceHealth;
use crate::node::Node;

/// Upper bounds of the latency histogram in seconds: from a small model to the client's patience.
const LATENCY_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 5.0, 15.0];

/// What a request asked and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    kind: &'static str,
    outcome: &'static str,
}

/// Which device.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    device: String,
}

/// Counts of requests.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    latency_seconds: Histogram,
}

impl Metrics {
    /// All zero.
    pub fn new() -> Self {
        Self { requests: Family::default(), latency_seconds: Histogram::new(LATENCY_SECONDS) }
    }

    /// Counts a request.
    pub fn count(&self, kind: &'static str, outcome: &'static str, seconds: f64) {
        self.requests.get_or_create(&RequestLabels { kind, outcome }).inc();
        self.latency_seconds.observe(seconds);
    }

    /// Everything as text; the node's own counts are read now.
    pub fn text(
        &self,
        node: &Node,
        queued: usize,
        faults: u64,
        devices: &[Arc<DeviceHealth>],
    ) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("myelin_infer");
        registry.register("requests", "Requests by kind and outcome", self.requests.clone());
        registry.register("request_seconds", "Time from request to reply", self.latency_seconds.clone());
        let counters = node.counters();
        let counts = [
            ("result_hits", "Results answered from memory", &counters.result_hits),
            ("result_misses", "Results computed", &counters.result_misses),
            ("model_hits", "Models found prepared", &counters.model_hits),
            ("model_misses", "Models loaded", &counters.model_misses),
        ];
        for (name, help, count) in counts {
            registry.register(name, help, ConstCounter::new(count.load(Ordering::Relaxed)));
        }
        registry.register("model_evictions", "Models dropped for room", ConstCounter::new(node.models_evicted()));
        registry.register("device_faults", "Faults of devices kept from the node", ConstCounter::new(faults));
        register_devices(&mut registry, devices);
        let (models, bytes) = node.models_held();
        registry.register("models", "Prepared models held", gauge(models as u64));
        registry.register("model_bytes", "Memory of prepared models", gauge(bytes));
        registry.register("queued", "Requests waiting for a worker", gauge(queued as u64));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn register_devices(registry: &mut Registry, devices: &[Arc<DeviceHealth>]) {
    if devices.is_empty() {
        return;
    }
    let in_use: Family<DeviceLabels, Gauge> = Family::default();
    let (quarantines, faults): (Family<DeviceLabels, Counter>, Family<DeviceLabels, Counter>) = Default::default();
    for device in devices {
        let labels = DeviceLabels { device: device.name().to_owned() };
        in_use.get_or_create(&labels).set(i64::from(device.quarantine().is_none()));
        quarantines.get_or_create(&labels).inc_by(device.quarantines());
        faults.get_or_create(&labels).inc_by(device.faults());
    }
    registry.register("device_in_use", "1, or 0 while the device is quarantined", in_use);
    registry.register("device_quarantines", "Times the device was quarantined", quarantines);
    registry.register("device_own_faults", "Faults of this device", faults);
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

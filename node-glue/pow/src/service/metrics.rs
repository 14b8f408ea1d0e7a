//! The report in Prometheus's text format.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::statistics::{DeviceReport, PoolReport, Report};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    /// Two devices may have one selector.
    index: u64,
    device: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShareLabels {
    index: u64,
    device: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    index: u64,
    pool: String,
}

type OfDevice = fn(&DeviceReport) -> u64;
type OfPool = fn(&PoolReport) -> u64;

/// Everything as text.
pub(super) fn text(report: &Report) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("myelin_pow");
    register_devices(&mut registry, &report.devices);
    register_pools(&mut registry, &report.pools);
    let connected = ConstGauge::<i64>::new(report.connected.is_some().into());
    registry.register("connected", "Whether a pool gives work", connected);
    let height = report.job.as_ref().and_then(|job| job.height).and_then(|height| i64::try_from(height).ok());
    if let Some(height) = height {
        registry.register("height", "Number of the block worked on", ConstGauge::<i64>::new(height));
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn register_devices(registry: &mut Registry, devices: &[DeviceReport]) {
    let labels =
        |(index, device): (usize, &DeviceReport)| DeviceLabels { index: index as u64, device: device.device.clone() };
    let counts: [(&str, &str, OfDevice); 6] = [
        ("graphs", "Graphs solved", |device| device.graphs),
        ("graphs_abandoned", "Graphs given up for another block", |device| device.abandoned),
        ("cycles", "Valid cycles found", |device| device.cycles),
        ("invalid_cycles", "Cycles found that golden refuses", |device| device.invalid),
        ("device_failures", "Failures of the device", |device| device.failures),
        ("blocks", "Shares that were blocks", |device| device.blocks),
    ];
    for (name, help, count) in counts {
        let family = Family::<DeviceLabels, Counter>::default();
        for device in devices.iter().enumerate() {
            family.get_or_create(&labels(device)).inc_by(count(device.1));
        }
        registry.register(name, help, family);
    }
    let speed = Family::<DeviceLabels, Gauge<f64, AtomicU64>>::default();
    let shares = Family::<ShareLabels, Counter>::default();
    for device in devices.iter().enumerate() {
        let DeviceLabels { index, device: name } = labels(device);
        speed.get_or_create(&labels(device)).set(device.1.recent_graphs_per_second);
        let DeviceReport { accepted, stale, rejected, unanswered, .. } = *device.1;
        let outcomes = [("accepted", accepted), ("stale", stale), ("rejected", rejected), ("unanswered", unanswered)];
        for (outcome, count) in outcomes {
            let labels = ShareLabels { index, device: name.clone(), outcome };
            shares.get_or_create(&labels).inc_by(count);
        }
    }
    registry.register("graphs_per_second", "Graphs solved a second in the last minute", speed);
    registry.register("shares", "Shares by outcome", shares);
}

fn register_pools(registry: &mut Registry, pools: &[PoolReport]) {
    let counts: [(&str, &str, OfPool); 5] = [
        ("pool_connections", "Times the pool gave work", |pool| pool.connections),
        ("pool_failures", "Times the pool could not be had or was lost", |pool| pool.failures),
        ("pool_jobs", "Jobs that were news", |pool| pool.jobs),
        ("pool_accepted", "Shares the pool took", |pool| pool.accepted),
        ("pool_malformed", "Messages that made no sense", |pool| pool.malformed),
    ];
    for (name, help, count) in counts {
        let family = Family::<PoolLabels, Counter>::default();
        for (index, pool) in pools.iter().enumerate() {
            let labels = PoolLabels { index: index as u64, pool: pool.address.clone() };
            family.get_or_create(&labels).inc_by(count(pool));
        }
        registry.register(name, help, family);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use crate::statistics::{Outcome, Statistics};

    #[test]
    fn devices_of_one_name_are_told_apart() {
        let statistics = Statistics::new(["cpu".to_owned(), "cpu".to_owned()], ["stratum+tcp://a:1".to_owned()]);
        statistics.count_outcome(1, 0, Outcome::Stale);
        let text = text(&statistics.report(None)).unwrap();
        assert!(text.contains("myelin_pow_shares_total{index=\"0\",device=\"cpu\",outcome=\"stale\"} 0\n"), "{text}");
        assert!(text.contains("myelin_pow_shares_total{index=\"1\",device=\"cpu\",outcome=\"stale\"} 1\n"), "{text}");
        assert!(text.contains("myelin_pow_connected 0\n") && text.ends_with("# EOF\n"), "{text}");
    }
}

//! The families of the miss-ratio curve in `/metrics`. Their values are fractions, which the
//! exporter's gauges would print with more digits than are known.

use std::fmt::Write;

use slabcore_metrics::prometheus_names::Kind;
use slabcore_shard::MissRatioCurve;

/// A family of hit ratios.
pub(super) struct RatioFamily {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// The predicted ratios, and the measured one.
pub(super) static CURVE_FAMILIES: [RatioFamily; 2] = [
    RatioFamily {
        name: "slabcore_predicted_hit_ratio",
        kind: Kind::Gauge,
        labels: &["memory"],
        help: "Predicted hit ratio with the memory times this factor, of recent requests.",
    },
    RatioFamily {
        name: "slabcore_measured_hit_ratio",
        kind: Kind::Gauge,
        labels: &[],
        help: "Hit ratio of the requests that the predictions are for.",
    },
];

/// The families, each as one text. Nothing until there was a request.
pub(super) fn curve_families(curve: &MissRatioCurve) -> Vec<String> {
    let [predicted, measured] = &CURVE_FAMILIES;
    let Some(hit_ratio) = curve.measured_hit_ratio() else { return Vec::new() };
    let mut text = head(predicted);
    for (size, factor) in MissRatioCurve::FACTORS.iter().enumerate() {
        let Some(ratio) = curve.predicted_hit_ratio(size) else { continue };
        // Writing to memory never fails.
        let _ = writeln!(text, "{}{{memory=\"{factor}\"}} {ratio:.4}", predicted.name);
    }
    vec![text, format!("{}{} {hit_ratio:.4}\n", head(measured), measured.name)]
}

fn head(family: &RatioFamily) -> String {
    let RatioFamily { name, kind, help, .. } = family;
    format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name())
}

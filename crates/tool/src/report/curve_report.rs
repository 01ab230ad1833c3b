//! Which hit ratio more or less memory would give.

use serde::Serialize;

use super::sample::Sample;
use crate::limits::CURVE_POINTS_MAX;
use crate::statistics::Topic;

/// The live curve of hit ratios of a Slabcore.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct CurveReport {
    /// The points, the least memory first.
    pub(crate) points: Vec<CurvePoint>,
    /// The real hit ratio over the same requests.
    pub(crate) measured_hit_ratio: Option<f64>,
    /// Requests that the curve is made from.
    pub(crate) sampled_requests: Option<u64>,
}

/// One size of memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct CurvePoint {
    /// Memory as a multiple of `-m`.
    pub(crate) memory_factor: f64,
    /// The same in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// The hit ratio expected with it.
    pub(crate) hit_ratio: Option<f64>,
}

/// The curve; `None` if the server has none.
pub(super) fn curve(sample: &Sample) -> Option<CurveReport> {
    let table = sample.table(Topic::MissRatioCurve)?;
    let groups = table.groups("", CURVE_POINTS_MAX);
    let points = groups.into_iter().filter_map(|(factor, group)| {
        Some(CurvePoint {
            memory_factor: factor.parse().ok().filter(|it: &f64| it.is_finite())?,
            memory_bytes: group.count("memory_bytes"),
            hit_ratio: group.number("hit_ratio"),
        })
    });
    let points: Vec<CurvePoint> = points.collect();
    (!points.is_empty()).then(|| CurveReport {
        points,
        measured_hit_ratio: table.number("measured:hit_ratio"),
        sampled_requests: table.count("sampled_requests"),
    })
}

//! The families of histograms in `/metrics`. The exporter keeps each value until a scrape, so they
//! are recorded and written here.

use std::fmt::Write;

use slabcore_metrics::histogram_names::{
    COUNT_BORDERS, DURATION_BORDERS, HISTOGRAM_FAMILIES, HistogramFamily, HistogramSource,
};
use slabcore_metrics::prometheus_names::Kind;
use slabcore_metrics::{Command, Histogram, HistogramSnapshot, RequestTimes, ShardTimings};

/// Nanoseconds are shown as seconds.
const NANOSECONDS_PER_SECOND: f64 = 1e9;

/// The families of the numbers of these shards together, each as one text.
pub(super) fn histogram_families<'a>(
    shards: impl Iterator<Item = &'a ShardTimings> + Clone,
) -> impl Iterator<Item = String> {
    HISTOGRAM_FAMILIES.iter().map(move |family| text(family, shards.clone()))
}

fn text<'a>(
    family: &HistogramFamily,
    shards: impl Iterator<Item = &'a ShardTimings> + Clone,
) -> String {
    let HistogramFamily { name, help, source } = family;
    let mut text = format!("# HELP {name} {help}\n# TYPE {name} {}\n", Kind::Histogram.name());
    match source {
        HistogramSource::Requests => {
            let times = RequestTimes::sum_of(shards);
            for &command in Command::ALL {
                let labels = format!("command=\"{}\"", command.stat_name());
                write_durations(&mut text, name, &labels, times.of(command));
            }
        }
        HistogramSource::Durations(of) => {
            write_durations(&mut text, name, "", &sum(shards.map(of)));
        }
        HistogramSource::Counts(of) => {
            write_series(&mut text, name, "", &sum(shards.map(of)), &COUNT_BORDERS, 1.0);
        }
    }
    text
}

fn sum<'a, const UNIT: u64>(
    shards: impl Iterator<Item = &'a Histogram<UNIT>>,
) -> HistogramSnapshot<UNIT> {
    let mut sum = HistogramSnapshot::new();
    shards.for_each(|histogram| sum.add(histogram));
    sum
}

fn write_durations(out: &mut String, name: &str, labels: &str, of: &HistogramSnapshot<125>) {
    write_series(out, name, labels, of, &DURATION_BORDERS, NANOSECONDS_PER_SECOND);
}

/// Appends the samples of one histogram. `labels` are without `le`; `scale` divides its values.
fn write_series<const UNIT: u64>(
    out: &mut String,
    name: &str,
    labels: &str,
    of: &HistogramSnapshot<UNIT>,
    borders: &[u64],
    scale: f64,
) {
    let comma = if labels.is_empty() { "" } else { "," };
    let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let count = of.count();
    for &border in borders {
        let (le, at_most) = (border as f64 / scale, of.at_most(border));
        // Writing to memory never fails.
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{le}\"}} {at_most}");
    }
    let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
    let _ = writeln!(out, "{name}_sum{braced} {}", of.sum() as f64 / scale);
    let _ = writeln!(out, "{name}_count{braced} {count}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_in_seconds() {
        let timings = ShardTimings::new();
        timings.turns.record(1_000, 2);
        timings.turns.record(1_001, 1);
        timings.turns.record(100_000_000_000, 1);
        timings.turn_requests.record(3, 2);
        let shards = [&timings, &timings];
        let texts: Vec<String> = histogram_families(shards.into_iter()).collect();
        let turns = &texts[1];
        assert!(turns.starts_with("# HELP slabcore_turn_duration_seconds "), "{turns}");
        for line in [
            "# TYPE slabcore_turn_duration_seconds histogram",
            "slabcore_turn_duration_seconds_bucket{le=\"0.000001\"} 4",
            "slabcore_turn_duration_seconds_bucket{le=\"0.0000015\"} 6",
            "slabcore_turn_duration_seconds_bucket{le=\"1.048576\"} 6",
            "slabcore_turn_duration_seconds_bucket{le=\"67.108864\"} 6",
            "slabcore_turn_duration_seconds_bucket{le=\"+Inf\"} 8",
            "slabcore_turn_duration_seconds_sum 200.000006002",
            "slabcore_turn_duration_seconds_count 8",
        ] {
            assert!(turns.lines().any(|it| it == line), "{line} in\n{turns}");
        }
        let requests = &texts[2];
        assert!(requests.contains("\nslabcore_turn_requests_bucket{le=\"2\"} 0\n"), "{requests}");
        assert!(requests.contains("\nslabcore_turn_requests_bucket{le=\"3\"} 4\n"), "{requests}");
        assert!(requests.ends_with("_sum 12\nslabcore_turn_requests_count 4\n"), "{requests}");
    }
}

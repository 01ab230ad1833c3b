//! The rules and the dashboard of `deploy/`, which the page of metrics shows.

use std::fmt;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use slabcore_bench::table::markdown;

/// Places of the files, from the root of the tree.
pub(super) const RECORDING: &str = "deploy/prometheus/recording.yml";
pub(super) const ALERTS: &str = "deploy/prometheus/alerts.yml";
pub(super) const DASHBOARD: &str = "deploy/grafana/slabcore.json";

/// The variables of the dashboard in a selector.
const SELECTOR: &str = "job=~\"$job\",instance=~\"$instance\"";

/// Why the files cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MonitoringError {
    /// A file is not YAML or JSON.
    Malformed(&'static str, String),
    /// A rule lacks this.
    Missing(&'static str),
}

impl fmt::Display for MonitoringError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(file, error) => write!(out, "{file}: {error}"),
            Self::Missing(name) => write!(out, "a rule has no {name}"),
        }
    }
}

#[derive(Debug)]
struct AlertRule {
    name: String,
    severity: String,
    expression: String,
    lasts: String,
    action: String,
}

#[derive(Debug)]
struct RecordingRule {
    name: String,
    expression: String,
}

/// What the files say.
#[derive(Debug)]
pub(super) struct MonitoringFiles {
    alerts: Vec<AlertRule>,
    records: Vec<RecordingRule>,
    /// The queries of the dashboard, without its variables.
    queries: Vec<String>,
}

impl MonitoringFiles {
    /// Reads the texts of the files.
    pub(super) fn parse(
        recording: &str,
        alerts: &str,
        dashboard: &str,
    ) -> Result<Self, MonitoringError> {
        let record = |rule: &Yaml| {
            let expression = one_line(&text(rule, "expr")?);
            Ok(RecordingRule { name: text(rule, "record")?, expression })
        };
        let alert = |rule: &Yaml| {
            Ok(AlertRule {
                name: text(rule, "alert")?,
                severity: text(&rule["labels"], "severity")?,
                expression: one_line(&text(rule, "expr")?),
                lasts: rule["for"].as_str().unwrap_or("at once").to_owned(),
                action: one_line(&text(&rule["annotations"], "action")?),
            })
        };
        Ok(Self {
            records: rules(RECORDING, recording)?.iter().map(record).collect::<Result<_, _>>()?,
            alerts: rules(ALERTS, alerts)?.iter().map(alert).collect::<Result<_, _>>()?,
            queries: queries(dashboard)?,
        })
    }

    /// A query that uses this family: of the dashboard, or else of a rule.
    pub(super) fn query_of(&self, family: &str) -> Option<&str> {
        let alerts = self.alerts.iter().map(|alert| &alert.expression);
        let records = self.records.iter().map(|record| &record.expression);
        let mut all = self.queries.iter().chain(alerts).chain(records);
        all.find(|query| names(query, family)).map(String::as_str)
    }

    /// The table of alerts.
    pub(super) fn alerts(&self) -> String {
        let row = |alert: &AlertRule| {
            let AlertRule { name, severity, expression, lasts, action } = alert;
            vec![
                format!("`{name}`"),
                severity.clone(),
                format!("`{expression}`"),
                lasts.clone(),
                action.clone(),
            ]
        };
        let rows: Vec<Vec<String>> = self.alerts.iter().map(row).collect();
        markdown(&["alert", "severity", "expression", "for", "what to do"], &rows)
    }

    /// The table of recorded expressions.
    pub(super) fn records(&self) -> String {
        let row = |record: &RecordingRule| {
            vec![format!("`{}`", record.name), format!("`{}`", record.expression)]
        };
        let rows: Vec<Vec<String>> = self.records.iter().map(row).collect();
        markdown(&["name", "expression"], &rows)
    }
}

/// All rules of all groups of a file.
fn rules(file: &'static str, text: &str) -> Result<Vec<Yaml>, MonitoringError> {
    let documents = YamlLoader::load_from_str(text)
        .map_err(|error| MonitoringError::Malformed(file, error.to_string()))?;
    let groups = documents.first().and_then(|it| it["groups"].as_vec());
    let groups = groups.ok_or(MonitoringError::Missing("group"))?;
    Ok(groups.iter().filter_map(|group| group["rules"].as_vec()).flatten().cloned().collect())
}

fn text(yaml: &Yaml, name: &'static str) -> Result<String, MonitoringError> {
    Ok(yaml[name].as_str().ok_or(MonitoringError::Missing(name))?.to_owned())
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace("( ", "(")
}

/// The queries of a dashboard, as they are asked for all servers, over five minutes.
fn queries(dashboard: &str) -> Result<Vec<String>, MonitoringError> {
    let dashboard: Value = serde_json::from_str(dashboard)
        .map_err(|error| MonitoringError::Malformed(DASHBOARD, error.to_string()))?;
    let panels = dashboard["panels"].as_array().ok_or(MonitoringError::Missing("panel"))?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let plain = |query: &str| {
        query
            .replace(&format!("{{{SELECTOR}}}"), "")
            .replace(&format!("{SELECTOR},"), "")
            .replace("$__rate_interval", "5m")
    };
    Ok(targets.filter_map(|target| target["expr"].as_str()).map(plain).collect())
}

/// Whether an expression names the family, or a series of it if it is a histogram.
fn names(expression: &str, family: &str) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
    let mut words = expression.split(|it| !is_name(it));
    words.any(|word| {
        let rest = word.strip_prefix(family);
        rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_queries_are_read() {
        let recording = "groups: [{rules: [{record: 'a:b', expr: 'rate(x_total[5m])'}]}]";
        let alerts = "groups:\n- rules:\n  - alert: A\n    expr: |\n      y\n        > 1\n    \
                      labels: {severity: info}\n    annotations: {action: Look.}\n";
        let dashboard = r#"{"panels": [{"targets": [{"expr":
            "rate(x_total{job=~\"$job\",instance=~\"$instance\",a=\"b\"}[$__rate_interval])"}]},
            {"type": "row"}]}"#;
        let files = MonitoringFiles::parse(recording, alerts, dashboard).unwrap();
        assert_eq!(files.query_of("x_total"), Some("rate(x_total{a=\"b\"}[5m])"));
        assert_eq!(files.query_of("y"), Some("y > 1"));
        assert_eq!(files.query_of("x"), None);
        for cell in ["| `A` ", "| info ", "| `y > 1` ", "| at once |", "| Look. "] {
            assert!(files.alerts().contains(cell), "{}", files.alerts());
        }
        assert!(files.records().contains("`rate(x_total[5m])`"), "{}", files.records());
        assert!(names("sum(x_bucket)", "x") && !names("sum(x_bytes)", "x"));
    }
}

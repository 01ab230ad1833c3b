//! The picture of the comparison: bars of ratios, as an SVG for light and dark backgrounds.

use std::fmt::Write;

use super::figures::{Figures, FiguresError, Ratio};
use super::page_tables::held_by_memcached;

/// Loads of `compare` that are shown: name of the row, and what the picture calls it.
const LOADS: [(&str, &str); 8] = [
    ("get, 50 connections, 1 per write", "get, one per write"),
    ("set, 1 per write", "set, one per write"),
    ("TLS, get, 1 per write", "get over TLS"),
    ("-t 2, get, 1 per write", "get, two threads"),
    ("90 % get, 10 % set, zipf 0.99, 16 per write", "90 % get, 10 % set, 16 per write"),
    ("get, 50 connections, 16 per write", "get, 16 per write"),
    ("set, 16 per write", "set, 16 per write"),
    ("get of 50 keys", "get of 50 keys"),
];

/// Presets of `replay held` that are shown.
const PRESETS: [(&str, &str); 4] = [
    ("twitter-c25", "Twitter, cluster 25"),
    ("twitter-c52", "Twitter, cluster 52"),
    ("fb-usr", "Facebook, USR"),
    ("fb-etc", "Facebook, ETC"),
];

/// Pixels: the picture's width, where bars begin, where the longest may end, and where the figures
/// of both servers begin.
const WIDTH: f64 = 800.0;
const BARS_X: f64 = 250.0;
const BARS_END: f64 = 590.0;
const FIGURES_X: f64 = 652.0;
/// Height of a row, and of a bar in it.
const ROW: f64 = 26.0;
const BAR: f64 = 15.0;

/// A dark reader's colours replace these where the reader's system asks for them.
const STYLE: &str = "
  text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .head { font-weight: 600 }
  .small { font-size: 12px; fill: #59636e }
  .card { fill: #ffffff; stroke: #d1d9e0 }
  .bar { fill: #0969da }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  .one { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .card { fill: #0d1117; stroke: #3d444d }
    .bar { fill: #1f6feb }
    .spread { stroke: #f0f6fc }
    .one { stroke: #9198a1 }
  }
";

/// One bar.
struct Bar {
    label: String,
    ratio: Ratio,
    /// What follows the ratio: both figures.
    figures: String,
}

/// The picture.
pub(super) fn comparison(figures: &Figures) -> Result<String, FiguresError> {
    let run = figures.section("compare")?;
    let version = run.fact("memcached")?;
    // The two need not have been measured at the same time.
    let with = match figures.section("held")?.fact("memcached")? {
        same if same == version => String::new(),
        other => format!("; memcached {other}"),
    };
    let groups = [
        ("Requests per second of CPU time".to_owned(), "CPU of a request", loads(figures)?),
        (format!("Items in the same memory (256 MiB{with})"), "items held", held(figures)?),
    ];
    let bars = || groups.iter().flat_map(|(_, _, bars)| bars);
    let longest = bars().map(|bar| bar.ratio.spread.map_or(bar.ratio.ratio, |(_, high)| high));
    let scale = (BARS_END - BARS_X) / longest.fold(1.0, f64::max);
    let mut body = String::new();
    let mut y = 64.0;
    for (head, unit, bars) in &groups {
        y += 20.0;
        text(&mut body, "head", 20.0, y, head);
        text(&mut body, "small", FIGURES_X, y, &format!("{unit}:"));
        y += 8.0;
        line(&mut body, "one", (BARS_X + scale, y), (BARS_X + scale, y + ROW * bars.len() as f64));
        for bar in bars {
            draw(&mut body, bar, y, scale);
            y += ROW;
        }
    }
    let captions = [
        format!("Dashed line: memcached {version}, with the same load on the same cores."),
        "Thin lines: the smallest and the largest ratio of neighbouring windows.".to_owned(),
    ];
    y += 6.0;
    for caption in captions {
        y += 18.0;
        text(&mut body, "small", 20.0, y, &caption);
    }
    let height = y + 18.0;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">Slabcore compared with memcached {version}</title>\n\
         <style>{STYLE}</style>\n\
         <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        WIDTH - 1.0,
        height - 1.0,
    );
    text(&mut svg, "title", 20.0, 32.0, &format!("Slabcore, in multiples of memcached {version}"));
    text(&mut svg, "small", 20.0, 52.0, "Longer is better. Figures: memcached / Slabcore.");
    svg.push_str(&body);
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn loads(figures: &Figures) -> Result<Vec<Bar>, FiguresError> {
    let bar = |(name, label): &(&str, &str)| {
        let row = figures.row("compare", name)?;
        let (memcached, slabcore) = row.both("CPU µs/req")?;
        let figures = format!("{} / {} µs", micros(memcached), micros(slabcore));
        Ok(Bar { label: (*label).to_owned(), ratio: row.ratio("ratio")?, figures })
    };
    LOADS.iter().map(bar).collect()
}

fn held(figures: &Figures) -> Result<Vec<Bar>, FiguresError> {
    let bar = |(name, label): &(&str, &str)| {
        let row = figures.row("held", name)?;
        let slabcore = super::figures::number(row.cell("slabcore")?)?;
        let memcached = held_by_memcached(row)?;
        let figures = format!("{:.1} / {:.1} million", memcached / 1e6, slabcore / 1e6);
        Ok(Bar { label: (*label).to_owned(), ratio: row.ratio("ratio")?, figures })
    };
    PRESETS.iter().map(bar).collect()
}

/// Two digits that count.
fn micros(value: f64) -> String {
    let digits = if value >= 10.0 { 0 } else { 1 + usize::from(value < 1.0) };
    format!("{value:.digits$}")
}

fn draw(out: &mut String, bar: &Bar, y: f64, scale: f64) {
    let middle = y + ROW / 2.0;
    text(out, "", 20.0, middle + 4.5, &bar.label);
    let width = bar.ratio.ratio * scale;
    let top = middle - BAR / 2.0;
    let _ = writeln!(
        out,
        "<rect class=\"bar\" x=\"{BARS_X}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" \
         rx=\"2\"/>"
    );
    let mut end = BARS_X + width;
    if let Some((low, high)) = bar.ratio.spread {
        let [low, high] = [low, high].map(|ratio| BARS_X + ratio * scale);
        line(out, "spread", (low, middle), (high, middle));
        end = end.max(high);
    }
    text(out, "head", end + 6.0, middle + 4.5, &format!("{:.1}×", bar.ratio.ratio));
    text(out, "small", FIGURES_X, middle + 4.5, &bar.figures);
}

fn text(out: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

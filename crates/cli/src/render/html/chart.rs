//! Charts as SVG: bars and curves. Each has a text that says what it shows; the figures stand in a table beside it.

use unicode_width::UnicodeWidthStr as _;

use super::write::Html;
use crate::render::page::cut;

/// The width of a chart.
const WIDTH: usize = 640;
/// How much of it names of bars take.
const NAMES: usize = 200;
/// How much is kept free behind bars, for their figures.
const FIGURES: usize = 110;
/// The height of a bar with what is between bars.
const ROW: usize = 22;
/// The height of a chart of curves.
const HEIGHT: usize = 120;
/// How many columns of a name are shown.
const NAME: usize = 28;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    /// What it stands for.
    pub(super) name: String,
    /// How long it is.
    pub(super) value: f64,
    /// How much of it is set off.
    pub(super) part: f64,
    /// What stands behind it.
    pub(super) figure: String,
}

/// Writes bars under each other; `most` is the value of a bar that takes all the room.
pub(super) fn bars(html: &mut Html, what: &str, bars: &[Bar], most: f64) {
    if bars.is_empty() || most <= 0.0 || !most.is_finite() {
        return;
    }
    let height = bars.len() * ROW + 4;
    open(html, what, height);
    for (n, bar) in bars.iter().enumerate() {
        let top = n * ROW + 4;
        let room = (WIDTH - NAMES - FIGURES) as f64;
        let [whole, part] = [bar.value, bar.part].map(|value| room * (value / most).clamp(0.0, 1.0));
        let text = top + 13;
        html.open("text", &format!("class=\"label\" x=\"{}\" y=\"{text}\" text-anchor=\"end\"", NAMES - 8));
        html.text(&cut(&bar.name, NAME)).close("text");
        rect(html, "track", NAMES as f64, top, room);
        rect(html, "bar", NAMES as f64, top, whole);
        if part > 0.0 {
            rect(html, "part", NAMES as f64 + whole - part.min(whole), top, part.min(whole));
        }
        html.element("text", &format!("x=\"{}\" y=\"{text}\"", WIDTH - FIGURES + 8), &bar.figure);
        html.raw("\n");
    }
    html.close("svg");
}

/// Writes values over a sequence of names as a curve, from zero up.
pub(super) fn curve(html: &mut Html, what: &str, points: &[(String, f64)], figure: impl Fn(f64) -> String) {
    let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if points.len() < 2 || most <= 0.0 || !most.is_finite() {
        return;
    }
    let label = figure(most);
    let left = (label.width() * 7 + 12) as f64;
    let (right, bottom, top) = ((WIDTH - 12) as f64, (HEIGHT - 20) as f64, 12.0);
    let step = (right - left) / (points.len() - 1) as f64;
    let place = |n: usize, value: f64| {
        (left + step * n as f64, bottom - (bottom - top) * (value / most).clamp(0.0, 1.0))
    };
    open(html, what, HEIGHT);
    html.raw(&format!("<path class=\"axis\" d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\"/>\n"));
    html.open(
        "text",
        &format!("class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"", left - 6.0, top + 4.0),
    );
    html.text(&label).close("text").raw("\n");
    let places: Vec<(f64, f64)> = points.iter().enumerate().map(|(n, (_, value))| place(n, *value)).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    html.raw(&format!("<path class=\"curve\" d=\"M{}\"/>\n", path.join("L")));
    for ((name, value), (x, y)) in points.iter().zip(&places) {
        html.open("circle", &format!("class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\""));
        html.element("title", "", &format!("{name}: {}", figure(*value))).close("circle");
    }
    for (n, anchor) in [(0, "start"), (points.len() - 1, "end")] {
        let (Some((x, _)), Some((name, _))) = (places.get(n), points.get(n)) else { continue };
        let at = format!("class=\"label\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\"", HEIGHT - 4);
        html.element("text", &at, name);
    }
    html.raw("\n").close("svg");
}

fn open(html: &mut Html, what: &str, height: usize) {
    let what = super::write::escaped(what);
    html.open(
        "svg",
        &format!("role=\"img\" aria-label=\"{what}\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\""),
    );
    html.raw("\n");
}

fn rect(html: &mut Html, class: &str, x: f64, y: usize, width: f64) {
    let height = ROW - 6;
    html.raw(&format!(
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" rx=\"2\"/>"
    ));
}

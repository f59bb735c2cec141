//! The report as one HTML page: tables and charts in a file that needs nothing else.
//!
//! The page loads nothing, runs nothing and says so to the browser. The same report makes the same bytes: no time of
//! writing is in it. Every text goes through [`write::escaped`], so that no text from data becomes markup.

mod chart;
mod parts;
mod style;
mod write;

use refrain_schemas::overview::Overview;

use write::Html;

/// What tells a page of this kind from other files.
pub(crate) const MARK: &str = "<meta name=\"generator\" content=\"refrain report\">";

/// Returns the page.
pub(crate) fn page(report: &Overview) -> String {
    let mut html = Html::new();
    head(&mut html, report);
    html.open("body", "").open("main", "");
    parts::summary(&mut html, report);
    parts::state(&mut html, report);
    parts::texts(&mut html, report);
    parts::issues(&mut html, report);
    parts::calls(&mut html, report);
    parts::places(&mut html, report);
    parts::revisions(&mut html, report);
    html.close("main").close("body").close("html");
    html.finish()
}

fn head(html: &mut Html, report: &Overview) {
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n").raw(MARK);
    html.raw("\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // The page may use its own style and nothing from anywhere.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    html.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"").raw(policy).raw("\">\n");
    html.open("title", "").text(&format!("Report: {}", report.project)).close("title");
    html.raw("\n<style>\n").raw(style::CSS).raw("</style>\n</head>\n");
}

#[cfg(test)]
mod tests;

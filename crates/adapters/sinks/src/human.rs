//! Numbers for people.

use refrain_schemas::event::Level;
use refrain_schemas::progress::PhaseProgress;
use refrain_schemas::report::UnitCounts;
use refrain_schemas::scope::Target;
use refrain_schemas::usage::Usage;

/// Writes a length of time: `0.4s`, `12s`, `1m20s`, `2h05m`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).map_or(u64::MAX, |d| d.as_secs());
    match whole {
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3_600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3_600, whole % 3_600 / 60),
    }
}

/// Writes which target a phase's progress is about.
pub(crate) fn target(phase: &PhaseProgress) -> String {
    Target { phase: phase.phase.clone(), scope: phase.scope.clone() }.to_string()
}

/// Writes what became of units: `1000 units (3 ran, 997 reused)`.
pub(crate) fn units(units: &UnitCounts) -> String {
    let parts = [(units.ran, "ran"), (units.reused, "reused"), (units.failed, "failed")];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let noun = if units.total == 1 { "unit" } else { "units" };
    match parts.as_slice() {
        [] => format!("{} {noun}", units.total),
        parts => format!("{} {noun} ({})", units.total, parts.join(", ")),
    }
}

/// Writes what a phase has cost so far, where that is known.
pub(crate) fn cost(usage: &Usage) -> Option<String> {
    usage.cost_usd.map(refrain_schemas::money::dollars)
}

/// Returns the style in which a level is shown; colour never carries meaning alone.
pub(crate) const fn style(level: Level) -> owo_colors::Style {
    let style = owo_colors::Style::new();
    match level {
        Level::Debug => style.dimmed(),
        Level::Info => style.green(),
        Level::Warn => style.yellow(),
        Level::Error => style.red(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = [0.04, 9.96, 12.0, 80.0, 7_500.0, -1.0, f64::NAN].map(duration);
        assert_eq!(shown[..5], ["0.0s", "10.0s", "12s", "1m20s", "2h05m"]);
    }

    #[test]
    fn units_say_what_became_of_them() {
        let counts = |total, ran, reused, failed| UnitCounts { total, ran, reused, failed };
        assert_eq!(units(&counts(1000, 3, 997, 0)), "1000 units (3 ran, 997 reused)");
        assert_eq!(units(&counts(1, 0, 0, 1)), "1 unit (1 failed)");
        assert_eq!(units(&counts(0, 0, 0, 0)), "0 units");
    }
}

//! All metrics, which `docs/metrics.md` lists.

use crate::roles::FACES;
use backing::Metric;
use runtime::metrics;

/// All metrics, by name.
pub(crate) fn all() -> Vec<&'static Metric> {
    let services = FACES.iter().flat_map(|face| face.metrics);
    let mut all: Vec<_> = services.chain(runtime::METRICS).chain(backing::METRICS).collect();
    all.sort_unstable_by_key(|metric| metric.name);
    all
}

/// Describes each metric to the recorder.
pub(crate) fn describe() {
    for metric in all() {
        metrics::describe(metric.name, metric.help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in `docs/metrics.md`.
    fn table() -> String {
        let row = |metric: &&Metric| {
            let help = metric.help.trim_end_matches('.');
            let mut letters = help.chars();
            let first = letters
                .next()
                .map(|letter| letter.to_uppercase().to_string())
                .unwrap_or_default();
            format!(
                "| `{}` | {} | {first}{}. |\n",
                metric.name,
                metrics::kind(metric.name),
                letters.as_str()
            )
        };
        all().iter().map(row).collect()
    }

    #[test]
    fn the_page_about_metrics_lists_every_metric() {
        let page = include_str!("../../docs/metrics.md");
        let listed: String = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(listed, table(), "put these rows into docs/metrics.md");
    }
}

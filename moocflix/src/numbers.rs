//! Every metric there is, as `docs/metrics.md` lists them.

use runtime::metrics::{self, Metric};

/// A metric's name and what it tells.
type Named = (&'static str, &'static str);

/// All metrics, by name.
pub(crate) fn all() -> Vec<Named> {
    let described = [
        metrics::METRICS,
        user_management_service::METRICS,
        content_delivery_service::METRICS,
        transcoding_jobs::METRICS,
    ]
    .into_iter()
    .flatten()
    .map(|metric: &Metric| (metric.name, metric.help));
    let named = [backing::METRICS].into_iter().flatten().copied();
    let mut all: Vec<Named> = described.chain(named).collect();
    all.sort_unstable();
    all
}

/// Tells the recorder what the metrics mean.
pub(crate) fn describe() {
    for (name, help) in all() {
        metrics::describe(name, help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in `docs/metrics.md`.
    fn table() -> String {
        let row = |(name, help): &Named| {
            let help = help.trim_end_matches('.');
            let mut letters = help.chars();
            let first = letters
                .next()
                .map(|letter| letter.to_uppercase().to_string())
                .unwrap_or_default();
            format!(
                "| `{name}` | {} | {first}{}. |\n",
                metrics::kind(name),
                letters.as_str()
            )
        };
        all().iter().map(row).collect()
    }

    #[test]
    fn the_page_about_metrics_lists_those_that_there_are() {
        let page = include_str!("../../docs/metrics.md");
        let listed: String = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(listed, table(), "put these rows into docs/metrics.md");
    }

    #[test]
    fn a_metric_s_kind_is_the_one_that_its_name_says() {
        for metric in metrics::METRICS {
            assert_eq!(metrics::kind(metric.name), metric.kind, "{}", metric.name);
        }
    }
}

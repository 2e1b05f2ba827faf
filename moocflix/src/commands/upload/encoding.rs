//! Shows the progress of encoding: a bar for each rendition on a terminal, otherwise a line now and then.

use super::lecture::{Lecture, RenditionState};
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// The time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Steps of a bar.
const STEPS: u64 = 1_000;

/// The progress of one lecture. Dropped before its end, it leaves its bars as they were last seen.
pub(super) struct Encoding(View);

enum View {
    Bars {
        all: MultiProgress,
        total: Option<ProgressBar>,
        renditions: BTreeMap<String, ProgressBar>,
    },
    Lines {
        last: Option<Instant>,
        shown: String,
    },
}

impl Encoding {
    pub(super) fn new() -> Self {
        Self(if stderr().is_terminal() {
            View::Bars {
                all: MultiProgress::new(),
                total: None,
                renditions: BTreeMap::new(),
            }
        } else {
            View::Lines {
                last: None,
                shown: String::new(),
            }
        })
    }

    /// Shows the current progress.
    pub(super) fn show(&mut self, lecture: &Lecture) {
        match &mut self.0 {
            View::Bars { all, total, renditions } => {
                for one in &lecture.renditions {
                    let bar = renditions
                        .entry(one.name.clone())
                        .or_insert_with(|| all.add(bar(&one.name)));
                    bar.set_position(steps(one.progress));
                    bar.set_message(one.state.clone());
                }
                if total.is_none() && !lecture.renditions.is_empty() {
                    *total = Some(all.add(bar("total")));
                }
                if let Some(total) = total {
                    total.set_position(steps(lecture.progress));
                    total.set_message(time_left(lecture).unwrap_or_default());
                }
            }
            View::Lines { last, shown } => {
                let due = last.is_none_or(|last| last.elapsed() >= LINE_EVERY);
                let text = summary(lecture);
                if due && text != *shown && !lecture.renditions.is_empty() {
                    line(&text);
                    (*last, *shown) = (Some(Instant::now()), text);
                }
            }
        }
    }

    /// Shows that the lecture is complete.
    pub(super) fn finish(&mut self, lecture: &Lecture) {
        if let View::Bars { renditions, .. } = &self.0
            && !renditions.is_empty()
        {
            self.show(lecture);
        } else if let View::Lines { last: Some(_), .. } = &self.0 {
            line("100 % encoded");
        }
        self.stop();
    }

    /// Leaves the last progress on the terminal.
    pub(super) fn stop(&mut self) {
        if let View::Bars { total, renditions, .. } = &self.0 {
            for bar in renditions.values().chain(total) {
                bar.abandon();
            }
        }
    }

    /// Writes something between the bars.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            View::Bars { all, .. } => all.suspend(write),
            View::Lines { .. } => write(),
        }
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        if let View::Bars { all, .. } = &self.0 {
            // each bar would draw once more, over what the terminal has written below them
            all.set_draw_target(ProgressDrawTarget::hidden());
        }
    }
}

fn bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new(STEPS).with_prefix(name.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{prefix:>8} {bar:20} {percent:>3} %  {wide_msg}") {
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar
}

/// `45 % encoded, about 3 minutes left (720p 12 %, 240p 100 %)`
fn summary(lecture: &Lecture) -> String {
    let one = |it: &RenditionState| match it.state.as_str() {
        "failed" => format!("{} failed", it.name),
        _ => format!("{} {} %", it.name, percent(it.progress)),
    };
    let renditions: Vec<String> = lecture.renditions.iter().map(one).collect();
    let left = time_left(lecture).map_or_else(String::new, |left| format!(", {left}"));
    let done = percent(lecture.progress);
    format!("{done} % encoded{left} ({})", renditions.join(", "))
}

fn time_left(lecture: &Lecture) -> Option<String> {
    let left = lecture.time_left.filter(|seconds| *seconds > 0)?;
    Some(format!("about {} left", HumanDuration(Duration::from_secs(left))))
}

fn percent(share: f64) -> u64 {
    steps(share) / 10
}

/// A share in thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped to 0 to 1000"
)]
fn steps(share: f64) -> u64 {
    (share * 1_000.0).round().clamp(0.0, 1_000.0) as u64
}

fn line(text: &str) {
    // progress that cannot be written is no reason to stop
    let _ = writeln!(stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_total_the_time_left_and_each_rendition() {
        let rendition = |name: &str, state: &str, progress| RenditionState {
            name: name.to_owned(),
            state: state.to_owned(),
            progress,
        };
        let mut lecture = Lecture {
            status: "playable".to_owned(),
            reason: None,
            progress: 0.456,
            time_left: Some(180),
            renditions: vec![
                rendition("720p", "encoding", 0.129),
                rendition("360p", "failed", 0.4),
                rendition("240p", "ready", 1.0),
            ],
        };
        let line = "45 % encoded, about 3 minutes left (720p 12 %, 360p failed, 240p 100 %)";
        assert_eq!(summary(&lecture), line);
        for unknown in [None, Some(0)] {
            lecture.time_left = unknown;
            assert!(summary(&lecture).starts_with("45 % encoded (720p"));
        }
    }
}

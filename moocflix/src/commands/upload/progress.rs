//! Shows the progress of an upload: a bar on a terminal, otherwise a line now and then.

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of one upload; clones share it.
#[derive(Clone)]
pub(super) struct UploadProgress {
    bar: ProgressBar,
    /// The bytes sent, which the watch for stalls reads.
    sent: Arc<AtomicU64>,
    lines: Option<Lines>,
}

#[derive(Clone)]
struct Lines {
    begun: Instant,
    /// When the last line was written, in milliseconds since the start.
    last: Arc<AtomicU64>,
}

impl UploadProgress {
    pub(super) fn new(length: u64) -> Self {
        let terminal = stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let form = "{bar:32} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        let lines = (!terminal).then(|| Lines {
            begun: Instant::now(),
            last: Arc::default(),
        });
        Self {
            bar,
            sent: Arc::default(),
            lines,
        }
    }

    /// Shows where an upload resumes; bytes sent before do not count as speed.
    pub(super) fn resume(&self, offset: u64) {
        self.sent.store(offset, Ordering::Relaxed);
        self.bar.set_position(offset);
        self.bar.reset_eta();
        self.bar.set_message("");
        if offset > 0 && self.lines.is_some() {
            line(&format!("resuming at {}", HumanBytes(offset)));
        }
    }

    /// Shows how many bytes have been sent.
    pub(super) fn at(&self, offset: u64) {
        self.sent.store(offset, Ordering::Relaxed);
        self.bar.set_position(offset);
        let Some(lines) = &self.lines else { return };
        let now = u64::try_from(lines.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = lines.last.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= u64::try_from(LINE_EVERY.as_millis()).unwrap_or(u64::MAX);
        if due
            && lines
                .last
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let length = self.bar.length().unwrap_or_default();
            let percent = offset.saturating_mul(100).checked_div(length).unwrap_or_default();
            let left = HumanDuration(self.bar.eta());
            line(&format!(
                "{percent} %, {} of {}, {left} left",
                HumanBytes(offset),
                HumanBytes(length)
            ));
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Shows why the upload waits.
    pub(super) fn waits(&self, why: &str) {
        if self.lines.is_some() {
            line(why);
        } else {
            self.bar.set_message(why.to_owned());
        }
    }

    pub(super) fn done(&self) {
        self.bar.finish();
        if let Some(lines) = &self.lines {
            let length = HumanBytes(self.bar.length().unwrap_or_default());
            line(&format!(
                "100 %, {length} in {:.1} s",
                lines.begun.elapsed().as_secs_f64()
            ));
        }
    }
}

fn line(text: &str) {
    // progress that cannot be written is no reason to stop
    let _ = writeln!(stderr(), "{text}");
}

//! Shows the progress of an upload: a bar on a terminal, otherwise a line now and then.

mod pace;

use self::pace::Pace;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// What a bar consists of.
const BLOCKS: &str = "█▉▊▋▌▍▎▏ ";
/// Each form takes one row of a terminal, also of a narrow one.
const SENDING: &str = "{wide_bar} {percent:>3} %  {bytes} of {total_bytes}{pace}";
const WAITING: &str = "{bar:12} {percent:>3} %  {wide_msg}";

/// The progress of one upload; clones share it.
#[derive(Clone)]
pub(super) struct UploadProgress {
    bar: ProgressBar,
    begun: Instant,
    pace: Arc<Mutex<Pace>>,
    /// The bytes sent, which the watch for stalls reads.
    sent: Arc<AtomicU64>,
    lines: Option<Lines>,
}

#[derive(Clone)]
struct Lines {
    /// When the last line was written, in milliseconds since the start.
    last: Arc<AtomicU64>,
}

/// Lets go of the terminal when it is dropped; an unfinished bar stays as it was last seen.
///
/// A request that is given up holds its progress for a moment longer, and would draw over what is written meanwhile.
/// Nothing is taken away either: the terminal has written `^C` below, and what is below is unknown.
pub(super) struct BarOnTerminal(ProgressBar);

impl Drop for BarOnTerminal {
    fn drop(&mut self) {
        if !self.0.is_finished() {
            self.0.set_draw_target(ProgressDrawTarget::hidden());
        }
    }
}

impl UploadProgress {
    /// The progress of an upload, and the bar that shows it.
    pub(super) fn new(length: u64) -> (Self, BarOnTerminal) {
        let terminal = stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let begun = Instant::now();
        let progress = Self {
            bar: bar.clone(),
            begun,
            pace: Arc::new(Mutex::new(Pace::starting(begun))),
            sent: Arc::default(),
            lines: (!terminal).then(|| Lines { last: Arc::default() }),
        };
        progress.set_form(SENDING);
        (progress, BarOnTerminal(bar))
    }

    fn set_form(&self, form: &str) {
        let (begun, pace) = (self.begun, Arc::clone(&self.pace));
        let shown = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let text = if state.is_finished() {
                format!("  in {:.1} s", begun.elapsed().as_secs_f64())
            } else {
                speed_and_rest(&locked(&pace), Instant::now(), state)
            };
            // a row that cannot be put together is left as it is
            let _ = out.write_str(&text);
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            self.bar.set_style(style.with_key("pace", shown).progress_chars(BLOCKS));
        }
    }

    /// Shows where an upload resumes; bytes sent before do not count as speed.
    pub(super) fn resume(&self, offset: u64) {
        *locked(&self.pace) = Pace::starting(Instant::now());
        self.sent.store(offset, Ordering::Relaxed);
        self.set_form(SENDING);
        self.bar.set_position(offset);
        if offset > 0 && self.lines.is_some() {
            line(&format!("resuming at {}", HumanBytes(offset)));
        }
    }

    /// Shows how many bytes have been sent.
    pub(super) fn at(&self, offset: u64) {
        let now = Instant::now();
        self.sent.store(offset, Ordering::Relaxed);
        locked(&self.pace).note(now, offset);
        self.bar.set_position(offset);
        if self.lines.as_ref().is_some_and(|lines| lines.is_due(self.begun, now)) {
            let length = self.bar.length().unwrap_or_default();
            let percent = offset.saturating_mul(100).checked_div(length).unwrap_or_default();
            let left = locked(&self.pace).left(now, offset, length);
            let left = left.map_or_else(String::new, |left| format!(", {} left", HumanDuration(left)));
            line(&format!(
                "{percent} %, {} of {}{left}",
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
            self.set_form(WAITING);
            self.bar.set_message(why.to_owned());
        }
    }

    pub(super) fn done(&self) {
        self.set_form(SENDING);
        self.bar.finish();
        if self.lines.is_some() {
            let length = HumanBytes(self.bar.length().unwrap_or_default());
            line(&format!(
                "100 %, {length} in {:.1} s",
                self.begun.elapsed().as_secs_f64()
            ));
        }
    }
}

impl Lines {
    /// Whether it is time for the next line, which is then the caller's to write.
    fn is_due(&self, begun: Instant, now: Instant) -> bool {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = milliseconds(now.saturating_duration_since(begun));
        let last = self.last.load(Ordering::Relaxed);
        let taken = || {
            self.last
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        now.saturating_sub(last) >= milliseconds(LINE_EVERY) && taken().is_ok()
    }
}

/// `  3.00 MiB/s  12s left`, as far as it is known
fn speed_and_rest(pace: &Pace, now: Instant, state: &ProgressState) -> String {
    let (position, length) = (state.pos(), state.len().unwrap_or_default());
    let speed = pace.speed(now, position);
    let speed = speed.map_or_else(String::new, |speed| format!("  {}/s", HumanBytes(speed)));
    let left = pace.left(now, position, length);
    left.map_or_else(
        || speed.clone(),
        |left| format!("{speed}  {:#} left", HumanDuration(left)),
    )
}

fn locked(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(text: &str) {
    // progress that cannot be written is no reason to stop
    let _ = writeln!(stderr(), "{text}");
}

//! What a connection is doing, kept so that it is noticed when it has been silent for too long, and what its driver is asked
//! to do.

use super::ServerLimits;
use futures::task::AtomicWaker;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// Nothing of a request's head has come yet.
const NO_HEAD: u64 = u64::MAX;
/// How many bytes may come before they are the head of a request; any head that is served is half as long.
const HEAD_BYTES: usize = 64 * 1_024;
/// How long a ping of HTTP/2 and its answer are. Both are written while nothing is asked, and keep no connection.
const PING_BYTES: usize = 17;

/// One connection's state, written by its socket, its requests and its answers.
pub(super) struct Watch {
    started: Instant,
    running: AtomicUsize,
    served: AtomicUsize,
    /// When the first byte of the head that is being read came, in milliseconds since the start.
    head_since: AtomicU64,
    /// How many bytes of it have come.
    head_bytes: AtomicUsize,
    /// When a request began or ended, or a byte that is not of a ping could be written, last.
    active_at: AtomicU64,
    /// Whether the socket takes no more bytes.
    blocked: AtomicBool,
    multiplexed: AtomicBool,
    unread: AtomicBool,
    answers: Mutex<Vec<Weak<Answer>>>,
    /// What the driver is asked to do and has not looked at yet, a bit each.
    wishes: AtomicU8,
    driver: AtomicWaker,
}

/// How one answer of a multiplexed connection gets on.
pub(super) struct Answer {
    /// When a piece was handed to the connection that has not asked for the next; 0 while it has.
    handed_at: AtomicU64,
}

impl Answer {
    /// The next piece is asked for.
    pub(super) fn asked(&self) {
        self.handed_at.store(0, Ordering::Relaxed);
    }
}

/// What the driver of a connection is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Judge the connection: its time seems to be over.
    Judge = 1,
    /// Answer what was asked, then end.
    Finish = 2,
    /// End at once.
    Cut = 4,
}

/// What the driver does with the connection now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is due before this moment.
    Until(Instant),
    /// It has been idle.
    Idle,
    /// The head of a request did not come to its end.
    HeadTimedOut,
    /// Nobody reads the answer.
    Stalled,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            running: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            head_since: AtomicU64::new(NO_HEAD),
            head_bytes: AtomicUsize::new(0),
            active_at: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            answers: Mutex::new(Vec::new()),
            wishes: AtomicU8::new(0),
            driver: AtomicWaker::new(),
        })
    }

    /// Asks the driver to do something.
    pub(super) fn wish(&self, wish: Wish) {
        self.wishes.fetch_or(wish as u8, Ordering::AcqRel);
        self.driver.wake();
    }

    /// Takes the most urgent wish; if there is none, the next one wakes the driver.
    pub(super) fn take_wish(&self, driver: &Waker) -> Option<Wish> {
        self.driver.register(driver);
        let wishes = self.wishes.load(Ordering::Acquire);
        let wish = [Wish::Cut, Wish::Finish, Wish::Judge]
            .into_iter()
            .find(|wish| wishes & *wish as u8 != 0)?;
        self.wishes.fetch_and(!(wish as u8), Ordering::AcqRel);
        Some(wish)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(NO_HEAD - 1)
    }

    /// Bytes came in.
    pub(super) fn has_read(&self, bytes: usize) {
        if self.running.load(Ordering::Relaxed) > 0 {
            return;
        }
        if self.head_since.load(Ordering::Relaxed) == NO_HEAD {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
        if !self.multiplexed.load(Ordering::Relaxed) {
            self.head_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Whether more bytes have come than a head may have, and they are no head yet.
    ///
    /// One read may bring a head and much of its body, so this counts before the next read.
    pub(super) fn head_is_too_large(&self) -> bool {
        self.head_bytes.load(Ordering::Relaxed) > HEAD_BYTES
    }

    /// Bytes went out.
    pub(super) fn has_written(&self, bytes: usize) {
        let is_idle = self.multiplexed.load(Ordering::Relaxed) && self.running.load(Ordering::Relaxed) == 0;
        if bytes > PING_BYTES || !is_idle {
            self.is_active();
        }
        self.blocked.store(false, Ordering::Relaxed);
    }

    fn is_active(&self) {
        self.active_at.store(self.now(), Ordering::Relaxed);
    }

    /// Bytes wait until the client reads.
    pub(super) fn is_blocked(&self) {
        self.blocked.store(true, Ordering::Relaxed);
    }

    /// The head of a request is complete; the request runs until the value is dropped.
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(NO_HEAD, Ordering::Relaxed);
        self.head_bytes.store(0, Ordering::Relaxed);
        self.is_active();
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        Running {
            watch: Arc::clone(self),
        }
    }

    /// The rest of a body was left unread: the socket is closed with care.
    pub(super) fn leaves_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn left_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// An answer on a multiplexed connection, where the socket alone does not show a stall.
    pub(super) fn answer(&self) -> Arc<Answer> {
        let answer = Arc::new(Answer {
            handed_at: AtomicU64::new(0),
        });
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|answer| answer.strong_count() > 0);
        answers.push(Arc::downgrade(&answer));
        answer
    }

    /// A piece of an answer was handed over.
    pub(super) fn handed(&self, answer: &Answer) {
        answer.handed_at.store(self.now().max(1), Ordering::Relaxed);
    }

    /// Looks at the state and the limits.
    pub(super) fn judge(&self, limits: &ServerLimits) -> Verdict {
        if !self.blocked.load(Ordering::Relaxed) {
            return self.judge_requests(limits);
        }
        let since = self.active_at.load(Ordering::Relaxed);
        match self.after(since, limits.write_timeout, Verdict::Stalled) {
            Verdict::Until(due) if self.running.load(Ordering::Relaxed) > 0 => match self.judge_answers(limits) {
                Verdict::Until(next) => Verdict::Until(next.min(due)),
                verdict => verdict,
            },
            verdict => verdict,
        }
    }

    fn judge_requests(&self, limits: &ServerLimits) -> Verdict {
        let running = self.running.load(Ordering::Relaxed);
        if running > 0 {
            return self.judge_answers(limits);
        }
        let multiplexed = self.multiplexed.load(Ordering::Relaxed);
        let head_since = self.head_since.load(Ordering::Relaxed);
        let first = self.served.load(Ordering::Relaxed) == 0;
        if !multiplexed && (first || head_since != NO_HEAD) {
            let since = if first { 0 } else { head_since };
            // Who sent nothing at all (a browser that connects ahead) would not understand a 408.
            let verdict = if head_since == NO_HEAD {
                Verdict::Idle
            } else {
                Verdict::HeadTimedOut
            };
            return self.after(since, limits.header_timeout, verdict);
        }
        self.after(
            self.active_at.load(Ordering::Relaxed),
            limits.idle_timeout,
            Verdict::Idle,
        )
    }

    fn judge_answers(&self, limits: &ServerLimits) -> Verdict {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let handed = answers
            .iter()
            .filter_map(Weak::upgrade)
            .map(|answer| answer.handed_at.load(Ordering::Relaxed));
        match handed.filter(|at| *at > 0).min() {
            Some(oldest) => self.after(oldest, limits.write_timeout, Verdict::Stalled),
            None => Verdict::Until(Instant::now() + limits.write_timeout / 2),
        }
    }

    fn after(&self, since: u64, limit: Duration, verdict: Verdict) -> Verdict {
        let due = self.started + Duration::from_millis(since) + limit;
        if due <= Instant::now() {
            verdict
        } else {
            Verdict::Until(due)
        }
    }
}

/// A request that runs.
pub(super) struct Running {
    watch: Arc<Watch>,
}

impl Running {
    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.is_active();
        self.watch.running.fetch_sub(1, Ordering::Relaxed);
    }
}

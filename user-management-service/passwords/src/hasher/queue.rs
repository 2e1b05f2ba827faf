//! The queue before the workers: accounts take turns, and among those the networks.
//!
//! A crowd on one account, or from one network, waits behind itself and not before everybody else. When the queue is
//! full, the one who would be served last leaves it.
//!
//! A worker goes on with the next job by itself. If it gave itself back after each job, it would stand still until the next
//! one's task was woken and had found a thread.
//!
//! Source: P. Goyal, H. Vin, H. Cheng, Start-time Fair Queueing (1996), with all requests of one length

use crate::attempt::Attempt;
use crate::metric;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many requests may wait for each worker: so many that a place is served before its owner's patience ends.
pub(super) const PLACES: usize = 256;
/// Further workers add no places: memory limits what many of them do at once.
const MOST_COUNTED: usize = 8;
/// How many of them may be tries on one account from one network.
pub(super) const PLACES_OF_ONE: usize = 4;

/// What a worker does for one attempt.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The same client has too many tries on the same account in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

/// The queue; clones share it.
#[derive(Clone)]
pub(super) struct Queue {
    state: Arc<Mutex<State>>,
}

struct State {
    places: usize,
    free: usize,
    next: u64,
    /// The virtual times of accounts and of networks: the latest start that was served.
    now: (u64, u64),
    running: Vec<Ticket>,
    waiting: Vec<Waiting>,
}

/// Who waits or is served.
#[derive(Clone)]
struct Ticket {
    number: u64,
    account: String,
    network: String,
    /// The virtual times at which it is its account's turn and its network's.
    start: (u64, u64),
}

struct Waiting {
    ticket: Ticket,
    job: Job,
}

/// A worker with the job of the one whose turn it is; the worker is free again when this is dropped.
pub(super) struct Turn {
    queue: Queue,
    number: u64,
    job: Option<Job>,
}

/// A place in the queue; it is given up even if the client disconnects while waiting.
pub(super) struct QueuePlace {
    queue: Queue,
    number: u64,
}

impl Queue {
    pub(super) fn new(workers: usize) -> Self {
        let state = State {
            places: PLACES * workers.clamp(1, MOST_COUNTED),
            free: workers,
            next: 0,
            now: (0, 0),
            running: Vec::new(),
            waiting: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Whether an attempt that came now would get a place.
    pub(super) fn has_room(&self, attempt: &Attempt) -> bool {
        self.state().has_room(attempt)
    }

    /// Takes a place for a job; the second value is the turn of whoever is first, if there is a free worker. A job that is
    /// dropped has left the queue without a turn.
    ///
    /// Errors: `Crowded`
    pub(super) fn enter(&self, attempt: &Attempt, job: Job) -> Result<(QueuePlace, Option<Turn>), Crowded> {
        let number = self.state().enter(attempt, job)?;
        let turn = self.next_turn();
        self.show();
        let queue = self.clone();
        Ok((QueuePlace { queue, number }, turn))
    }

    /// Gives a free worker to the one whose turn it is.
    fn next_turn(&self) -> Option<Turn> {
        let first = self.state().take_first()?;
        Some(Turn {
            queue: self.clone(),
            number: first.ticket.number,
            job: Some(first.job),
        })
    }

    fn show(&self) {
        let waiting = u32::try_from(self.waiting()).unwrap_or(u32::MAX);
        metrics::gauge!(metric::PASSWORD_HASH_WAITING).set(waiting);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, attempt: &Attempt, job: Job) -> Result<u64, Crowded> {
        let is_own = |it: &&Waiting| it.ticket.account == attempt.account && it.ticket.network == attempt.network;
        if self.waiting.iter().filter(is_own).count() >= PLACES_OF_ONE {
            return Err(Crowded);
        }
        let ticket = self.ticket(attempt);
        self.next += 1;
        let number = ticket.number;
        self.waiting.push(Waiting { ticket, job });
        if self.waiting.len() > self.places {
            // It may be the one who has just come.
            let last = self.waiting.iter().map(|it| it.ticket.rank()).max();
            self.waiting.retain(|it| Some(it.ticket.rank()) != last);
        }
        Ok(number)
    }

    /// The ticket that an attempt gets.
    fn ticket(&self, attempt: &Attempt) -> Ticket {
        let all = || self.running.iter().chain(self.waiting.iter().map(|it| &it.ticket));
        let of_account = all()
            .filter(|it| it.account == attempt.account)
            .map(|it| it.start.0 + 1);
        let of_network = all()
            .filter(|it| it.network == attempt.network)
            .map(|it| it.start.1 + 1);
        Ticket {
            number: self.next,
            account: attempt.account.clone(),
            network: attempt.network.clone(),
            start: (
                of_account.max().unwrap_or_default().max(self.now.0),
                of_network.max().unwrap_or_default().max(self.now.1),
            ),
        }
    }

    /// Whether an attempt would not leave the queue as soon as it came.
    fn has_room(&self, attempt: &Attempt) -> bool {
        if self.waiting.len() < self.places {
            return true;
        }
        let rank = self.ticket(attempt).rank();
        self.waiting.iter().any(|it| it.ticket.rank() > rank)
    }

    fn take_first(&mut self) -> Option<Waiting> {
        let first = self.waiting.iter().map(|it| it.ticket.rank()).min();
        let first = first.filter(|_| self.free > 0)?;
        let at = self.waiting.iter().position(|it| it.ticket.rank() == first)?;
        let first = self.waiting.remove(at);
        let (account, network) = first.ticket.start;
        self.now = (self.now.0.max(account), self.now.1.max(network));
        self.free -= 1;
        self.running.push(first.ticket.clone());
        Some(first)
    }
}

impl Ticket {
    /// The order in which tickets are served.
    fn rank(&self) -> ((u64, u64), u64) {
        (self.start, self.number)
    }
}

impl Turn {
    /// Does the job, and then those of all who wait, in their order.
    pub(super) fn work(self) {
        let mut turn = Some(self);
        while let Some(mut current) = turn {
            if let Some(job) = current.job.take() {
                job();
            }
            let queue = current.queue.clone();
            drop(current);
            turn = queue.next_turn();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.running.retain(|it| it.number != self.number);
        state.free += 1;
    }
}

impl QueuePlace {
    /// Leaves the queue; returns whether it was still waiting.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.queue.state();
        let before = state.waiting.len();
        state.waiting.retain(|it| it.ticket.number != self.number);
        let was_waiting = state.waiting.len() < before;
        drop(state);
        self.queue.show();
        was_waiting
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use std::sync::mpsc::{Receiver, TryRecvError, channel};

    fn attempt(account: &str, host: u8) -> Attempt {
        Attempt::new(account, IpAddr::from([192, 0, 2, host]))
    }

    /// A place, and what its job sends; a job without a turn sends nothing and hangs up.
    type Entered = (QueuePlace, Receiver<()>);

    /// Enters a queue whose workers are all taken.
    fn enter(queue: &Queue, account: &str, host: u8) -> Entered {
        let (entered, turn) = come(queue, account, host);
        assert!(turn.is_none(), "{account} got a worker at once");
        entered
    }

    fn come(queue: &Queue, account: &str, host: u8) -> (Entered, Option<Turn>) {
        let (sender, done) = channel();
        let job = Box::new(move || {
            let _ = sender.send(());
        });
        let (place, turn) = queue.enter(&attempt(account, host), job).unwrap();
        ((place, done), turn)
    }

    /// A queue whose only worker is taken.
    fn taken(account: &str) -> (Queue, Turn) {
        let queue = Queue::new(1);
        let (_, turn) = come(&queue, account, 1);
        (queue, turn.unwrap())
    }

    /// Frees the worker of a turn for the next one, and says of which of these that is.
    fn next(queue: &Queue, ended: Turn, waiting: &[Entered]) -> (usize, Turn) {
        drop(ended);
        let turn = queue.next_turn().unwrap();
        let at = waiting.iter().position(|(place, _)| place.number == turn.number);
        (at.unwrap(), turn)
    }

    #[test]
    fn another_account_goes_before_the_rest_of_a_crowd() {
        let (queue, turn) = taken("crowd");
        let waiting = [
            enter(&queue, "crowd", 1),
            enter(&queue, "crowd", 2),
            enter(&queue, "other", 3),
        ];
        assert_eq!(next(&queue, turn, &waiting).0, 2, "the other account is first");
    }

    #[test]
    fn among_accounts_the_network_with_fewer_goes_first() {
        let (queue, turn) = taken("student 0");
        let mut waiting: Vec<Entered> = (1..20).map(|n| enter(&queue, &format!("student {n}"), 1)).collect();
        waiting.push(enter(&queue, "at home", 2));
        let (first, turn) = next(&queue, turn, &waiting);
        assert_eq!(first, 19, "whoever is at home doesn't wait for a lecture hall");
        assert_eq!(next(&queue, turn, &waiting).0, 0, "then the hall in its order");
    }

    #[test]
    fn a_worker_goes_on_until_nobody_waits_and_then_serves_whoever_comes() {
        let (queue, turn) = taken("ada");
        let waiting: Vec<Entered> = (1..20).map(|host| enter(&queue, "bob", host)).collect();
        turn.work();
        assert!(waiting.iter().all(|(_, done)| done.recv().is_ok()), "somebody was left");
        assert_eq!(queue.waiting(), 0);
        let (_, turn) = come(&queue, "eve", 1);
        assert!(turn.is_some(), "the worker is free again");
    }

    #[test]
    fn one_client_has_four_places_on_an_account() {
        let queue = Queue::new(0);
        let _kept: Vec<Entered> = (0..PLACES_OF_ONE).map(|_| enter(&queue, "crowd", 1)).collect();
        let crowded = queue.enter(&attempt("crowd", 1), Box::new(|| {}));
        assert_eq!(crowded.err(), Some(Crowded));
        let _elsewhere = enter(&queue, "crowd", 2);
        let _other = enter(&queue, "other", 1);
        assert_eq!(queue.waiting(), PLACES_OF_ONE + 2);
    }

    #[test]
    fn a_full_queue_sends_away_whoever_would_be_served_last() {
        let queue = Queue::new(0);
        assert!(queue.has_room(&attempt("guess", 1)));
        let crowd: Vec<Entered> = (0..PLACES).map(|n| enter(&queue, &format!("guess {n}"), 1)).collect();
        assert!(!queue.has_room(&attempt("guess", 1)) && queue.has_room(&attempt("other", 2)));
        let (_place, late) = enter(&queue, "guess", 1);
        assert_eq!(late.try_recv(), Err(TryRecvError::Disconnected));
        let (_other, other) = enter(&queue, "other", 2);
        assert_eq!(other.try_recv(), Err(TryRecvError::Empty), "another network stays");
        let (_, last) = crowd.last().unwrap();
        assert_eq!(last.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(queue.waiting(), PLACES);
    }

    #[test]
    fn whoever_leaves_gives_up_the_place_and_whoever_is_served_has_none_to_leave() {
        let queue = Queue::new(1);
        let ((served, _), turn) = come(&queue, "ada", 1);
        assert!(!served.leave(), "its turn has come");
        let (place, _done) = enter(&queue, "bob", 1);
        assert!(place.leave());
        assert!(!place.leave(), "it has left before");
        let gone = enter(&queue, "bob", 1);
        assert_eq!(queue.waiting(), 1);
        drop(gone);
        assert_eq!(queue.waiting(), 0);
        drop(turn);
        let (_, turn) = come(&queue, "eve", 1);
        assert!(turn.is_some(), "the worker is free again");
    }
}

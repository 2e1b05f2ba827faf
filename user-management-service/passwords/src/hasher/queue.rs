//! The queue before the workers: accounts take turns, and among those the networks.
//!
//! A crowd on one account, or from one network, waits behind itself and not before everybody else. When the queue is
//! full, the one who would be served last leaves it.
//!
//! Source: P. Goyal, H. Vin, H. Cheng, Start-time Fair Queueing (1996), with all requests of one length

use crate::attempt::Attempt;
use crate::metric;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How many requests may wait for each worker: so many that a place is served before its owner's patience ends.
pub(super) const PLACES: usize = 256;
/// Further workers add no places: memory limits what many of them do at once.
const MOST_COUNTED: usize = 8;
/// How many of them may be tries on one account from one network.
pub(super) const PLACES_OF_ONE: usize = 4;

/// Why a request gets no worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// The queue is full, or the wait took too long.
    Busy,
    /// The same client has too many tries on the same account in the queue.
    Crowded,
}

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
    turn: oneshot::Sender<Turn>,
}

/// A worker; it is free again when this is dropped.
pub(super) struct Turn {
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

    /// Waits for a worker, at most for `patience`.
    pub(super) async fn turn(&self, attempt: &Attempt, patience: Duration) -> Result<Turn, NoTurn> {
        let (place, turn) = self.enter(attempt)?;
        match tokio::time::timeout(patience, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                drop(place);
                Err(NoTurn::Busy)
            }
        }
    }

    /// Whether an attempt that came now would get a place.
    pub(super) fn has_room(&self, attempt: &Attempt) -> bool {
        self.state().has_room(attempt)
    }

    /// Takes a place; the second value is the worker, when it is this place's turn.
    fn enter(&self, attempt: &Attempt) -> Result<(QueuePlace, oneshot::Receiver<Turn>), NoTurn> {
        let (sender, receiver) = oneshot::channel();
        let number = self.state().enter(attempt, sender)?;
        self.serve();
        self.show();
        let queue = self.clone();
        Ok((QueuePlace { queue, number }, receiver))
    }

    /// Gives free workers to those whose turn it is.
    fn serve(&self) {
        loop {
            let Some(first) = self.state().take_first() else { return };
            let turn = Turn {
                queue: self.clone(),
                number: first.ticket.number,
            };
            // Whoever has gone meanwhile drops the turn, which frees the worker.
            drop(first.turn.send(turn));
        }
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
    fn enter(&mut self, attempt: &Attempt, turn: oneshot::Sender<Turn>) -> Result<u64, NoTurn> {
        let is_own = |it: &&Waiting| it.ticket.account == attempt.account && it.ticket.network == attempt.network;
        if self.waiting.iter().filter(is_own).count() >= PLACES_OF_ONE {
            return Err(NoTurn::Crowded);
        }
        let ticket = self.ticket(attempt);
        self.next += 1;
        let number = ticket.number;
        self.waiting.push(Waiting { ticket, turn });
        if self.waiting.len() > self.places {
            // Its owner sees the dropped sender; it may be the one who has just come.
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

/// A place in the queue; it is given up even if the client disconnects while waiting.
struct QueuePlace {
    queue: Queue,
    number: u64,
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.queue.state().waiting.retain(|it| it.ticket.number != self.number);
        self.queue.show();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.running.retain(|it| it.number != self.number);
        state.free += 1;
        drop(state);
        self.queue.serve();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn attempt(account: &str, host: u8) -> Attempt {
        Attempt::new(account, IpAddr::from([192, 0, 2, host]))
    }

    type Entered = (QueuePlace, oneshot::Receiver<Turn>);

    fn enter(queue: &Queue, account: &str, host: u8) -> Entered {
        queue.enter(&attempt(account, host)).ok().unwrap()
    }

    /// Which of the waiting is served; its turn ends at once.
    fn served(waiting: &mut [Entered]) -> Option<usize> {
        waiting.iter_mut().position(|(_, turn)| turn.try_recv().is_ok())
    }

    #[test]
    fn another_account_goes_before_the_rest_of_a_crowd() {
        let queue = Queue::new(1);
        let (_place, mut turn) = enter(&queue, "crowd", 1);
        let turn = turn.try_recv().unwrap();
        let mut waiting = vec![
            enter(&queue, "crowd", 1),
            enter(&queue, "crowd", 2),
            enter(&queue, "other", 3),
        ];
        assert_eq!(served(&mut waiting), None, "the only worker is taken");
        drop(turn);
        let (_, turn) = &mut waiting[2];
        assert!(turn.try_recv().is_ok(), "the other account is first");
    }

    #[test]
    fn among_accounts_the_network_with_fewer_goes_first() {
        let queue = Queue::new(1);
        let (_place, mut turn) = enter(&queue, "student 0", 1);
        let turn = turn.try_recv().unwrap();
        let mut hall: Vec<Entered> = (1..20).map(|n| enter(&queue, &format!("student {n}"), 1)).collect();
        let (_home, mut at_home) = enter(&queue, "at home", 2);
        drop(turn);
        assert!(
            at_home.try_recv().is_ok(),
            "whoever is at home doesn't wait for a lecture hall"
        );
        assert_eq!(served(&mut hall), Some(0), "then the hall in its order");
    }

    #[test]
    fn one_client_has_four_places_on_an_account() {
        let queue = Queue::new(0);
        let _kept: Vec<Entered> = (0..PLACES_OF_ONE).map(|_| enter(&queue, "crowd", 1)).collect();
        assert_eq!(queue.enter(&attempt("crowd", 1)).err(), Some(NoTurn::Crowded));
        let _elsewhere = enter(&queue, "crowd", 2);
        let _other = enter(&queue, "other", 1);
        assert_eq!(queue.waiting(), PLACES_OF_ONE + 2);
    }

    #[test]
    fn a_full_queue_sends_away_whoever_would_be_served_last() {
        let queue = Queue::new(0);
        assert!(queue.has_room(&attempt("guess", 1)));
        let mut crowd: Vec<Entered> = (0..PLACES).map(|n| enter(&queue, &format!("guess {n}"), 1)).collect();
        assert!(!queue.has_room(&attempt("guess", 1)) && queue.has_room(&attempt("other", 2)));
        let (_place, mut late) = enter(&queue, "guess", 1);
        assert!(
            late.try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        let (_other, mut other) = enter(&queue, "other", 2);
        assert_eq!(
            other.try_recv().err(),
            Some(oneshot::error::TryRecvError::Empty),
            "another network stays"
        );
        let (_, last) = crowd.last_mut().unwrap();
        assert_eq!(last.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert_eq!(queue.waiting(), PLACES);
    }

    #[tokio::test]
    async fn whoever_waits_too_long_or_leaves_gives_up_the_place_and_the_worker() {
        let queue = Queue::new(1);
        let brief = Duration::from_millis(10);
        let turn = queue.turn(&attempt("ada", 1), brief).await.ok().unwrap();
        assert_eq!(queue.turn(&attempt("bob", 1), brief).await.err(), Some(NoTurn::Busy));
        let gone = enter(&queue, "bob", 1);
        assert_eq!(queue.waiting(), 1);
        drop(turn);
        drop(gone);
        assert_eq!(queue.waiting(), 0);
        assert!(
            queue.turn(&attempt("eve", 1), brief).await.is_ok(),
            "the worker is free again"
        );
    }
}

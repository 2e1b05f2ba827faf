//! Questions that come at the same time, asked as one.

use crate::Spawner;
use backing::DbError;
use futures::future::BoxFuture;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How many questions are asked as one.
const MOST: usize = 64;
/// For how long the next questions wait for the answers to those before.
const SLOW: Duration = Duration::from_millis(50);

type Answer<A> = Result<A, DbError>;
type Ask<Q, A> = dyn Fn(Vec<Q>) -> BoxFuture<'static, Answer<Vec<A>>> + Send + Sync;

/// Asks one question for all who come while the one before is on its way, so that many who come together share a statement or
/// a transaction, and somebody who comes alone waits for nobody. Clones share their questions.
///
/// The question goes on when somebody who asked has gone.
pub struct Gather<Q, A> {
    spawner: Spawner,
    ask: Arc<Ask<Q, A>>,
    waiting: Arc<Mutex<Waiting<Q, A>>>,
}

struct Waiting<Q, A> {
    questions: VecDeque<(Q, oneshot::Sender<Answer<A>>)>,
    /// Whether somebody will ask these questions.
    is_taken_care_of: bool,
}

/// The duty to ask those that wait next.
struct Turn<Q: Send + 'static, A: Send + 'static>(Gather<Q, A>);

impl<Q, A> Clone for Gather<Q, A> {
    fn clone(&self) -> Self {
        Self {
            spawner: self.spawner.clone(),
            ask: Arc::clone(&self.ask),
            waiting: Arc::clone(&self.waiting),
        }
    }
}

impl<Q, A> std::fmt::Debug for Gather<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gather")
    }
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// `ask` answers some questions: with one answer each, in their order, or with one error for all of them.
    #[must_use]
    pub fn new(
        spawner: Spawner,
        ask: impl Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, DbError>> + Send + Sync + 'static,
    ) -> Self {
        let waiting = Waiting {
            questions: VecDeque::new(),
            is_taken_care_of: false,
        };
        Self {
            spawner,
            ask: Arc::new(ask),
            waiting: Arc::new(Mutex::new(waiting)),
        }
    }

    /// The answer to one question.
    pub async fn ask(&self, question: Q) -> Result<A, DbError> {
        let (asker, answer) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            waiting.questions.push_back((question, asker));
            !std::mem::replace(&mut waiting.is_taken_care_of, true)
        };
        if is_first {
            self.ask_next();
        }
        let given_up = || DbError::Unavailable("the question was given up".to_owned());
        answer.await.unwrap_or_else(|_| Err(given_up()))
    }

    /// Asks what waits, in a task of its own.
    fn ask_next(&self) {
        let mut waiting = self.waiting();
        waiting.questions.retain(|(_, asker)| !asker.is_closed());
        let most = waiting.questions.len().min(MOST);
        let next: Vec<_> = waiting.questions.drain(..most).collect();
        // While the runtime goes down nothing can be started, and nobody waits.
        let can_ask = !next.is_empty() && Handle::try_current().is_ok();
        waiting.is_taken_care_of = can_ask;
        drop(waiting);
        if can_ask {
            drop(self.spawner.run(Turn(self.clone()).answer(next)));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<Q, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Send + 'static, A: Send + 'static> Turn<Q, A> {
    async fn answer(self, next: Vec<(Q, oneshot::Sender<Answer<A>>)>) {
        let (questions, askers): (Vec<Q>, Vec<_>) = next.into_iter().unzip();
        let mut answers = pin!((self.0.ask)(questions));
        match timeout(SLOW, &mut answers).await {
            Ok(answers) => tell(askers, answers),
            Err(_) => {
                drop(self);
                tell(askers, answers.await);
            }
        }
    }
}

impl<Q: Send + 'static, A: Send + 'static> Drop for Turn<Q, A> {
    fn drop(&mut self) {
        self.0.ask_next();
    }
}

/// Tells each asker its answer; some may have gone.
fn tell<A>(askers: Vec<oneshot::Sender<Answer<A>>>, answers: Answer<Vec<A>>) {
    match answers {
        Ok(answers) => askers.into_iter().zip(answers).for_each(|(asker, answer)| {
            let _ = asker.send(Ok(answer));
        }),
        Err(error) => askers.into_iter().for_each(|asker| {
            let _ = asker.send(Err(error.retold()));
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::{join_all, select};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// How many questions came at once, each time.
    type Asked = Arc<Mutex<Vec<usize>>>;

    /// Doubles numbers, each time after a permit.
    fn doubling() -> (Gather<u32, u32>, Arc<Semaphore>, Asked) {
        let (permits, asked) = (Arc::new(Semaphore::new(0)), Asked::default());
        let of = (Arc::clone(&permits), Arc::clone(&asked));
        let gather = Gather::new(Spawner::new(), move |numbers: Vec<u32>| {
            let (permits, asked) = (Arc::clone(&of.0), Arc::clone(&of.1));
            async move {
                asked.lock().unwrap().push(numbers.len());
                permits.acquire().await.unwrap().forget();
                Ok(numbers.into_iter().map(|number| number * 2).collect())
            }
            .boxed()
        });
        (gather, permits, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_meanwhile_are_asked_together_and_each_gets_its_answer() {
        let (gather, permits, asked) = doubling();
        let others = async {
            tokio::time::sleep(SLOW / 2).await;
            permits.add_permits(3);
            join_all((2..=100).map(|number| gather.ask(number))).await
        };
        let (first, others) = tokio::join!(gather.ask(1), others);
        assert_eq!(first.unwrap(), 2);
        let others: Vec<u32> = others.into_iter().map(Result::unwrap).collect();
        assert_eq!(others, (2..=100).map(|number| number * 2).collect::<Vec<u32>>());
        assert_eq!(*asked.lock().unwrap(), [1, 64, 35]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_question_holds_up_only_those_it_was_asked_for() {
        let (gather, permits, asked) = doubling();
        let next = async {
            tokio::time::sleep(SLOW / 2).await;
            gather.ask(2).await
        };
        let both_are_asked = async {
            tokio::time::sleep(SLOW * 2).await;
            assert_eq!(*asked.lock().unwrap(), [1, 1]);
            permits.add_permits(2);
        };
        let (slow, next, ()) = tokio::join!(gather.ask(1), next, both_are_asked);
        assert_eq!((slow.unwrap(), next.unwrap()), (2, 4));
    }

    #[tokio::test]
    async fn who_leaves_takes_no_answer_from_others() {
        let (gather, permits, asked) = doubling();
        let leaves = Box::pin(gather.ask(1));
        let _ = select(leaves, tokio::task::yield_now().boxed()).await;
        let gone = Box::pin(gather.ask(2));
        let _ = select(gone, tokio::task::yield_now().boxed()).await;
        permits.add_permits(2);
        assert_eq!(gather.ask(3).await.unwrap(), 6);
        assert!(asked.lock().unwrap().len() <= 2, "nobody asks for who has gone");
    }

    #[tokio::test]
    async fn an_error_is_told_to_all_and_the_next_are_asked_again() {
        let tries = Arc::new(AtomicUsize::new(0));
        let gather = Gather::new(Spawner::new(), move |numbers: Vec<u32>| {
            let is_first = tries.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if is_first { Err(DbError::Full) } else { Ok(numbers) } }.boxed()
        });
        let failed = join_all((0..3).map(|number| gather.ask(number))).await;
        assert!(failed.iter().any(|it| matches!(it, Err(DbError::Full))), "{failed:?}");
        assert_eq!(gather.ask(7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_for_its_askers_alone() {
        let gather = Gather::new(Spawner::new(), |numbers: Vec<u32>| {
            async move {
                assert!(!numbers.contains(&0), "zero");
                Ok(numbers)
            }
            .boxed()
        });
        assert!(matches!(gather.ask(0).await, Err(DbError::Unavailable(_))));
        assert_eq!(gather.ask(1).await.unwrap(), 1);
    }
}

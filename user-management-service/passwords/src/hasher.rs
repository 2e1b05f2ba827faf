//! Argon2id in a pool with a fixed number of workers and a short, fair queue.

mod queue;
mod spare;

use crate::attempt::Attempt;
use crate::metric;
use crate::rules::opaque;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use queue::{Crowded, Queue};
use secrecy::{ExposeSecret, SecretString};
use spare::Spare;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// Source: OWASP Password Storage Cheat Sheet, the first Argon2id setting (46 MiB, t=1, p=1)
const MEMORY_KIB: u32 = 46 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// How long a request waits before it is refused: longer than a full queue takes where a hash takes 60 ms, so that whoever has
/// a place is served. Those who were refused would come back to workers that had nothing to do meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why no hash was computed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many requests are waiting.
    #[error("too many passwords are being checked")]
    Busy,
    /// Too many tries of one client on one account are waiting.
    #[error("too many tries on one account at once")]
    Crowded,
    /// Memory or randomness is not available, or the stored hash can't be read.
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The password is wrong, or there is no account.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, but its hash has an outdated cost or is of another form of the password; this is a new
    /// hash.
    Renewed(String),
}

/// The pool.
#[derive(Clone)]
pub struct PasswordHasher {
    pool: Arc<Pool>,
}

struct Pool {
    queue: Queue,
    spare: Spare,
    made: AtomicU64,
    patience: Duration,
}

impl PasswordHasher {
    /// A pool of this many workers; 0 means one per core.
    pub fn new(workers: usize) -> Self {
        Self::with_patience(workers, PATIENCE)
    }

    fn with_patience(workers: usize, patience: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = if workers == 0 { cores } else { workers };
        Self {
            pool: Arc::new(Pool {
                queue: Queue::new(workers),
                spare: Spare::default(),
                made: AtomicU64::new(0),
                patience,
            }),
        }
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: SecretString, attempt: &Attempt) -> Result<String, HashError> {
        self.work(attempt, move |pool| pool.fresh_hash(&form(&password))).await
    }

    /// Compares a password with a stored hash; without a hash it does the same work in vain.
    pub async fn compare(
        &self,
        password: SecretString,
        stored: Option<String>,
        attempt: &Attempt,
    ) -> Result<Comparison, HashError> {
        self.work(attempt, move |pool| pool.compare(&password, stored.as_deref()))
            .await
    }

    /// Refuses an attempt that would find no place in the queue, before anything else is done for it.
    ///
    /// Errors: `Busy`
    pub fn demand_room(&self, attempt: &Attempt) -> Result<(), HashError> {
        if self.pool.queue.has_room(attempt) {
            return Ok(());
        }
        Err(refused(HashError::Busy))
    }

    /// Frees the memory that no hash has needed since this was called last.
    pub async fn free_idle_memory(&self) {
        let pool = Arc::clone(&self.pool);
        // It takes milliseconds; only the end of the process keeps it from running.
        let _ = tokio::task::spawn_blocking(move || pool.spare.free_idle()).await;
    }

    /// How many hashes were computed so far.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.pool.made.load(Ordering::Relaxed)
    }

    async fn work<T: Send + 'static>(
        &self,
        attempt: &Attempt,
        work: impl FnOnce(&Pool) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let pool = Arc::clone(&self.pool);
        let (answer, mut answered) = oneshot::channel();
        let job = move || {
            // Whoever has gone meanwhile needs no answer.
            drop(answer.send(work(&pool)));
        };
        let entered = self.pool.queue.enter(attempt, Box::new(job));
        let (place, turn) = entered.map_err(|Crowded| refused(HashError::Crowded))?;
        if let Some(turn) = turn {
            tokio::task::spawn_blocking(move || turn.work());
        }
        let answer = match tokio::time::timeout(self.pool.patience, &mut answered).await {
            Ok(answer) => answer.ok(),
            Err(_) if place.leave() => None,
            // The turn has come: the answer is on its way.
            Err(_) => answered.await.ok(),
        };
        answer.unwrap_or_else(|| Err(refused(HashError::Busy)))
    }
}

/// Counts a refusal.
fn refused(why: HashError) -> HashError {
    metrics::counter!(metric::PASSWORD_HASH_REFUSED).increment(1);
    why
}

/// The form of a password that is hashed.
fn form(password: &SecretString) -> SecretString {
    SecretString::from(opaque(password.expose_secret()))
}

impl Pool {
    fn fresh_hash(&self, password: &SecretString) -> Result<String, HashError> {
        let mut salt = [0_u8; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| HashError::Failed("no randomness".to_owned()))?;
        let hash = self.compute(password, &salt, &params(MEMORY_KIB, PASSES, LANES, HASH_BYTES)?)?;
        Ok(format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(hash)
        ))
    }

    /// Compares the password's form and then, where that is another text, the password as it was typed: hashes from
    /// before passwords had a form are of that.
    fn compare(&self, password: &SecretString, stored: Option<&str>) -> Result<Comparison, HashError> {
        let form = form(password);
        let as_typed = (form.expose_secret() != password.expose_secret()).then_some(password);
        let Some(stored) = stored else {
            let params = params(MEMORY_KIB, PASSES, LANES, HASH_BYTES)?;
            for password in [Some(&form), as_typed].into_iter().flatten() {
                self.compute(password, &[0; SALT_BYTES], &params)?;
            }
            return Ok(Comparison::Wrong);
        };
        let (salt, hash, params) = read(stored)?;
        let is_right = |password: &SecretString| -> Result<bool, HashError> {
            let computed = self.compute(password, &salt, &params)?;
            Ok(verify_slices_are_equal(&computed, &hash).is_ok())
        };
        let today = (params.m_cost(), params.t_cost(), params.p_cost(), hash.len());
        if is_right(&form)? {
            if today == (MEMORY_KIB, PASSES, LANES, HASH_BYTES) {
                return Ok(Comparison::Right);
            }
        } else if !as_typed.map_or(Ok(false), is_right)? {
            return Ok(Comparison::Wrong);
        }
        self.fresh_hash(&form).map(Comparison::Renewed)
    }

    fn compute(&self, password: &SecretString, salt: &[u8], params: &Params) -> Result<Vec<u8>, HashError> {
        self.made.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(metric::PASSWORD_HASHES).increment(1);
        let mut memory = self.memory(params.block_count())?;
        let mut out = vec![0; params.output_len().unwrap_or(HASH_BYTES)];
        let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, &mut out, &mut memory[..])
            .map_err(|error| HashError::Failed(error.to_string()));
        self.spare.keep(memory);
        done.map(|()| out)
    }

    fn memory(&self, blocks: usize) -> Result<Vec<Block>, HashError> {
        let spare = self.spare.take();
        let mut memory = spare.filter(|memory| memory.len() == blocks).unwrap_or_default();
        memory
            .try_reserve_exact(blocks - memory.len())
            .map_err(|error| HashError::Failed(error.to_string()))?;
        memory.resize(blocks, Block::new());
        Ok(memory)
    }
}

fn params(memory: u32, passes: u32, lanes: u32, length: usize) -> Result<Params, HashError> {
    Params::new(memory, passes, lanes, Some(length)).map_err(|error| HashError::Failed(error.to_string()))
}

/// Salt, hash and cost of a PHC string.
fn read(stored: &str) -> Result<(Vec<u8>, Vec<u8>, Params), HashError> {
    let unreadable = || HashError::Failed("the stored hash can't be read".to_owned());
    let phc = PasswordHash::new(stored).map_err(|_| unreadable())?;
    let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else {
        return Err(unreadable());
    };
    if phc.algorithm.as_str() != "argon2id" || phc.version != Some(19) {
        return Err(unreadable());
    }
    let cost = |name: &str| {
        phc.params
            .get(name)
            .and_then(|value| value.decimal().ok())
            .ok_or_else(unreadable)
    };
    let params = params(cost("m")?, cost("t")?, cost("p")?, hash.len())?;
    Ok((salt.as_ref().to_vec(), hash.as_bytes().to_vec(), params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn attempt() -> Attempt {
        Attempt::new("ada@example.org", std::net::IpAddr::from([192, 0, 2, 1]))
    }

    #[tokio::test]
    async fn the_same_password_matches_its_hash_and_another_does_not() {
        let hasher = PasswordHasher::new(2);
        let stored = hasher.hash(secret("twelve bytes"), &attempt()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{stored}");
        let attempt = attempt();
        let compare = |password: &str| hasher.compare(secret(password), Some(stored.clone()), &attempt);
        assert_eq!(compare("twelve bytes").await.unwrap(), Comparison::Right);
        assert_eq!(compare("twelve byteS").await.unwrap(), Comparison::Wrong);
        assert_ne!(hasher.hash(secret("twelve bytes"), &attempt).await.unwrap(), stored);
    }

    #[tokio::test]
    async fn an_unknown_account_costs_the_same_hash_as_a_known_one() {
        let hasher = PasswordHasher::new(1);
        assert_eq!(
            hasher.compare(secret("twelve bytes"), None, &attempt()).await.unwrap(),
            Comparison::Wrong
        );
        assert_eq!(hasher.made(), 1);
    }

    #[tokio::test]
    async fn a_hash_of_an_outdated_cost_is_renewed() {
        let hasher = PasswordHasher::new(1);
        let cheap = hasher
            .pool
            .compute(&secret("twelve bytes"), &[7; 16], &params(8 * 1024, 2, 1, 32).unwrap())
            .unwrap();
        let stored = format!(
            "$argon2id$v=19$m=8192,t=2,p=1${}${}",
            STANDARD_NO_PAD.encode([7; 16]),
            STANDARD_NO_PAD.encode(cheap)
        );
        let Comparison::Renewed(fresh) = hasher
            .compare(secret("twelve bytes"), Some(stored), &attempt())
            .await
            .unwrap()
        else {
            panic!("the old hash was kept");
        };
        assert_eq!(
            hasher
                .compare(secret("twelve bytes"), Some(fresh), &attempt())
                .await
                .unwrap(),
            Comparison::Right
        );
    }

    #[tokio::test]
    async fn a_hash_of_a_password_as_it_was_typed_still_opens_and_is_renewed() {
        let hasher = PasswordHasher::new(1);
        let (typed, form) = ("Zu\u{308}rich, ganz fru\u{308}h", "Zürich, ganz früh");
        let old = hasher.pool.fresh_hash(&secret(typed)).unwrap();
        let compare = |typed: &str, stored: &str| {
            let (password, stored) = (secret(typed), Some(stored.to_owned()));
            let hasher = hasher.clone();
            async move { hasher.compare(password, stored, &attempt()).await.unwrap() }
        };
        assert_eq!(
            compare("Zu\u{308}rich, ganz spa\u{308}t", &old).await,
            Comparison::Wrong
        );
        let Comparison::Renewed(fresh) = compare(typed, &old).await else {
            panic!("the old hash was kept");
        };
        for typed in [typed, form] {
            assert_eq!(compare(typed, &fresh).await, Comparison::Right, "{typed:?}");
        }
    }

    #[tokio::test]
    async fn an_unknown_account_costs_as_much_as_a_known_one_in_every_form() {
        let hasher = PasswordHasher::new(1);
        let stored = hasher.hash(secret("another password"), &attempt()).await.unwrap();
        let mut costs = Vec::new();
        for stored in [None, Some(stored)] {
            let (before, attempt) = (hasher.made(), attempt());
            let compared = hasher.compare(secret("Zu\u{308}rich, ganz fru\u{308}h"), stored, &attempt);
            assert_eq!(compared.await.unwrap(), Comparison::Wrong);
            costs.push(hasher.made() - before);
        }
        assert_eq!(costs, [2, 2]);
    }

    #[tokio::test]
    async fn a_request_that_waits_too_long_is_refused() {
        let hasher = PasswordHasher::with_patience(1, Duration::from_millis(10));
        let (_place, _turn) = hasher.pool.queue.enter(&attempt(), Box::new(|| {})).unwrap();
        assert!(matches!(
            hasher.hash(secret("twelve bytes"), &attempt()).await,
            Err(HashError::Busy)
        ));
        assert_eq!(hasher.pool.queue.waiting(), 0);
    }

    #[tokio::test]
    async fn a_request_whose_turn_has_come_is_served_however_long_it_takes() {
        let hasher = PasswordHasher::with_patience(1, Duration::ZERO);
        assert!(hasher.hash(secret("twelve bytes"), &attempt()).await.is_ok());
    }

    #[tokio::test]
    async fn a_crowd_shares_the_memory_of_its_workers_which_is_freed_once_nobody_comes() {
        let hasher = PasswordHasher::new(2);
        let crowd = (0..8).map(|host| Attempt::new("ada@example.org", std::net::IpAddr::from([192, 0, 2, host])));
        let mut people = tokio::task::JoinSet::new();
        for attempt in crowd {
            let hasher = hasher.clone();
            people.spawn(async move { hasher.hash(secret("twelve bytes"), &attempt).await });
        }
        assert!(people.join_all().await.iter().all(Result::is_ok));
        assert_eq!(hasher.made(), 8);
        assert!((1..=2).contains(&hasher.pool.spare.count()));
        hasher.free_idle_memory().await;
        assert_ne!(hasher.pool.spare.count(), 0, "it was used a moment ago");
        hasher.free_idle_memory().await;
        assert_eq!(hasher.pool.spare.count(), 0);
    }
}

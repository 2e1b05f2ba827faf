//! Argon2id in a pool with a fixed number of workers and a short queue.

use crate::metric;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Source: OWASP Password Storage Cheat Sheet, the first Argon2id setting (46 MiB, t=1, p=1)
const MEMORY_KIB: u32 = 46 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// How many requests may wait for a worker.
const QUEUE: usize = 64;
/// How long a request waits before it is refused.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why no hash was computed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many requests are waiting.
    #[error("too many passwords are being checked")]
    Busy,
    /// Memory or randomness is not available, or the stored hash can't be read.
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The password is wrong, or there is no account.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, but its hash has an outdated cost; this is a new hash.
    Renewed(String),
}

/// The pool.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    pool: Arc<Pool>,
}

struct Pool {
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Memory for the next request in the queue; freed when none waits.
    spare: Mutex<Vec<Vec<Block>>>,
    made: AtomicU64,
    patience: Duration,
}

impl PasswordHasher {
    /// A pool of this many workers; 0 means one per core.
    pub(crate) fn new(workers: usize) -> Self {
        Self::with_patience(workers, PATIENCE)
    }

    fn with_patience(workers: usize, patience: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = if workers == 0 { cores } else { workers };
        Self {
            pool: Arc::new(Pool {
                workers: Arc::new(Semaphore::new(workers)),
                waiting: AtomicUsize::new(0),
                spare: Mutex::new(Vec::new()),
                made: AtomicU64::new(0),
                patience,
            }),
        }
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        self.work(move |pool| pool.fresh_hash(&password)).await
    }

    /// Compares a password with a stored hash; without a hash it does the same work in vain.
    pub(crate) async fn compare(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Comparison, HashError> {
        self.work(move |pool| pool.compare(&password, stored.as_deref())).await
    }

    /// How many hashes were computed so far.
    #[cfg(test)]
    pub(crate) fn made(&self) -> u64 {
        self.pool.made.load(Ordering::Relaxed)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = self.permit().await?;
        let pool = Arc::clone(&self.pool);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&pool);
            drop(permit);
            result
        });
        done.await.map_err(|error| HashError::Failed(error.to_string()))?
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, HashError> {
        let workers = Arc::clone(&self.pool.workers);
        if let Ok(permit) = Arc::clone(&workers).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = QueuePlace::take(&self.pool)?;
        match tokio::time::timeout(self.pool.patience, workers.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

fn busy() -> HashError {
    metrics::counter!(metric::PASSWORD_HASH_REFUSED).increment(1);
    HashError::Busy
}

/// A place in the queue; it is returned even if the client disconnects while waiting.
struct QueuePlace<'a>(&'a Pool);

impl<'a> QueuePlace<'a> {
    fn take(pool: &'a Pool) -> Result<Self, HashError> {
        let place = Self(pool);
        let before = pool.waiting.fetch_add(1, Ordering::AcqRel);
        place.show();
        if before >= QUEUE { Err(busy()) } else { Ok(place) }
    }

    fn show(&self) {
        let waiting = u32::try_from(self.0.waiting.load(Ordering::Acquire)).unwrap_or(u32::MAX);
        metrics::gauge!(metric::PASSWORD_HASH_WAITING).set(waiting);
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        self.show();
    }
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

    fn compare(&self, password: &SecretString, stored: Option<&str>) -> Result<Comparison, HashError> {
        let Some(stored) = stored else {
            self.compute(
                password,
                &[0; SALT_BYTES],
                &params(MEMORY_KIB, PASSES, LANES, HASH_BYTES)?,
            )?;
            return Ok(Comparison::Wrong);
        };
        let (salt, hash, params) = read(stored)?;
        let computed = self.compute(password, &salt, &params)?;
        if verify_slices_are_equal(&computed, &hash).is_err() {
            return Ok(Comparison::Wrong);
        }
        let today = (params.m_cost(), params.t_cost(), params.p_cost(), hash.len());
        if today == (MEMORY_KIB, PASSES, LANES, HASH_BYTES) {
            return Ok(Comparison::Right);
        }
        self.fresh_hash(password).map(Comparison::Renewed)
    }

    fn compute(&self, password: &SecretString, salt: &[u8], params: &Params) -> Result<Vec<u8>, HashError> {
        self.made.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(metric::PASSWORD_HASHES).increment(1);
        let mut memory = self.memory(params.block_count())?;
        let mut out = vec![0; params.output_len().unwrap_or(HASH_BYTES)];
        let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, &mut out, &mut memory[..])
            .map_err(|error| HashError::Failed(error.to_string()));
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        } else {
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        done.map(|()| out)
    }

    fn memory(&self, blocks: usize) -> Result<Vec<Block>, HashError> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
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

    #[tokio::test]
    async fn the_same_password_matches_its_hash_and_another_does_not() {
        let hasher = PasswordHasher::new(2);
        let stored = hasher.hash(secret("twelve bytes")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{stored}");
        let compare = |password: &str| hasher.compare(secret(password), Some(stored.clone()));
        assert_eq!(compare("twelve bytes").await.unwrap(), Comparison::Right);
        assert_eq!(compare("twelve byteS").await.unwrap(), Comparison::Wrong);
        assert_ne!(hasher.hash(secret("twelve bytes")).await.unwrap(), stored);
    }

    #[tokio::test]
    async fn an_unknown_account_costs_the_same_hash_as_a_known_one() {
        let hasher = PasswordHasher::new(1);
        assert_eq!(
            hasher.compare(secret("twelve bytes"), None).await.unwrap(),
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
        let Comparison::Renewed(fresh) = hasher.compare(secret("twelve bytes"), Some(stored)).await.unwrap() else {
            panic!("the old hash was kept");
        };
        assert_eq!(
            hasher.compare(secret("twelve bytes"), Some(fresh)).await.unwrap(),
            Comparison::Right
        );
    }

    #[tokio::test]
    async fn a_request_that_finds_the_queue_full_is_refused_at_once() {
        let hasher = PasswordHasher::new(1);
        let _worker = hasher.permit().await.unwrap();
        hasher.pool.waiting.store(QUEUE, Ordering::Release);
        assert!(matches!(
            hasher.hash(secret("twelve bytes")).await,
            Err(HashError::Busy)
        ));
        assert_eq!(hasher.pool.waiting.load(Ordering::Acquire), QUEUE);
    }

    #[tokio::test]
    async fn a_request_that_waits_too_long_is_refused() {
        let hasher = PasswordHasher::with_patience(1, Duration::from_millis(10));
        let _worker = hasher.permit().await.unwrap();
        assert!(matches!(
            hasher.hash(secret("twelve bytes")).await,
            Err(HashError::Busy)
        ));
        assert_eq!(hasher.pool.waiting.load(Ordering::Acquire), 0);
    }
}

//! Hashes passwords as the server does, with nothing around it: the most sign-ins that the processors allow.
//!
//! `argon2id THREADS COUNT` prints the seconds that COUNT hashes take.
//!
//! Source: OWASP Password Storage Cheat Sheet, the first Argon2id setting (46 MiB, t=1, p=1)

use anyhow::{Context, Result, anyhow, bail};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const KIB: u32 = 46 * 1_024;

fn hash(left: &AtomicUsize) -> Result<()> {
    let params = Params::new(KIB, 1, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        argon2
            .hash_password_into_with_memory(b"a quiet sentence", b"sixteen bytes of", &mut output, &mut memory[..])
            .map_err(|error| anyhow!("{error}"))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [threads, count] = words.as_slice() else {
        bail!("usage: argon2id THREADS COUNT");
    };
    let threads: usize = threads.parse().context("THREADS")?;
    let left = Arc::new(AtomicUsize::new(count.parse().context("COUNT")?));
    let begun = Instant::now();
    let all: Vec<_> = (0..threads)
        .map(|_| {
            let left = Arc::clone(&left);
            std::thread::spawn(move || hash(&left))
        })
        .collect();
    for thread in all {
        let Ok(done) = thread.join() else {
            bail!("a thread panicked")
        };
        done?;
    }
    writeln!(std::io::stdout(), "{:.6}", begun.elapsed().as_secs_f64())?;
    Ok(())
}

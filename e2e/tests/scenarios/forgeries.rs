//! Tokens that were changed open nothing, a crowd that refreshes one sign-in leaves one head, and a refused sign-in does
//! not tell whether the account exists.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::api::{Account, Answer};
use e2e::process::until;
use e2e::random::Random;
use e2e::server::Start;
use e2e::settings::rounds;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::{media, playlist};
use futures::future::try_join_all;
use futures::stream::{self, TryStreamExt};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Requests at once.
const AT_ONCE: usize = 32;
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

async fn refresh(stage: &Stage, token: &str) -> Result<Answer> {
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    let request = stage.api.request(Method::POST, "/api/v1/users/token");
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    stage.api.send(request.body(form)).await
}

fn next(answer: &Answer) -> Result<String> {
    let token = answer.json()["refresh_token"].as_str().map(str::to_owned);
    token.with_context(|| answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_clients_with_one_refresh_token_one_head_is_left() -> Result<()> {
    let start = Start::default().set("USERS__LIMITS__SIGNINS_PER_ACCOUNT", "0");
    scenario(start, async |stage| {
        let account = stage.account("learner").await?;
        for round in 0..rounds(50, 1_000) {
            let first = stage.api.login(&account.email, &account.password).await?;
            let answers = try_join_all((0..64).map(|_| refresh(stage, &first.refresh))).await?;
            let mut heads = BTreeSet::new();
            for answer in answers {
                heads.insert(next(&answer.expect(200)?)?);
            }
            ensure!(heads.len() == 1, "round {round}: {} heads", heads.len());
            let head = heads.first().context("a head")?;
            stage.api.secret(head);
            let after = next(&refresh(stage, head).await?.expect(200)?)?;
            stage.api.secret(&after);
            // Its successor was used: whoever comes with the first one now has stolen it.
            refresh(stage, &first.refresh).await?.expect(400)?;
            for token in [head, &after] {
                refresh(stage, token).await?.expect(400)?;
            }
        }
        Ok(())
    })
    .await
}

/// A token that differs from a good one: every other one has its contents and a wrong signature, the rest is damaged somewhere.
///
/// Shape: `signed` is how many bytes the signature has in the last part of the token
fn forged(random: &mut Random, good: &str, signed: usize) -> Result<String> {
    let (head, last) = good.rsplit_once('.').map_or(("", good), |(head, last)| (head, last));
    loop {
        let mut token = good.as_bytes().to_vec();
        let place = usize::try_from(random.within(0..token.len() as u64))?;
        let letter = LETTERS[usize::try_from(random.within(0..LETTERS.len() as u64))?];
        match random.within(0..10) {
            0 => token[place] = letter,
            1 => drop(token.remove(place)),
            2 => token.insert(place, letter),
            3 => token.truncate(place),
            5.. => {
                let mut bytes = URL_SAFE_NO_PAD.decode(last)?;
                let from = bytes.len().checked_sub(signed).context("a signature")?;
                bytes.splice(from.., random.bytes(signed));
                let dot = if head.is_empty() { "" } else { "." };
                token = format!("{head}{dot}{}", URL_SAFE_NO_PAD.encode(bytes)).into_bytes();
            }
            _ => token = changed(random, good)?.into_bytes(),
        }
        let token = String::from_utf8(token)?;
        if token != good {
            return Ok(token);
        }
    }
}

/// A token whose contents were changed and encoded again, under the signature of the good one.
fn changed(random: &mut Random, good: &str) -> Result<String> {
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let which = if parts.len() == 3 {
        usize::try_from(random.within(0..2))?
    } else {
        0
    };
    let mut bytes = URL_SAFE_NO_PAD.decode(&parts[which])?;
    let signature = if parts.len() == 3 { 0 } else { 64 };
    let place = usize::try_from(random.within(0..(bytes.len() - signature) as u64))?;
    bytes[place] ^= 1 << random.within(0..8);
    parts[which] = URL_SAFE_NO_PAD.encode(bytes);
    Ok(parts.join("."))
}

/// Sends requests with forged tokens, and fails if one is answered otherwise.
async fn none_is_accepted(stage: &Stage, forgeries: Vec<(String, &str)>, status: u16) -> Result<()> {
    let count = forgeries.len();
    let sent = stream::iter(forgeries.into_iter().map(Ok::<_, anyhow::Error>));
    sent.try_for_each_concurrent(AT_ONCE, async |(path, bearer)| {
        let mut request = stage.api.request(Method::GET, &path);
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        let answer = stage.api.send(request).await?;
        ensure!(
            answer.status == status,
            "{} for a forgery of {count}: {path}",
            answer.status
        );
        ensure!(!answer.text().contains("#EXTM3U"), "media for a forgery");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_access_token_is_accepted() -> Result<()> {
    // the full count takes a sign-in a second
    let start = Start::default().set("USERS__LIMITS__SIGNINS_PER_ACCOUNT", "0");
    scenario(start, async |stage| {
        let account = stage.account("learner").await?;
        let mut random = Random::start("changed access tokens");
        let (mut left, path) = (rounds(3_000, 1_000_000), "/api/v1/users/profile");
        while left > 0 {
            let batch = left.min(10_000);
            // an access token lives for five minutes
            let good = stage.api.login(&account.email, &account.password).await?.token;
            let tokens: Vec<String> = (0..batch)
                .map(|_| forged(&mut random, &good, 256))
                .collect::<Result<_>>()?;
            let forgeries = tokens.iter().map(|token| (path.to_owned(), token.as_str())).collect();
            none_is_accepted(stage, forgeries, 401).await?;
            stage.api.get(path, &good).await?.expect(200)?;
            left -= batch;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_playback_token_gets_a_byte() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let index = stage.api.session(&id, &owner.token).await?.hls_url;
        let good = index.split('/').nth(2).context("a token")?.to_owned();
        stage.api.fetch(&index).await?.expect(200)?;
        let mut random = Random::start("changed playback tokens");
        let mut left = rounds(3_000, 1_000_000);
        while left > 0 {
            let batch = left.min(10_000);
            let path = |token: String| (index.replacen(&good, &token, 1), "");
            let tokens = (0..batch).map(|_| forged(&mut random, &good, 64).map(path));
            let forgeries = tokens.collect::<Result<Vec<_>>>()?;
            none_is_accepted(stage, forgeries, 403).await?;
            left -= batch;
        }
        stage.api.fetch(&index).await?.expect(200)?;
        Ok(())
    })
    .await
}

/// A path of media under another token.
fn under(path: &str, token: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts[2] = token;
    parts.join("/")
}

fn token_of(path: &str) -> Result<&str> {
    path.split('/').nth(2).context("a token in the path")
}

/// One request for media that its token must not open, by one of several methods and conditions.
async fn gets_nothing(stage: &Stage, path: &str, way: u64) -> Result<()> {
    let method = if way.is_multiple_of(4) {
        Method::HEAD
    } else {
        Method::GET
    };
    let mut request = stage.api.request(method, path);
    for (number, (name, value)) in [("range", "bytes=0-99"), ("if-none-match", "*"), ("range", "bytes=-1")]
        .into_iter()
        .enumerate()
    {
        if way / 4 % 4 == number as u64 {
            request = request.header(name, value);
        }
    }
    let answer = stage.api.send(request).await?;
    ensure!(answer.status == 403, "{} for {path}", answer.status);
    ensure!(answer.body.is_empty(), "{} bytes for {path}", answer.body.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_mixed_requests_without_a_right_none_gets_a_byte_of_warm_media() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let (api, film) = (&stage.api, media::short().await?);
        let (lecture, other) = (
            api.playable(&film, &owner.token).await?,
            api.playable(&film, &owner.token).await?,
        );
        let good = api.session(&lecture, &owner.token).await?.hls_url;
        let gone = api.login(&owner.email, &owner.password).await?;
        let ended = api.session(&lecture, &gone.token).await?.hls_url;
        let elsewhere = api.session(&other, &owner.token).await?.hls_url;
        for index in [&good, &ended, &elsewhere] {
            api.fetch(index).await?.expect(200)?;
        }
        api.json(Method::POST, "/api/v1/users/logout", &gone.token, &json!({}))
            .await?
            .expect(204)?;
        until("the sign-in's session ends", Duration::from_secs(3), async || {
            Ok((api.fetch(&ended).await?.status == 403).then_some(()))
        })
        .await?;
        let mut warm = vec![good.clone()];
        for rendition in playlist::open(api, &good).await? {
            warm.extend([rendition.playlist, rendition.init]);
            warm.extend(rendition.segments);
        }
        let mut random = Random::start("mixed requests for media");
        let mut left = rounds(5_000, 100_000);
        while left > 0 {
            let batch = left.min(5_000);
            for path in &warm {
                api.fetch(path).await?.expect(200)?;
            }
            let mut requests = Vec::new();
            for _ in 0..batch {
                let token = match random.within(0..4) {
                    0 => token_of(&ended)?.to_owned(),
                    1 => token_of(&elsewhere)?.to_owned(),
                    _ => forged(&mut random, token_of(&good)?, 64)?,
                };
                let path = &warm[usize::try_from(random.within(0..warm.len() as u64))?];
                requests.push((under(path, &token), random.number()));
            }
            stream::iter(requests.into_iter().map(Ok::<_, anyhow::Error>))
                .try_for_each_concurrent(AT_ONCE, async |(path, way)| gets_nothing(stage, &path, way).await)
                .await?;
            left -= batch;
        }
        Ok(())
    })
    .await
}

/// An answer byte by byte as it was sent: its headers but the date, and its body; the request's id is blanked in both.
fn as_sent(answer: &Answer) -> Result<String> {
    let document = answer.json();
    let id = document["request_id"].as_str().unwrap_or_default();
    ensure!(!id.is_empty(), "{document}");
    let blanked = |bytes: &[u8]| bytes.escape_ascii().to_string().replace(id, "ID");
    let mut sent = String::new();
    for (name, value) in answer.headers.iter().filter(|(name, _)| name.as_str() != "date") {
        sent += &format!("{name}: {}\n", blanked(value.as_bytes()));
    }
    let body = blanked(&answer.body);
    ensure!(body.contains("ID"), "the id is not in the body as it is: {body}");
    Ok(sent + &body)
}

/// Tries to sign in, and returns the answer and how long it took.
async fn tried(stage: &Stage, email: &str) -> Result<(String, f64)> {
    let body = json!({"email": email, "password": "not the password at all"});
    let begun = Instant::now();
    let answer = stage.api.json(Method::POST, "/api/v1/users/login", "", &body).await?;
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    Ok((as_sent(&answer.expect(401)?)?, took))
}

/// Mean and variance of the mean.
fn moments(times: &[f64]) -> (f64, f64) {
    let count: f64 = times.iter().map(|_| 1.0).sum();
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|it| (it - mean).powi(2)).sum();
    (mean, squares / (count - 1.0) / count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_does_not_tell_whether_the_account_exists() -> Result<()> {
    let start = Start::default()
        .set("USERS__LIMITS__FAILURES_PER_ACCOUNT", "0")
        .set("USERS__LIMITS__FAILURES_PER_ADDRESS", "0")
        .set("USERS__LIMITS__SIGNINS_PER_ACCOUNT", "0");
    scenario(start, async |stage| {
        let pairs = rounds(40, 400);
        let mut accounts: Vec<Account> = Vec::new();
        // everything that slows an account down counts its failures
        for _ in 0..8 {
            accounts.push(stage.account("learner").await?);
        }
        let (mut known, mut unknown, mut answers) = (Vec::new(), Vec::new(), BTreeSet::new());
        for pair in 0..pairs {
            let theirs = accounts[pair % accounts.len()].email.clone();
            let nobodys = format!("nobody{}@example.org", pair % accounts.len());
            let both = [(&theirs, &mut known), (&nobodys, &mut unknown)];
            let in_turn: Vec<_> = if pair % 2 == 0 { both.into() } else { both.into_iter().rev().collect() };
            for (email, times) in in_turn {
                let (answer, took) = tried(stage, email).await?;
                answers.insert(answer);
                times.push(took);
            }
        }
        ensure!(answers.len() == 1, "{answers:?}");
        let ((mean, variance), (other, others)) = (moments(&known), moments(&unknown));
        let statistic = (mean - other) / (variance + others).sqrt();
        report(format!(
            "a wrong password took {mean:.2} ms, an unknown account {other:.2} ms; Welch's t = {statistic:.2} over {pairs} pairs"
        ));
        // not a measurement of noise, but of a hash that is left out
        ensure!(other > mean / 2.0 && mean > other / 2.0, "{mean:.2} ms and {other:.2} ms");
        Ok(())
    })
    .await
}

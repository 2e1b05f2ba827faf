//! A stranger never gets a byte of media, however the request is made, warm or cold.

use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, process, raw};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Everything that one playback references, as paths.
async fn places(stage: &Stage, id: &str, token: &str) -> Result<Vec<String>> {
    let session = stage.api.session(id, token).await?;
    let mut places = vec![session.hls_url.clone()];
    for rendition in playlist::open(&stage.api, &session.hls_url).await? {
        places.push(rendition.playlist);
        places.push(rendition.init);
        places.extend(rendition.segments.first().cloned());
        places.extend(rendition.segments.last().cloned());
    }
    Ok(places)
}

fn with_token(path: &str, token: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts[2] = token;
    parts.join("/")
}

fn token_of(path: &str) -> Result<&str> {
    path.split('/').nth(2).context("a token in the path")
}

/// Requests a path in every way; each must be refused without a byte of media.
async fn refused(stage: &Stage, path: &str, why: &str) -> Result<()> {
    for (method, headers) in [
        ("GET", ""),
        ("HEAD", ""),
        ("GET", "Range: bytes=0-10\r\n"),
        ("GET", "Range: bytes=-1\r\n"),
        ("GET", "If-None-Match: *\r\n"),
        ("OPTIONS", ""),
        ("POST", "Content-Length: 0\r\n"),
    ] {
        let (status, body) = raw::get(stage.server.address(), method, path, headers).await?;
        let reply = || {
            format!(
                "{why}: {method} {headers:?} was answered {status}, {} bytes",
                body.len()
            )
        };
        ensure!(
            status == 403 || (method == "OPTIONS" || method == "POST") && matches!(status, 204 | 405),
            "{}",
            reply()
        );
        let media = ["ftyp", "moof", "mdat", "#EXTM3U"].iter().any(|it| body.contains(it));
        ensure!(!media && body.len() < 1_024, "{}", reply());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_token_opens_nothing() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let path = media::short().await?;
        let mine = stage.api.playable(&path, &owner.token).await?;
        let other = stage.api.playable(&path, &owner.token).await?;
        let elsewhere = stage.api.session(&other, &owner.token).await?.hls_url;
        let elsewhere = token_of(&elsewhere)?;
        for place in places(stage, &mine, &owner.token).await? {
            let good = token_of(&place)?;
            let mut flipped = good.to_owned();
            let at = flipped.len() / 2;
            let other_letter = if flipped.as_bytes()[at] == b'A' { "B" } else { "A" };
            flipped.replace_range(at..=at, other_letter);
            for (why, token) in [
                ("no token", "x"),
                ("an access token", owner.token.as_str()),
                ("another video's token", elsewhere),
                ("a tampered token", flipped.as_str()),
                ("a cut token", &good[..good.len() - 1]),
                ("a longer token", &format!("{good}A")),
                ("a padded token", &format!("{good}=")),
                ("no letters", "%00"),
                ("dots", ".."),
            ] {
                let path = with_token(&place, token);
                if token == ".." {
                    let (status, body) = raw::get(stage.server.address(), "GET", &path, "").await?;
                    ensure!(status >= 400 && !body.contains("ftyp"), "{why}: {status}");
                } else {
                    refused(stage, &path, why).await?;
                }
            }
            // refused requests stay refused when the bytes are cached, and the valid token still works
            stage.api.fetch(&place).await?.expect(200)?;
            refused(stage, &with_token(&place, &flipped), "a tampered token, warm").await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_gets_round_the_check() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let path = media::short().await?;
        let (mine, other) = (
            stage.api.playable(&path, &owner.token).await?,
            stage.api.playable(&path, &owner.token).await?,
        );
        let others = places(stage, &other, &owner.token).await?;
        let good = stage.api.session(&mine, &owner.token).await?.hls_url;
        let good = token_of(&good)?;
        for place in others {
            let tail = place.split('/').skip(3).collect::<Vec<_>>().join("/");
            for path in [
                format!("/p/{good}/{mine}/../{tail}"),
                format!("/p/{good}/{mine}/%2e%2e/{tail}"),
                format!("/p/{good}/{mine}%2f..%2f{tail}"),
                format!("/p/{good}/{mine}/..%2f{tail}"),
                format!("/p/{good}//{tail}"),
                format!("/p/{good}/./{tail}"),
                format!("/p/{good}%2f{tail}"),
                format!("/p//{good}/{tail}"),
                format!("/p/{good}/{}", tail.to_uppercase()),
                format!("/p/{good}/{tail}%00"),
                format!("/p/{good}/{tail};x"),
                format!("/p/{good}/..%5c{tail}"),
                format!("http://{}/p/{good}/{tail}", stage.server.address()),
            ] {
                let (status, body) = raw::get(stage.server.address(), "GET", &path, "").await?;
                let shown = path.replace(good, "TOKEN");
                ensure!((400..500).contains(&status), "{shown} was answered {status}");
                let media = ["ftyp", "moof", "#EXTM3U"].iter().any(|it| body.contains(it));
                ensure!(!media, "{shown} gave media");
            }
        }
        Ok(())
    })
    .await
}

/// Waits until a path is refused, then requests all of them in every way.
async fn goes_dark(stage: &Stage, places: &[String], within: Duration, why: &str) -> Result<()> {
    for place in places {
        let dark = process::until(why, within, async || {
            let answer = stage.api.send(stage.api.request(Method::GET, place)).await?;
            Ok((answer.status == 403).then_some(()))
        });
        dark.await?;
    }
    for place in places {
        refused(stage, place, why).await?;
    }
    Ok(())
}

async fn opened(stage: &Stage, owner: &Account) -> Result<(String, Vec<String>)> {
    let id = stage.api.playable(&media::short().await?, &owner.token).await?;
    let places = places(stage, &id, &owner.token).await?;
    for place in &places {
        stage.api.fetch(place).await?.expect(200)?;
    }
    Ok((id, places))
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_and_deactivation_end_what_they_opened() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let second = Duration::from_secs(1);
        let owner = stage.account("instructor").await?;
        let (id, places) = opened(stage, &owner).await?;
        let elsewhere = stage.api.login(&owner.email, &owner.password).await?;
        let kept = stage.api.session(&id, &elsewhere.token).await?.hls_url;
        stage
            .api
            .json(Method::POST, "/api/v1/users/logout", &owner.token, &json!({}))
            .await?
            .expect(204)?;
        let late = stage.api.get(&format!("/api/v1/content/{id}"), &owner.token).await?;
        late.problem(401, "unauthenticated").context("after logout")?;
        goes_dark(stage, &places, second, "after logout").await?;
        stage
            .api
            .fetch(&kept)
            .await?
            .expect(200)
            .context("another sign-in keeps playing")?;

        let everywhere = json!({ "everywhere": true });
        let again = stage.api.login(&owner.email, &owner.password).await?;
        stage
            .api
            .json(Method::POST, "/api/v1/users/logout", &again.token, &everywhere)
            .await?
            .expect(204)?;
        stage
            .api
            .get(&format!("/api/v1/content/{id}"), &elsewhere.token)
            .await?
            .problem(401, "unauthenticated")?;
        goes_dark(stage, std::slice::from_ref(&kept), second, "after logout everywhere").await?;

        let leaver = stage.account("instructor").await?;
        let (id, places) = opened(stage, &leaver).await?;
        stage
            .api
            .delete("/api/v1/users/deactivate", &leaver.token)
            .await?
            .expect(204)?;
        stage
            .api
            .get(&format!("/api/v1/content/{id}"), &leaver.token)
            .await?
            .problem(401, "unauthenticated")?;
        goes_dark(stage, &places, second, "after deactivation").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_expires() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let (_, places) = opened(stage, &owner).await?;
        stage.server.restart().await?;
        stage
            .api
            .fetch(&places[0])
            .await?
            .expect(200)
            .context("tokens survive a restart")?;
        stage.server.restart_ahead("+7h").await?;
        for place in &places {
            refused(stage, place, "an expired token").await?;
        }
        Ok(())
    })
    .await
}

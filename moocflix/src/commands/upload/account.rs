//! The sign-in behind an upload: a given token, or one that is renewed in time.

use super::address::Server;
use super::tus::{STALL, ServerUnreached};
use super::{UploadingVideo, password, tus};
use anyhow::{Context, Result, bail};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// How long before its expiry a token is renewed.
const MARGIN: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
struct Tokens {
    access_token: String,
    expires_in: u64,
    refresh_token: Option<String>,
}

/// The account that uploads.
pub(super) struct Account {
    server: Server,
    client: Client,
    email: Option<String>,
    password_stdin: bool,
    given: Option<String>,
    tokens: Option<(Tokens, Instant)>,
}

impl Account {
    pub(super) fn new(
        server: &Server,
        email: Option<String>,
        token: Option<String>,
        password_stdin: bool,
    ) -> Result<Self> {
        // a given address takes precedence over a token that may be left in the environment
        let given = if email.is_some() { None } else { token };
        Ok(Self {
            server: server.clone(),
            client: tus::client()?,
            email,
            password_stdin,
            given,
            tokens: None,
        })
    }

    /// Returns a token that is valid for the next request.
    pub(super) async fn token(&mut self) -> Result<String> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        let tokens = match &self.tokens {
            Some((tokens, at)) if at.elapsed() + MARGIN < Duration::from_secs(tokens.expires_in) => {
                return Ok(tokens.access_token.clone());
            }
            // the old refresh token stays until the next one has arrived: the server may be unreachable for a moment
            Some((
                Tokens {
                    refresh_token: Some(refresh),
                    ..
                },
                _,
            )) => self.refresh(refresh).await?,
            Some(_) | None => self.sign_in().await?,
        };
        let token = tokens.access_token.clone();
        self.tokens = Some((tokens, Instant::now()));
        Ok(token)
    }

    async fn sign_in(&self) -> Result<Tokens> {
        let email = self
            .email
            .as_deref()
            .context("give --email, --token or MOOCFLIX_TOKEN")?;
        let password = if self.password_stdin {
            password::from_stdin()?
        } else {
            password::ask(email)?
        };
        let body = serde_json::json!({ "email": email, "password": password });
        let url = self.server.join("/api/v1/users/login")?;
        let answer = self
            .client
            .post(url)
            .json(&body)
            .timeout(STALL)
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        tokens(answer, "sign in").await
    }

    async fn refresh(&self, refresh_token: &str) -> Result<Tokens> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let url = self.server.join("/api/v1/users/token")?;
        let answer = self
            .client
            .post(url)
            .form(&form)
            .timeout(STALL)
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        tokens(answer, "stay signed in").await
    }

    /// A video's details; `None` if it is gone.
    pub(super) async fn video(&mut self, video_id: &str) -> Result<Option<UploadingVideo>> {
        let token = self.token().await?;
        let url = self.server.join(&format!("/api/v1/content/{video_id}"))?;
        let answer = self
            .client
            .get(url)
            .bearer_auth(token)
            .timeout(STALL)
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => Ok(Some(answer.json().await?)),
            _ => bail!("cannot read the lecture's details: {}", tus::problem(answer).await),
        }
    }

    /// The stream of a video's events.
    pub(super) async fn events(&mut self, video_id: &str) -> Result<Response> {
        let token = self.token().await?;
        let url = self.server.join(&format!("/api/v1/content/{video_id}/events"))?;
        // only the answer's beginning has a limit: the stream goes on until the lecture has settled
        let asked = self.client.get(url).bearer_auth(token).send();
        let answer = tokio::time::timeout(STALL, asked).await;
        let answer = answer.map_err(|_| ServerUnreached("no answer in time".to_owned()))?;
        answer.map_err(|error| self.unreached(&error))
    }

    /// Ends the sign-in that this command made.
    pub(super) async fn sign_out(&mut self) {
        let Some((
            Tokens {
                refresh_token: Some(refresh),
                ..
            },
            _,
        )) = self.tokens.take()
        else {
            return;
        };
        if let Ok(url) = self.server.join("/api/v1/users/logout") {
            let body = serde_json::json!({ "refresh_token": refresh });
            // a sign-in that can't be ended now expires on its own
            let _ = self.client.post(url).json(&body).send().await;
        }
    }

    fn unreached(&self, error: &reqwest::Error) -> anyhow::Error {
        tus::unreached(&self.server, error)
    }
}

async fn tokens(answer: Response, what: &str) -> Result<Tokens> {
    if answer.status().is_success() {
        return Ok(answer.json().await?);
    }
    let may_pass = answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS;
    let why = format!("could not {what}: {}", tus::problem(answer).await);
    if may_pass {
        return Err(ServerUnreached(why).into());
    }
    bail!(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_restarts_does_not_end_a_sign_in_and_one_that_refuses_does() {
        for (status, may_pass) in [(502, true), (503, true), (429, true), (400, false), (401, false)] {
            let answer = http::Response::builder().status(status).body("").unwrap();
            let error = tokens(answer.into(), "stay signed in").await.err().unwrap();
            assert_eq!(error.is::<ServerUnreached>(), may_pass, "{status}: {error}");
        }
    }
}

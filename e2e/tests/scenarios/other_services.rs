//! Other services: clients with OAuth 2.0 credentials, the libraries that they use, and what they may ask.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Answer, Api};
use e2e::process::until;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, settings, tools};
use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Three times the promise.
const SOON: Duration = Duration::from_secs(3);
const ALL: [&str; 4] = ["content:read", "content:access", "content:stream", "courses:read"];

/// A client of another service.
struct Client {
    id: String,
    secret: String,
}

impl Client {
    async fn make(api: &Api, admin: &Account, scopes: &[&str]) -> Result<Self> {
        let body = json!({"name": "Campus", "scopes": scopes});
        let made = api
            .json(Method::POST, "/api/v1/users/clients", &admin.token, &body)
            .await?;
        Self::read(&made.expect(201)?.json(), api)
    }

    fn read(made: &Value, api: &Api) -> Result<Self> {
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("a text");
        let client = Self {
            id: text("client_id")?,
            secret: text("client_secret")?,
        };
        api.secret(&client.secret);
        Ok(client)
    }

    async fn token(&self, api: &Api) -> Result<String> {
        let request = api.request(Method::POST, "/api/v1/users/token");
        let request = request.basic_auth(&self.id, Some(&self.secret));
        let form = [("grant_type", "client_credentials")];
        let answer = api.send(request.form(&form)).await?.expect(200)?.json();
        let token = answer["access_token"].as_str().context("a token")?.to_owned();
        api.secret(&token);
        Ok(token)
    }

    async fn delete(&self, api: &Api, admin: &Account) -> Result<()> {
        let path = format!("/api/v1/users/clients/{}", self.id);
        api.delete(&path, &admin.token).await?.expect(204)?;
        Ok(())
    }
}

async fn ask(api: &Api, token: &str, path: &str) -> Result<Answer> {
    let request = api.request(Method::GET, path).bearer_auth(token);
    api.send(request.header("accept", "application/json")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_libraries_take_the_endpoints_as_they_are() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let admin = stage.account("admin").await?;
        let client = Client::make(&stage.api, &admin, &["content:read", "content:access"]).await?;
        for (name, command) in [
            ("authlib", tools::python("oauth.py")?),
            ("oauth4webapi", tools::node("oauth.mjs")?),
        ] {
            let person = stage.account("learner").await?;
            let mut command = command;
            command.arg(stage.server.url()).env("AUTHLIB_INSECURE_TRANSPORT", "1");
            let given = json!({
                "client_id": client.id, "client_secret": client.secret, "refresh_token": person.refresh,
            });
            let output = tools::output(&mut command, given.to_string().as_bytes()).await;
            let tokens: Value = serde_json::from_slice(&output.context(name)?)?;
            // What a library has revoked opens nothing.
            for (kind, token) in tokens.as_object().context("tokens")? {
                let path = match kind.as_str() {
                    "person" => "/api/v1/users/profile",
                    _ => "/api/v1/content/01900000-0000-7000-8000-000000000000",
                };
                let token = token.as_str().context("a token")?;
                stage.api.secret(token);
                ask(&stage.api, token, path)
                    .await?
                    .problem(401, "unauthenticated")
                    .context(kind.clone())?;
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_do_what_its_scopes_say_and_nothing_else() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (admin, owner) = (stage.account("admin").await?, stage.account("instructor").await?);
        let learner = stage.account("learner").await?;
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &owner.token).await?;
        let course = e2e::courses::Course::publish(api, &owner, &[&lecture], &json!({"join": "code"})).await?;
        let told = api.get(&course.path(""), &owner.token).await?.expect(200)?.json();
        ensure!(told["code"].is_string(), "{told}");
        let paths = [
            ("content:read", format!("/api/v1/content/{lecture}")),
            (
                "content:access",
                format!("/api/v1/content/{lecture}/access?user={}", learner.id),
            ),
            (
                "content:stream",
                format!("/api/v1/content/{lecture}/stream?user={}", learner.id),
            ),
            ("courses:read", course.path("")),
        ];
        for own in ALL {
            let client = Client::make(api, &admin, &[own]).await?;
            let token = client.token(api).await?;
            for (scope, path) in &paths {
                let answer = ask(api, &token, path).await?;
                if *scope == own {
                    let told = answer.expect(200)?.json();
                    // Whoever has the code could let anybody in.
                    ensure!(told.get("code").is_none_or(serde_json::Value::is_null), "{told}");
                } else {
                    answer
                        .problem(403, "scope_required")
                        .with_context(|| format!("{own} {path}"))?;
                }
            }
        }
        everything_else_is_refused(stage, &admin, &lecture).await?;
        what_clients_are_told(stage, &admin, &owner, (&lecture, &learner)).await
    })
    .await
}

/// A client with every scope is let into no row that is not named for clients.
async fn everything_else_is_refused(stage: &Stage, admin: &Account, lecture: &str) -> Result<()> {
    let api = &stage.api;
    let token = Client::make(api, admin, &ALL).await?.token(api).await?;
    let document = api.get("/openapi.json", &admin.token).await?.expect(200)?.json();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("operations")? {
            let access = operation["x-access"].as_str().unwrap_or_default();
            let is_for_clients = access.contains("client");
            let checks_bearer = !matches!(access, "public" | "playback_token" | "live_session" | "upload_key" | "");
            if is_for_clients || !checks_bearer {
                continue;
            }
            let filled = path.replace("{video_id}", lecture);
            let filled: Vec<_> = filled
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        "01900000-0000-7000-8000-000000000000"
                    } else {
                        part
                    }
                })
                .collect();
            let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
            let request = api.request(method.clone(), &filled.join("/")).bearer_auth(&token);
            let answer = api.send(request.json(&json!({}))).await?;
            ensure!(
                answer.status == 403,
                "{method} {path}: {} {}",
                answer.status,
                answer.text()
            );
            asked += 1;
        }
    }
    ensure!(asked > 40, "{asked} routes");
    tools::report(format!("a client with every scope was refused by {asked} routes"));
    Ok(())
}

async fn what_clients_are_told(
    stage: &Stage,
    admin: &Account,
    owner: &Account,
    (lecture, learner): (&str, &Account),
) -> Result<()> {
    let api = &stage.api;
    let token = Client::make(api, admin, &ALL).await?.token(api).await?;
    let nobody = "01900000-0000-7000-8000-000000000000";
    let access = |lecture: &str, user: &str| format!("/api/v1/content/{lecture}/access?user={user}");
    for (path, allowed, reason) in [
        (access(lecture, &owner.id), true, "owner"),
        (access(lecture, &admin.id), true, "admin"),
        (access(lecture, nobody), false, "no_account"),
        (access(lecture, "ada@example.org"), false, "no_account"),
        (access(nobody, &learner.id), false, "not_found"),
        (access("no-id", &learner.id), false, "not_found"),
    ] {
        let answer = ask(api, &token, &path).await?.expect(200)?.json();
        ensure!(
            answer["allowed"] == allowed && answer["reason"] == reason,
            "{path}: {answer}"
        );
    }
    let details = ask(api, &token, &format!("/api/v1/content/{lecture}"))
        .await?
        .expect(200)?
        .json();
    ensure!(
        details["owner_id"] == owner.id.as_str() && details["upload"].is_null(),
        "{details}"
    );
    what_streams_take(api, &token, (lecture, learner, owner)).await?;
    let audit = api
        .get("/api/v1/content/audit", &admin.token)
        .await?
        .expect(200)?
        .json();
    let latest = &audit["items"][0];
    ensure!(
        latest["act"] == "stream_video_for_user" && latest["details"]["user_id"] == nobody,
        "{audit}"
    );
    Ok(())
}

async fn what_streams_take(
    api: &Api,
    token: &str,
    (lecture, learner, owner): (&str, &Account, &Account),
) -> Result<()> {
    let nobody = "01900000-0000-7000-8000-000000000000";
    let stream = |query: &str| format!("/api/v1/content/{lecture}/stream{query}");
    ask(api, token, &stream("")).await?.problem(422, "invalid_request")?;
    let path = stream(&format!("?user={}", learner.id));
    api.send(api.request(Method::GET, &path))
        .await?
        .problem(401, "unauthenticated")?;
    let nil = "?user=00000000-0000-0000-0000-000000000000";
    ask(api, token, &stream(nil)).await?.problem(422, "invalid_request")?;
    ask(api, token, &stream("?user=somebody"))
        .await?
        .problem(422, "invalid_request")?;
    ask(api, &learner.token, &stream(&format!("?user={}", owner.id)))
        .await?
        .problem(422, "invalid_request")?;
    ask(api, token, &format!("/api/v1/content/{nobody}/stream?user={nobody}"))
        .await?
        .problem(404, "video_not_found")?;
    // Somebody who has no account here may watch by the client's word; a deactivated account may not.
    ask(api, token, &stream(&format!("?user={nobody}")))
        .await?
        .expect(200)?;
    api.delete("/api/v1/users/deactivate", &learner.token)
        .await?
        .expect(204)?;
    let path = stream(&format!("?user={}", learner.id));
    ask(api, token, &path).await?.problem(403, "not_entitled")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_a_client_opens_count_to_the_user_and_end_with_the_client() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (admin, owner) = (stage.account("admin").await?, stage.account("instructor").await?);
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &owner.token).await?;
        let learner = stage.account("learner").await?;
        let api = &stage.api;
        let (client, other) = (
            Client::make(api, &admin, &ALL).await?,
            Client::make(api, &admin, &ALL).await?,
        );
        let (token, others) = (client.token(api).await?, other.token(api).await?);
        let path = format!("/api/v1/content/{lecture}/stream?user={}", learner.id);
        let mut segments = Vec::new();
        for token in [&token, &token, &others] {
            let session = ask(api, token, &path).await?.expect(200)?.json();
            let url = session["hls_url"].as_str().context("a URL")?;
            api.secret(url.split('/').nth(2).context("a token in the path")?);
            let segment = playlist::open(api, url).await?[0].segments[0].clone();
            api.fetch(&segment).await?.expect(200)?;
            segments.push(segment);
        }
        let full = ask(api, &token, &path).await?.problem(429, "too_many_sessions")?.json();
        // The third is another client's, which this one neither sees nor ends.
        let listed = full["sessions"].as_array().context("sessions")?;
        ensure!(listed.len() == 2, "{full}");
        let first = listed[1]["session_id"].as_str().context("a session")?;
        ask(api, &token, &format!("{path}&take_over={first}"))
            .await?
            .expect(200)?;
        client.delete(api, &admin).await?;
        ask(api, &token, &path).await?.problem(401, "unauthenticated")?;
        until("the client's sessions end", SOON, async || {
            let answer = api.fetch(&segments[1]).await?;
            Ok((answer.status == 403 && answer.body.is_empty()).then_some(()))
        })
        .await?;
        api.fetch(&segments[2]).await?.expect(200)?;
        Ok(())
    })
    .await
}

/// The blocks of a document in one language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let (mut all, mut open) = (Vec::new(), None);
    for line in document.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some((of, text))) if of == language => all.push(text),
            (Some(_), Some(_)) | (None, None) => {}
            (Some(of), None) => open = Some((of, String::new())),
            (None, Some((of, text))) => open = Some((of, text + line + "\n")),
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_for_course_services_runs_as_it_is_printed() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (admin, owner) = (stage.account("admin").await?, stage.account("instructor").await?);
        let learner = stage.account("learner").await?;
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &owner.token).await?;
        let page = fs::read_to_string(settings::root().join("docs/course-service.md"))?;
        let folder = tempfile::tempdir()?;
        // One shell, because later blocks use the variables of earlier ones.
        let commands = blocks(&page, "").join("\n");
        let commands = commands
            .replace("127.0.0.1:8080", stage.server.address())
            .replace(
                "--data-dir data",
                &format!("--data-dir {}", stage.server.data().display()),
            )
            .replace("target/debug/moocflix", &settings::binary()?.display().to_string());
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(folder.path())
            .envs([("VIDEO", &lecture), ("LEARNER", &learner.id)]);
        let output = String::from_utf8(tools::output(&mut shell, &[]).await?)?;
        ensure!(
            output.contains("\"reason\":\"nothing\"") && output.contains("/p/"),
            "{output}"
        );
        let made = serde_json::from_slice(&fs::read(folder.path().join("client.json"))?)?;
        let client = Client::read(&made, api)?;
        course_service(
            stage,
            (&admin, &client),
            (&lecture, &learner),
            &blocks(&page, "python")[0],
        )
        .await
    })
    .await
}

/// A segment of the lecture that the course service leads a player to.
async fn watched(stage: &Stage, answer: &(u16, Option<String>)) -> Result<String> {
    let (status, location) = answer;
    ensure!(*status == 302, "{status}");
    let index = location.as_deref().context("a location")?;
    let path = index.strip_prefix(&stage.server.url()).context("a URL of the server")?;
    stage.api.secret(path.split('/').nth(2).context("a token in the path")?);
    let segment = playlist::open(&stage.api, path).await?[0].segments[0].clone();
    stage.api.fetch(&segment).await?.expect(200)?;
    Ok(segment)
}

/// The course service of the quick start: it plays for those whom it has enrolled, until its client is deleted.
async fn course_service(
    stage: &Stage,
    (admin, client): (&Account, &Client),
    (lecture, learner): (&str, &Account),
    program: &str,
) -> Result<()> {
    let api = &stage.api;
    let mut python = Command::new(settings::python()?);
    python
        .args(["-c", program])
        .envs([("MOOCFLIX", stage.server.url()), ("VIDEO", lecture.to_owned())])
        .envs([("CLIENT_ID", &client.id), ("CLIENT_SECRET", &client.secret)])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = python.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let address = lines.next_line().await?.context("an address")?;
    let http = reqwest::Client::builder().redirect(Policy::none()).build()?;
    let watch = async || -> Result<(u16, Option<String>)> {
        let answer = http.get(format!("{address}/watch/{}", learner.id)).send().await?;
        let location = answer.headers().get("location").and_then(|it| it.to_str().ok());
        Ok((answer.status().as_u16(), location.map(str::to_owned)))
    };
    let enrolment = format!("{address}/enrolments/{}", learner.id);
    ensure!(watch().await?.0 == 403, "nobody is enrolled");
    http.put(&enrolment).send().await?.error_for_status()?;
    let segment = watched(stage, &watch().await?).await?;
    http.delete(&enrolment).send().await?.error_for_status()?;
    ensure!(watch().await?.0 == 403, "not enrolled any more");
    let answer = api.fetch(&segment).await?;
    ensure!(
        answer.status == 403 && answer.body.is_empty(),
        "the learner still watches"
    );
    http.put(&enrolment).send().await?.error_for_status()?;
    let segment = watched(stage, &watch().await?).await?;
    client.delete(api, admin).await?;
    until("the learner is cut off", SOON, async || {
        let answer = api.fetch(&segment).await?;
        Ok((answer.status == 403 && answer.body.is_empty()).then_some(()))
    })
    .await?;
    ensure!(watch().await?.0 == 502, "the service of a deleted client opens nothing");
    child.kill().await?;
    Ok(())
}

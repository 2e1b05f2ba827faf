//! Every route of a lecture, live or not, and of an upload admits only those who have its right: route × person ×
//! lecture, from `openapi.json`.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::api::{Account, Answer, Api};
use e2e::process::until;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{live, media, tus};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const UNKNOWN: &str = "01900000-0000-7000-8000-000000000000";
/// Where the routes of lectures, of live lectures and of uploads begin, and those of lectures in courses.
const LECTURES: &str = "/api/v1/content/{video_id}";
const LIVE: &str = "/api/v1/content/live/{video_id}";
const UPLOADS: &str = "/api/v1/content/upload/{video_id}";
const IN_COURSES: [&str; 2] = [
    "/api/v1/courses/lectures/{video_id}",
    "/api/v1/courses/{course_id}/lectures/{video_id}",
];

/// What somebody may do with a lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Nothing,
    Watch,
    Administer,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Stranger,
    Teacher,
    Learner,
    Assistant,
    Owner,
    Admin,
}

const ALL: [Who; 7] = [
    Who::Nobody,
    Who::Stranger,
    Who::Teacher,
    Who::Learner,
    Who::Assistant,
    Who::Owner,
    Who::Admin,
];

/// A lecture by what opens it to others than its owner and admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Private,
    InCourse,
    InDraft,
    InOpenCourse,
    InPublicCourse,
    SignedIn,
    Link,
}

const KINDS: [Kind; 8] = [
    Kind::Missing,
    Kind::Private,
    Kind::InCourse,
    Kind::InDraft,
    Kind::InOpenCourse,
    Kind::InPublicCourse,
    Kind::SignedIn,
    Kind::Link,
];

/// The right that somebody has, by the rule in words of the documentation.
fn right(who: Who, kind: Kind) -> Right {
    let watches = match kind {
        Kind::Missing => return Right::Nothing,
        _ if matches!(who, Who::Owner | Who::Admin) => return Right::Administer,
        Kind::Private | Kind::Link => false,
        Kind::InCourse => matches!(who, Who::Learner | Who::Assistant),
        Kind::InDraft => who == Who::Assistant,
        Kind::InOpenCourse | Kind::SignedIn => who != Who::Nobody,
        Kind::InPublicCourse => true,
    };
    if watches { Right::Watch } else { Right::Nothing }
}

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// Nothing: it only says what can be sent.
    Nothing,
    /// At least this right to the lecture.
    Right(Right),
    /// The address of a session, which nobody here knows.
    Address,
    /// The upload's key, or its owner's sign-in.
    UploadKey,
}

/// An operation on a lecture.
struct Operation {
    method: Method,
    path: String,
    name: String,
    demand: Demand,
    /// Whether it is for everybody whom the right admits, also without a sign-in.
    without_sign_in: bool,
}

impl Operation {
    /// Whether it ends the lecture, for those who ask next, too.
    fn ends_lecture(&self) -> bool {
        matches!(self.name.as_str(), "deleteVideo" | "endLive")
    }
}

/// The operations whose paths begin so.
fn operations(document: &Value, prefix: &str) -> Result<Vec<Operation>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        if !path.starts_with(prefix) {
            continue;
        }
        for (method, operation) in item.as_object().context("operations")? {
            let name = operation["operationId"].as_str().context("a name")?;
            let access = operation["x-access"].as_str().unwrap_or_default();
            let demand = match access.split_once(':') {
                Some((_, right)) if right.starts_with("lecture_watch") => Demand::Right(Right::Watch),
                Some((_, "lecture_administer" | "lecture_administer_or_stream_key")) => {
                    Demand::Right(Right::Administer)
                }
                Some(("admin", "client_access")) => continue,
                None if access == "public" => Demand::Nothing,
                None if access == "live_session" => Demand::Address,
                None if access == "upload_key" => Demand::UploadKey,
                _ => anyhow::bail!("{name} has the unknown policy {access}"),
            };
            all.push(Operation {
                method: Method::from_bytes(method.to_uppercase().as_bytes())?,
                path: path.clone(),
                name: name.to_owned(),
                demand,
                without_sign_in: access.starts_with("lecture_access:"),
            });
        }
    }
    Ok(all)
}

/// The people of the scenario.
struct People {
    stranger: Account,
    teacher: Account,
    learner: Account,
    assistant: Account,
    owner: Account,
    admin: Account,
}

impl People {
    async fn meet(stage: &mut Stage) -> Result<Self> {
        Ok(Self {
            stranger: stage.account("learner").await?,
            teacher: stage.account("instructor").await?,
            learner: stage.account("learner").await?,
            assistant: stage.account("learner").await?,
            owner: stage.account("instructor").await?,
            admin: stage.account("admin").await?,
        })
    }

    fn token(&self, who: Who) -> Option<&str> {
        let account = match who {
            Who::Nobody => return None,
            Who::Stranger => &self.stranger,
            Who::Teacher => &self.teacher,
            Who::Learner => &self.learner,
            Who::Assistant => &self.assistant,
            Who::Owner => &self.owner,
            Who::Admin => &self.admin,
        };
        Some(&account.token)
    }

    /// A lecture of a kind. With a film it is a live one that has not begun; a course has the film, too, because it is
    /// published with something that can be watched.
    async fn lecture(&self, api: &Api, kind: Kind, film: Option<&str>) -> Result<String> {
        let token = &self.owner.token;
        if kind == Kind::Missing {
            return Ok(UNKNOWN.to_owned());
        }
        let id = if film.is_some() {
            live::announce(api, &self.owner).await?.0
        } else {
            api.playable(&media::short().await?, token).await?
        };
        let access = match kind {
            Kind::InCourse | Kind::InDraft => "enrolled",
            Kind::InOpenCourse => "open",
            Kind::InPublicCourse => "public",
            Kind::SignedIn | Kind::Link => {
                let visibility = if kind == Kind::Link { "link" } else { "signed_in" };
                let path = format!("/api/v1/content/{id}");
                let change = json!({"visibility": visibility});
                api.json(Method::PATCH, &path, token, &change).await?.expect(200)?;
                return Ok(id);
            }
            Kind::Missing | Kind::Private => return Ok(id),
        };
        let lectures: Vec<&str> = film.into_iter().chain([id.as_str()]).collect();
        self.course(api, &lectures, access, kind != Kind::InDraft).await?;
        Ok(id)
    }

    /// A course of lectures with a learner and an assistant, which nobody else can join.
    async fn course(&self, api: &Api, lectures: &[&str], access: &str, published: bool) -> Result<()> {
        let token = &self.owner.token;
        let course = json!({"title": "Graphs", "access": access, "join": "closed"});
        let id = post(api, "", token, &course).await?;
        let module = post(api, &format!("/{id}/modules"), token, &json!({"title": "One"})).await?;
        for lecture in lectures {
            let item = json!({"kind": "video", "content_id": lecture});
            post(api, &format!("/{id}/modules/{module}/items"), token, &item).await?;
        }
        for (account, role) in [(&self.learner, "learner"), (&self.assistant, "assistant")] {
            post(
                api,
                &format!("/{id}/enrolments"),
                token,
                &json!({"user_id": account.id}),
            )
            .await?;
            let path = format!("/api/v1/courses/{id}/members/{}", account.id);
            let set = api.json(Method::PUT, &path, token, &json!({"role": role})).await?;
            set.expect(200)?;
        }
        if published {
            post(api, &format!("/{id}/publish"), token, &json!({})).await?;
        }
        Ok(())
    }
}

async fn post(api: &Api, path: &str, token: &str, body: &Value) -> Result<String> {
    let path = format!("/api/v1/courses{path}");
    let answer = api.json(Method::POST, &path, token, body).await?;
    ensure!(answer.status.is_success(), "{path}: {}", answer.text());
    Ok(answer.json()["id"].as_str().unwrap_or_default().to_owned())
}

async fn ask(api: &Api, operation: &Operation, lecture: &str, token: Option<&str>) -> Result<Answer> {
    let path = operation.path.replace("{video_id}", lecture);
    let path = path.replace("{session}", UNKNOWN).replace("{course_id}", UNKNOWN);
    let mut request = api.request(operation.method.clone(), &path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request = match operation.name.as_str() {
        "updateVideo" | "updateLive" => request.json(&json!({})),
        "recordWatch" => request.json(&json!({"position": 0, "intervals": []})),
        "streamVideo" => request.header(ACCEPT, "application/json"),
        _ => request,
    };
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    // A stream of events has no end.
    let is_stream = status.is_success() && operation.name == "watchVideo";
    let body = if is_stream { Bytes::new() } else { answer.bytes().await? };
    Ok(Answer { status, headers, body })
}

/// Whether an answer is what somebody with a right should get.
fn is_right(operation: &Operation, (who, right): (Who, Right), answer: &Answer) -> bool {
    let (status, code) = (answer.status.as_u16(), answer.code());
    let least = match operation.demand {
        Demand::Nothing => return answer.status.is_success(),
        Demand::Address => return status == 404,
        Demand::Right(least) => least,
        Demand::UploadKey => return false,
    };
    if who == Who::Nobody && !(operation.without_sign_in && right >= least) {
        return status == 401 && code == "unauthenticated";
    }
    if right >= least && operation.name == "takeLectureOut" {
        // It is in no such course.
        return status == 404 && code == "item_not_found";
    }
    if right >= least {
        return status < 500 && !matches!(status, 401 | 403 | 404);
    }
    // Who may watch a live lecture knows of it.
    if operation.name == "startPublishing" && right == Right::Watch {
        return status == 403 && code == "not_entitled";
    }
    status == 404 && code == "video_not_found"
}

/// What is wrong with the answer to somebody who asks for something of a lecture.
async fn fault(
    api: &Api,
    (people, film): (&People, Option<&str>),
    operation: &Operation,
    (kind, lecture): (Kind, &str),
    who: Who,
) -> Result<Option<String>> {
    let right = right(who, kind);
    let answer = if operation.ends_lecture() && right >= Right::Administer {
        let lecture = Box::pin(people.lecture(api, kind, film)).await?;
        ask(api, operation, &lecture, people.token(who)).await?
    } else {
        ask(api, operation, lecture, people.token(who)).await?
    };
    Ok((!is_right(operation, (who, right), &answer)).then(|| {
        let (name, status, code) = (&operation.name, answer.status, answer.code());
        format!("{name} of {kind:?} answered {who:?} with {status} {code}")
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_a_lecture_keeps_to_the_rights_to_it() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let people = People::meet(stage).await?;
        let api = &stage.api;
        let document = api.send(api.request(Method::GET, "/openapi.json")).await?.json();
        let film = api.playable(&media::short().await?, &people.owner.token).await?;
        let mut walks = Vec::new();
        // The uploads take a moment, in which all that opens a live lecture is known everywhere.
        for (prefix, film) in [(LIVE, Some(film.as_str())), (LECTURES, None)] {
            let mut lectures = Vec::new();
            for kind in KINDS {
                lectures.push((kind, people.lecture(api, kind, film).await?));
            }
            let mut walked = operations(&document, prefix)?;
            for prefix in IN_COURSES {
                walked.extend(operations(&document, prefix)?);
            }
            walks.push((walked, film, lectures));
        }
        let (mut faults, mut calls) = (Vec::new(), 0);
        for (operations, film, lectures) in &walks {
            for operation in operations {
                for (kind, lecture) in lectures {
                    for who in ALL {
                        let asked = fault(api, (&people, *film), operation, (*kind, lecture), who);
                        faults.extend(asked.await?);
                        calls += 1;
                    }
                }
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        ensure!(calls >= 1_000, "only {calls} calls");
        Ok(())
    })
    .await
}

/// How an upload is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Missing,
    WithoutKey,
    WithAnothersKey,
    WithItsKey,
}

/// A request for an upload. Bytes are sent for an offset where it is not, so that they change nothing.
fn of_upload(api: &Api, operation: &Operation, url: &str) -> Result<RequestBuilder> {
    let request = tus::request(api, operation.method.clone(), url);
    Ok(match operation.name.as_str() {
        "showUpload" | "cancelUpload" => request,
        "resumeUpload" => tus::patch(api, url, 1, ""),
        "overrideUploadMethod" => request
            .header("X-HTTP-Method-Override", "PATCH")
            .header("Upload-Offset", "1")
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .body(""),
        name => anyhow::bail!("nobody asks for {name}"),
    })
}

/// What is wrong with the answer to somebody who asks for something of an upload that the owner began.
async fn upload_fault(
    api: &Api,
    (people, other): (&People, &tus::Upload),
    operation: &Operation,
    (named, who): (Named, Who),
) -> Result<Option<String>> {
    let upload = tus::create(api, &people.owner.token, 1_000).await?;
    let (path, _) = upload.url.split_once("?k=").context("a key")?;
    let (_, key) = other.url.split_once("?k=").context("a key")?;
    let url = match named {
        Named::Missing => UPLOADS.replace("{video_id}", UNKNOWN),
        Named::WithoutKey => path.to_owned(),
        Named::WithAnothersKey => format!("{path}?k={key}"),
        Named::WithItsKey => upload.url.clone(),
    };
    let mut request = of_upload(api, operation, &url)?;
    if let Some(token) = people.token(who) {
        request = request.bearer_auth(token);
    }
    let answer = api.send(request).await?;
    // Those who may cancel it have done so.
    tus::request(api, Method::DELETE, &upload.url).send().await?;
    let let_in = named == Named::WithItsKey || who == Who::Owner && named != Named::Missing;
    let (status, code) = (answer.status.as_u16(), answer.code());
    let (expected, meant) = match operation.name.as_str() {
        _ if !let_in && who == Who::Nobody => (401, "unauthenticated"),
        _ if !let_in => (404, "video_not_found"),
        "showUpload" => (200, ""),
        "cancelUpload" => (204, ""),
        _ => (409, ""),
    };
    // An answer to HEAD has no body.
    let says = meant.is_empty() || operation.method == Method::HEAD || code == meant;
    Ok((status != expected || !says).then(|| {
        let name = &operation.name;
        format!("{name} {named:?} answered {who:?} with {status} {code} instead of {expected}")
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_an_upload_is_for_its_owner_and_for_whoever_has_its_key() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let people = People::meet(stage).await?;
        let api = &stage.api;
        let other = tus::create(api, &people.owner.token, 1_000).await?;
        let document = api.send(api.request(Method::GET, "/openapi.json")).await?.json();
        let operations = operations(&document, UPLOADS)?;
        ensure!(operations.len() >= 4, "only {} operations", operations.len());
        let mut faults = Vec::new();
        for operation in &operations {
            ensure!(operation.demand == Demand::UploadKey, "{}", operation.name);
            for named in [
                Named::Missing,
                Named::WithoutKey,
                Named::WithAnothersKey,
                Named::WithItsKey,
            ] {
                for who in ALL {
                    let asked = upload_fault(api, (&people, &other), operation, (named, who));
                    faults.extend(asked.await?);
                }
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(())
    })
    .await
}

/// Bytes that come slowly, and never all of them; `sent` counts their parts.
fn endless(sent: &Arc<AtomicUsize>) -> reqwest::Body {
    let parts = futures::stream::unfold(Arc::clone(sent), |sent| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        sent.fetch_add(1, Ordering::Relaxed);
        Some((Ok::<_, std::io::Error>(Bytes::from_static(&[0; 64])), sent))
    });
    reqwest::Body::wrap_stream(parts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_an_admin_takes_away_stops_an_upload_until_it_is_given_back() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (admin, teacher) = (stage.account("admin").await?, stage.account("instructor").await?);
        let bytes = Bytes::from(std::fs::read(media::short().await?)?);
        let half = bytes.len() / 2;
        let upload = tus::create(&stage.api, &teacher.token, bytes.len() as u64).await?;
        let sent = tus::send(&stage.api, &upload.url, 0, bytes.slice(..half)).await?;
        sent.expect(204)?;
        let roles = async |role: &str| -> Result<Account> {
            let path = format!("/api/v1/users/{}/roles", teacher.id);
            let body = json!({ "roles": [role] });
            let changed = stage.api.json(Method::PUT, &path, &admin.token, &body).await?;
            changed.expect(200)?;
            stage.api.login(&teacher.email, &teacher.password).await
        };

        let other = tus::create(&stage.api, &teacher.token, bytes.len() as u64).await?;
        let parts = Arc::new(AtomicUsize::new(0));
        let going = tus::send(&stage.api, &other.url, 0, endless(&parts));
        let taken = async {
            let under_way = until("a PATCH under way", Duration::from_secs(15), async || {
                Ok((parts.load(Ordering::Relaxed) > 10).then_some(()))
            });
            under_way.await?;
            roles("learner").await
        };
        let (ended, learner) = tokio::join!(tokio::time::timeout(Duration::from_secs(30), going), taken);
        let learner = learner?;
        if let Ok(answer) = ended.context("a PATCH goes on without the role")? {
            ensure!(
                answer.status == 423 || answer.status == 401,
                "{} {}",
                answer.status,
                answer.text()
            );
        }
        for upload in [&upload, &other] {
            let refused = until("the key is refused", Duration::from_secs(15), async || {
                Ok((tus::head(&stage.api, &upload.url).await?.status == 401).then_some(()))
            });
            refused.await?;
        }
        let path = upload.url.split('?').next().context("a path")?;
        let rest = |offset: u64| bytes.slice(usize::try_from(offset).unwrap_or(0)..);
        let resumed = tus::patch(&stage.api, path, half as u64, rest(half as u64)).bearer_auth(&learner.token);
        let refused = stage.api.send(resumed).await?;
        refused.problem(403, "instructor_required")?;

        let again = roles("instructor").await?;
        let video = stage.api.video(&upload.id, &again.token).await?;
        let url = video["upload"]["url"].as_str().context("the upload's new address")?;
        stage.api.secret(url.rsplit_once("?k=").context("a key")?.1);
        ensure!(tus::offset(&stage.api, url).await? == half as u64, "bytes are lost");
        let sent = tus::send(&stage.api, url, half as u64, rest(half as u64)).await?;
        sent.expect(204)?;
        let states = ["playable", "ready"];
        stage.api.becomes(&upload.id, &again.token, &states).await?;
        Ok(())
    })
    .await
}

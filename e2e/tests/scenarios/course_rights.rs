//! Every route of a course admits only those whose role in it allows the act: route × person × (own, another's, none), from
//! `openapi.json`.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Answer, Api};
use e2e::media;
use e2e::server::Start;
use e2e::stage::scenario;
use reqwest::Method;
use serde_json::{Value, json};

const UNKNOWN: &str = "01900000-0000-7000-8000-000000000000";

/// Who asks, from the least to the greatest role; the number is the rank in their own course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stranger,
    Learner,
    Assistant,
    Editor,
    Owner,
}

/// The least rank that an operation takes: the right in its row of the URL table, or what its body asks for others.
fn least(name: &str, right: &str) -> Result<Rank> {
    Ok(match (name, right) {
        ("enrol" | "endEnrolment", "course_seen") => Rank::Assistant,
        (_, "course_seen") => Rank::Stranger,
        (_, "course_learner") => Rank::Learner,
        (_, "course_assistant") => Rank::Assistant,
        (_, "course_editor") => Rank::Editor,
        (_, "course_owner") => Rank::Owner,
        (name, other) => anyhow::bail!("{name} has the unknown right {other}"),
    })
}

/// A body that is valid for an operation, and that changes little if it is let in.
fn body(name: &str) -> Value {
    match name {
        "enrol" => json!({"user_id": UNKNOWN}),
        "enrolList" => json!({"text": "nobody@example.org"}),
        "updateCourse" | "addModule" | "changeModule" | "renameItem" => json!({"title": "x"}),
        "orderOutline" => json!({"modules": []}),
        "addItem" => json!({"kind": "video", "content_id": UNKNOWN}),
        "setCourseRole" => json!({"role": "editor"}),
        _ => Value::Null,
    }
}

/// A course, and whether everybody may know of it.
struct Course {
    what: &'static str,
    id: String,
    /// The people have their ranks in it.
    own: bool,
    is_draft: bool,
}

/// The people of the scenario.
struct People {
    /// With each rank in the own courses.
    ranked: Vec<(Rank, Account)>,
    admin: Account,
    other: Account,
    /// A lecture of the owner's and one of the other's.
    lectures: [String; 2],
}

impl People {
    fn of(&self, rank: Rank) -> Result<&Account> {
        let found = self.ranked.iter().find(|(it, _)| *it == rank);
        found.map(|(_, account)| account).context("an account")
    }

    /// Fresh courses of each kind.
    async fn courses(&self, api: &Api) -> Result<Vec<Course>> {
        let mut all = vec![Course {
            what: "no course",
            id: UNKNOWN.to_owned(),
            own: false,
            is_draft: true,
        }];
        let owner = self.of(Rank::Owner)?;
        for (what, teacher, lecture, own, is_draft) in [
            ("their own course", owner, &self.lectures[0], true, false),
            ("their own draft", owner, &self.lectures[0], true, true),
            ("another's course", &self.other, &self.lectures[1], false, false),
            ("another's draft", &self.other, &self.lectures[1], false, true),
        ] {
            let id = course(api, &teacher.token, lecture, !is_draft).await?;
            if own {
                self.join(api, &id, &owner.token).await?;
            }
            all.push(Course {
                what,
                id,
                own,
                is_draft,
            });
        }
        Ok(all)
    }

    /// Gives everybody their rank in a course.
    async fn join(&self, api: &Api, id: &str, token: &str) -> Result<()> {
        for (rank, role) in [
            (Rank::Learner, ""),
            (Rank::Assistant, "assistant"),
            (Rank::Editor, "editor"),
        ] {
            let user = &self.of(rank)?.id;
            let body = json!({"user_id": user});
            post(api, &format!("/{id}/enrolments"), token, &body).await?;
            if !role.is_empty() {
                let path = format!("/api/v1/courses/{id}/members/{user}");
                let set = api.json(Method::PUT, &path, token, &json!({"role": role})).await?;
                set.expect(200)?;
            }
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

/// A course of one lecture.
async fn course(api: &Api, token: &str, lecture: &str, published: bool) -> Result<String> {
    let id = post(api, "", token, &json!({"title": "Graphs"})).await?;
    let module = post(api, &format!("/{id}/modules"), token, &json!({"title": "One"})).await?;
    let item = json!({"kind": "video", "content_id": lecture});
    post(api, &format!("/{id}/modules/{module}/items"), token, &item).await?;
    if published {
        post(api, &format!("/{id}/publish"), token, &json!({})).await?;
    }
    Ok(id)
}

/// Each operation on a course: method, path, name and right.
fn rows(document: &Value) -> Result<Vec<(Method, String, String, String)>> {
    let mut rows = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        if !path.starts_with("/api/v1/courses/{") {
            continue;
        }
        for (method, operation) in item.as_object().context("operations")? {
            let name = operation["operationId"].as_str().context("a name")?;
            let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
            let access = operation["x-access"].as_str().unwrap_or_default();
            let (_, right) = access.split_once(':').with_context(|| format!("{name} has no right"))?;
            let right = right.trim_end_matches("_or_client_read");
            // The rights to lectures have a walk of their own.
            if right.starts_with("lecture_") {
                continue;
            }
            rows.push((method, path.clone(), name.to_owned(), right.to_owned()));
        }
    }
    Ok(rows)
}

/// What an answer lacks of what it should be; nothing if it is right.
fn wrong(status: u16, code: &str, (rank, least): (Option<Rank>, Rank), seen: bool) -> bool {
    let right = match rank {
        None => status == 401 && code == "unauthenticated",
        Some(_) if !seen => status == 404 && code == "course_not_found",
        Some(rank) if rank < least => status == 403 && code.ends_with("_required"),
        Some(_) => !matches!(status, 401 | 403 | 500..) && code != "course_not_found",
    };
    !right
}

/// Asks for an operation in a course; what else its path names does not exist.
async fn ask(
    api: &Api,
    (method, path, body): (&Method, &str, &Value),
    course: &str,
    account: Option<&Account>,
) -> Result<Answer> {
    let filled = ["{module_id}", "{item_id}", "{user_id}"]
        .iter()
        .fold(path.replace("{course_id}", course), |path, it| {
            path.replace(it, UNKNOWN)
        });
    let mut request = api.request(method.clone(), &filled);
    if let Some(account) = account {
        request = request.bearer_auth(&account.token);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    api.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_a_course_keeps_to_the_roles_in_it() -> Result<()> {
    let start = Start::default().set("COURSES__ENROLMENTS_PER_DAY", "100000");
    scenario(start, async |stage| {
        let mut ranked = Vec::new();
        for rank in [Rank::Stranger, Rank::Learner, Rank::Assistant, Rank::Editor] {
            ranked.push((rank, stage.account("learner").await?));
        }
        ranked.push((Rank::Owner, stage.account("instructor").await?));
        let (admin, other) = (stage.account("admin").await?, stage.account("instructor").await?);
        let (api, film) = (&stage.api, media::short().await?);
        let owner = ranked.last().context("an owner")?.1.token.clone();
        let lectures = [
            api.playable(&film, &owner).await?,
            api.playable(&film, &other.token).await?,
        ];
        let people = People {
            ranked,
            admin,
            other,
            lectures,
        };
        let document = api.send(api.request(Method::GET, "/openapi.json")).await?.json();
        let (mut faults, mut calls) = (Vec::new(), 0);
        for (method, path, name, right) in rows(&document)? {
            let (least, body) = (least(&name, &right)?, body(&name));
            let mut courses = people.courses(api).await?;
            let known = people
                .ranked
                .iter()
                .map(|(rank, account)| (Some(*rank), Some(account), false));
            let callers = std::iter::once((None, None, false)).chain(known);
            for (rank, account, is_admin) in callers.chain([(Some(Rank::Owner), Some(&people.admin), true)]) {
                if name == "deleteCourse" {
                    courses = people.courses(api).await?;
                }
                for course in &courses {
                    let answer = ask(api, (&method, &path, &body), &course.id, account).await?;
                    let (status, code) = (answer.status.as_u16(), answer.code());
                    let rank_here = rank.map(|rank| if course.own || is_admin { rank } else { Rank::Stranger });
                    let seen = course.id != UNKNOWN && (!course.is_draft || rank_here >= Some(Rank::Assistant));
                    if wrong(status, &code, (rank_here, least), seen) {
                        let who = rank.map_or("nobody".to_owned(), |rank| format!("{rank:?} (admin: {is_admin})"));
                        faults.push(format!("{name} in {} answered {who} with {status} {code}", course.what));
                    }
                    calls += 1;
                }
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        ensure!(calls >= 600, "only {calls} calls");
        Ok(())
    })
    .await
}

//! The questions that a service answers to roles in other processes: a table beside the one of its routes.
//!
//! Its rows are mounted only where roles run apart. They admit nobody but those roles, and the `OpenAPI` document leaves
//! them out.

use crate::auth::internal_keys::{InternalKeys, NotInternal};
use crate::live_reply;
use crate::messages::body;
use crate::messages::held_bytes::HeldBytes;
use crate::routing::matched_route::NoteRoute;
use crate::{Access, Json, Problem, Routes, Row, metric};
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use contracts::asked::{
    AccountAsked, AddressesAsked, ChangesAsked, HistoryAsked, LeaveAsked, LecturesAsked, LiveAsked, LiveFileAsked,
    LivingAsked, MayPublishAsked, MayWatchAsked, PeopleAsked, Question, RefusalsAsked, WatchedAsked, WithdrawnAsked,
};
use contracts::questions::live::{LiveDoor, LiveMedia};
use contracts::questions::{Courses, Directory, Identities, Lectures, Refusals, Unanswered, Watching};
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use std::future::Future;
use std::sync::Arc;

/// As long as a question about the members of a large course and all of its lectures.
const BODY_BYTES: usize = 1_024 * 1_024;

type Answers = dyn Fn(Bytes) -> BoxFuture<'static, Result<Response, Problem>> + Send + Sync;

/// One question with what answers it.
#[derive(Clone)]
struct Line {
    path: &'static str,
    askers: &'static [&'static str],
    answers: Arc<Answers>,
}

/// The questions that a service answers.
#[derive(Default)]
#[must_use]
pub struct Questions(Vec<Line>);

impl Questions {
    /// No questions.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the questions about people.
    pub fn directory(self, answers: Arc<dyn Directory>) -> Self {
        let people = Arc::clone(&answers);
        self.line(move |AddressesAsked { addresses }| {
            let answers = Arc::clone(&answers);
            async move { answers.at_addresses(&addresses).await }
        })
        .line(move |PeopleAsked { ids }| {
            let answers = Arc::clone(&people);
            async move { answers.people(&ids).await }
        })
    }

    /// Adds the question about people of other issuers.
    pub fn identities(self, answers: Arc<dyn Identities>) -> Self {
        self.line(move |AccountAsked { identity }| {
            let answers = Arc::clone(&answers);
            async move { answers.account_of(&identity).await }
        })
    }

    /// Adds the question about tokens that are refused.
    pub fn refusals(self, answers: Arc<dyn Refusals>) -> Self {
        self.line(move |RefusalsAsked { since }| {
            let answers = Arc::clone(&answers);
            async move { answers.written_after(since).await }
        })
    }

    /// Adds the questions about lectures.
    pub fn lectures(self, answers: Arc<dyn Lectures>) -> Self {
        let live = Arc::clone(&answers);
        self.line(move |LecturesAsked { ids, user, is_admin }| {
            let answers = Arc::clone(&answers);
            async move { answers.lectures(&ids, user, is_admin).await }
        })
        .line(move |LiveAsked {}| {
            let answers = Arc::clone(&live);
            async move { answers.live().await }
        })
    }

    /// Adds the question about what people have watched.
    pub fn watching(self, answers: Arc<dyn Watching>) -> Self {
        self.line(move |WatchedAsked { users, videos }| {
            let answers = Arc::clone(&answers);
            async move { answers.watched(&users, &videos).await }
        })
    }

    /// Adds the questions about courses.
    pub fn courses(self, answers: Arc<dyn Courses>) -> Self {
        let history = Arc::clone(&answers);
        self.line(move |ChangesAsked { position }| {
            let answers = Arc::clone(&answers);
            async move { answers.changed_after(position).await }
        })
        .line(move |HistoryAsked { course, after }| {
            let answers = Arc::clone(&history);
            async move { answers.history(course, after).await }
        })
    }

    /// Adds the question about files of live lectures.
    pub fn live_media(self, answers: Arc<dyn LiveMedia>) -> Self {
        self.shaped(move |LiveFileAsked { video, file, reload }| {
            let answers = Arc::clone(&answers);
            async move { Ok(live_reply::response(answers.read(video, &file, reload).await)) }
        })
    }

    /// Adds the questions about who may publish and watch live lectures.
    pub fn live_door(self, door: Arc<dyn LiveDoor>) -> Self {
        let (publish, withdrawn, watch) = (Arc::clone(&door), Arc::clone(&door), Arc::clone(&door));
        let (living, leave) = (Arc::clone(&door), door);
        self.line(move |MayPublishAsked { asked }| {
            let door = Arc::clone(&publish);
            async move { door.publish(asked).await }
        })
        .line(move |WithdrawnAsked { grants }| {
            let door = Arc::clone(&withdrawn);
            async move { door.withdrawn(grants).await }
        })
        .line(move |MayWatchAsked { asked }| {
            let door = Arc::clone(&watch);
            async move { door.watch(asked).await }
        })
        .line(move |LivingAsked { watches }| {
            let door = Arc::clone(&living);
            async move { door.living(watches).await }
        })
        .line(move |LeaveAsked { watch }| {
            let door = Arc::clone(&leave);
            async move { door.leave(watch).await }
        })
    }

    fn line<Q, F, A>(self, answer: F) -> Self
    where
        Q: Question,
        F: Fn(Q) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Q::Answer, Unanswered>> + Send + 'static,
    {
        self.shaped(move |question: Q| {
            let answering = answer(question);
            async move { answering.await.map(|it| Json(it).into_response()) }
        })
    }

    /// Adds a question with the whole response of its answer.
    fn shaped<Q, F, A>(mut self, answer: F) -> Self
    where
        Q: Question,
        F: Fn(Q) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, Unanswered>> + Send + 'static,
    {
        let answers = move |bytes: Bytes| -> BoxFuture<'static, Result<Response, Problem>> {
            let answering = serde_json::from_slice::<Q>(&bytes).map(&answer);
            Box::pin(async move {
                let answered = answering.map_err(|error| unreadable(&error))?.await;
                answered.map_err(|why| unanswered(&why))
            })
        };
        self.0.push(Line {
            path: Q::PATH,
            askers: Q::ASKERS,
            answers: Arc::new(answers),
        });
        self
    }

    /// The rows, for those who list them.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let row = |line: &Line| Row {
            method: Method::POST,
            path: line.path.to_owned(),
            access: Access::Internal(line.askers),
        };
        self.0.iter().map(row).collect()
    }

    /// The table as routes, each of which checks who asks.
    pub fn behind(self, keys: &InternalKeys) -> Routes {
        let rows = self.rows();
        let router = self.0.into_iter().fold(Router::new(), |router, line| {
            let (path, keys) = (line.path, keys.clone());
            let handler = move |request: Request| {
                let (line, keys) = (line.clone(), keys.clone());
                async move { answer(&line, &keys, request).await }
            };
            router.route(path, post(handler).route_layer(NoteRoute))
        });
        Routes {
            router,
            rows,
            ..Routes::default()
        }
    }
}

async fn answer(line: &Line, keys: &InternalKeys, request: Request) -> Result<Response, Problem> {
    let signature = keys.read(request.headers(), line.path, line.askers).map_err(refused)?;
    if let Some(held) = request.extensions().get::<HeldBytes>() {
        held.set_limit(BODY_BYTES);
    }
    let bytes = body::read_all(request).await?;
    if !signature.fits(&bytes) {
        return Err(refused(NotInternal::Unsigned));
    }
    (line.answers)(bytes).await
}

fn refused(why: NotInternal) -> Problem {
    match why {
        NotInternal::Unsigned => {
            metric::question_refused("signature");
            let detail = "this is for other processes of this installation, which sign what they ask";
            Problem::new(StatusCode::UNAUTHORIZED, "not_signed", detail)
        }
        NotInternal::OtherRole => {
            metric::question_refused("role");
            Problem::new(StatusCode::FORBIDDEN, "other_role", "another role may ask this")
        }
    }
}

fn unreadable(error: &serde_json::Error) -> Problem {
    tracing::warn!(%error, "a question of another process can't be read");
    Problem::invalid()
}

fn unanswered(why: &Unanswered) -> Problem {
    tracing::warn!(error = %why, "a question of another process can't be answered");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unanswered",
        "this can't be answered at the moment",
    )
}

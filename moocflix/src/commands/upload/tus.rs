//! A tus 1.0.0 client: creates an upload, asks for the offset, sends the rest, retries.
//!
//! Source: <https://tus.io/protocols/resumable-upload>

use super::about::About;
use super::address::Server;
use super::progress::UploadProgress;
use super::source::Source;
use super::state::CreatedUpload;
use anyhow::{Context, Error, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use std::fmt::{Display, Formatter};
use std::time::Duration;

/// Consecutive failures without progress before the command gives up.
const TRIES: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A request that makes no progress, or gets no answer, for this long is cancelled.
pub(super) const STALL: Duration = Duration::from_secs(60);

/// Why an upload did not finish.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server rejects the key in the upload's address.
    Key,
    /// The server rejects this file permanently.
    Final(Error),
    /// The upload failed for now.
    Later(Error),
}

/// How one attempt failed.
enum Miss {
    Refused(Refusal),
    /// A retry may help, after the pause that the server asked for, if any.
    Again(Error, Option<Duration>),
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

/// A client without a limit on a whole request, because uploads take long.
pub(super) fn client() -> Result<Client> {
    let agent = concat!("moocflix/", env!("CARGO_PKG_VERSION"));
    let client = Client::builder()
        .user_agent(agent)
        .connect_timeout(Duration::from_secs(10));
    client
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make an HTTP client")
}

/// The problem in a response, in one line.
pub(super) async fn problem(answer: Response) -> String {
    let status = answer.status();
    let Ok(it) = answer.json::<Problem>().await else {
        return format!("the server answered {status}, which doesn't look like MoocFlix; check --server");
    };
    if it.code == "instructor_required" {
        return format!(
            "your account can't upload yet, only instructors can; ask an administrator to make you one ({})",
            it.code
        );
    }
    format!("{} ({})", it.detail.or(it.title).unwrap_or_default(), it.code)
}

/// A request that no server answered, or that the server can't answer now.
#[derive(Debug)]
pub(super) struct ServerUnreached(pub(super) String);

impl Display for ServerUnreached {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServerUnreached {}

/// Reports an unanswered request in the system's words; the library's contain addresses with keys.
pub(super) fn unreached(server: &Server, error: &reqwest::Error) -> Error {
    let slow = error.is_timeout();
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    let cause = chain.last().map_or_else(String::new, ToString::to_string);
    let what = if slow { "no answer in time".to_owned() } else { cause };
    let server = server.as_str().trim_end_matches('/');
    ServerUnreached(format!(
        "{server} can't be reached: {what}; is the server running there?"
    ))
    .into()
}

/// The upload in a response.
async fn begun(answer: Response) -> Result<CreatedUpload> {
    let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let url = location
        .map(str::to_owned)
        .context("the server returned no address for the upload")?;
    let video: Created = answer
        .json()
        .await
        .context("the server's response to the upload is invalid")?;
    Ok(CreatedUpload {
        url,
        video_id: video.id,
    })
}

/// The server's tus endpoint.
pub(super) struct Tus {
    server: Server,
    client: Client,
}

impl Tus {
    pub(super) fn new(server: &Server) -> Result<Self> {
        Ok(Self {
            server: server.clone(),
            client: client()?,
        })
    }

    /// Creates an upload. The same request, by name, creates one upload however often it is sent.
    ///
    /// Errors: [`Refusal::Later`] if the server may have created it, or may later
    pub(super) async fn create(
        &self,
        source: &Source,
        about: &About,
        request: &str,
        token: &str,
    ) -> Result<CreatedUpload, Refusal> {
        let mut metadata = vec![("filename", source.name.as_str()), ("filetype", source.media_type())];
        metadata.extend(about.title.as_deref().map(|it| ("title", it)));
        metadata.extend(about.visibility.map(|it| ("visibility", it.as_str())));
        let metadata: Vec<_> = metadata
            .iter()
            .map(|(key, it)| format!("{key} {}", STANDARD.encode(it)))
            .collect();
        let url = self.server.join("/api/v1/content/upload").map_err(Refusal::Final)?;
        let post = tus(self.client.post(url).bearer_auth(token))
            .header("Idempotency-Key", request)
            .header("Upload-Length", source.length)
            .header("Upload-Metadata", metadata.join(","))
            .header(CONTENT_LENGTH, 0)
            .timeout(STALL);
        let answer = post
            .send()
            .await
            .map_err(|error| Refusal::Later(unreached(&self.server, &error)))?;
        let status = answer.status();
        if status != StatusCode::CREATED {
            let error = anyhow!("the server did not create the upload: {}", problem(answer).await);
            let may_pass =
                status.is_server_error() || matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
            return Err(if may_pass {
                Refusal::Later(error)
            } else {
                Refusal::Final(error)
            });
        }
        begun(answer).await.map_err(Refusal::Later)
    }

    /// Sends the bytes that the server does not have yet, however often the connection breaks.
    pub(super) async fn send(&self, url: &str, source: &Source, progress: &UploadProgress) -> Result<(), Refusal> {
        let url = self.server.join(url).map_err(Refusal::Final)?;
        let (mut misses, mut furthest) = (0, None);
        loop {
            let (error, pause) = match self.attempt(&url, source, progress, &mut furthest, &mut misses).await {
                Ok(()) => return Ok(()),
                Err(Miss::Refused(refusal)) => return Err(refusal),
                Err(Miss::Again(error, pause)) => (error, pause),
            };
            misses += 1;
            if misses >= TRIES {
                return Err(Refusal::Later(error));
            }
            let pause = pause
                .unwrap_or(FIRST_PAUSE * 2_u32.pow(misses.min(7) - 1))
                .min(LONGEST_PAUSE);
            progress.waits(&format!("{error:#}; retrying in {:.1} s", pause.as_secs_f64()));
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        url: &Url,
        source: &Source,
        progress: &UploadProgress,
        furthest: &mut Option<u64>,
        misses: &mut u32,
    ) -> Result<(), Miss> {
        let offset = self.offset(url, source).await?;
        if furthest.is_some_and(|it| offset > it) {
            *misses = 0;
        }
        *furthest = Some(offset);
        progress.resume(offset);
        if offset == source.length {
            return Ok(());
        }
        let shown = progress.clone();
        let bytes = source
            .from(offset, Box::new(move |at| shown.at(at)))
            .await
            .map_err(|it| Miss::Refused(Refusal::Final(it)))?;
        let request = self
            .client
            .patch(url.clone())
            .header(CONTENT_TYPE, "application/offset+octet-stream");
        let request = request
            .header("Upload-Offset", offset)
            .header(CONTENT_LENGTH, source.length - offset);
        let sending = tus(request).body(Body::wrap_stream(bytes)).send();
        let answer = tokio::select! {
            answer = sending => answer.map_err(lost)?,
            () = stalled(progress) => {
                return Err(Miss::Again(anyhow!("no progress for {} s", STALL.as_secs()), None));
            }
        };
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(miss(answer).await)
        }
    }

    async fn offset(&self, url: &Url, source: &Source) -> Result<u64, Miss> {
        let asked = tus(self.client.head(url.clone()))
            .timeout(STALL)
            .send()
            .await
            .map_err(lost)?;
        if !asked.status().is_success() {
            return Err(miss(asked).await);
        }
        let number = |name: &str| {
            asked
                .headers()
                .get(name)
                .and_then(|it| it.to_str().ok()?.parse::<u64>().ok())
        };
        let offset =
            number("Upload-Offset").ok_or_else(|| Miss::Again(anyhow!("the server returned no offset"), None))?;
        if offset > source.length || number("Upload-Length").is_some_and(|it| it != source.length) {
            return Err(Miss::Refused(Refusal::Final(anyhow!(
                "the server has a different file for this upload"
            ))));
        }
        Ok(offset)
    }
}

fn tus(request: RequestBuilder) -> RequestBuilder {
    request.header("Tus-Resumable", "1.0.0")
}

/// Returns when no byte has been sent for a while.
async fn stalled(progress: &UploadProgress) {
    let mut before = progress.sent();
    loop {
        tokio::time::sleep(STALL).await;
        let now = progress.sent();
        if now == before {
            return;
        }
        before = now;
    }
}

fn lost(error: reqwest::Error) -> Miss {
    // the address contains the upload's key
    let error = Error::new(error.without_url());
    Miss::Again(error.context("the connection broke"), None)
}

async fn miss(answer: Response) -> Miss {
    let status = answer.status();
    let asked = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|it| it.to_str().ok()?.parse().ok());
    let error = Error::msg(problem(answer).await);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
            Miss::Refused(Refusal::Key)
        }
        // another writer, a stale offset, a full disk, a busy server: all of these may pass
        StatusCode::CONFLICT
        | StatusCode::LOCKED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INSUFFICIENT_STORAGE => Miss::Again(error, asked.map(Duration::from_secs)),
        status if status.is_server_error() => Miss::Again(error, asked.map(Duration::from_secs)),
        _ => Miss::Refused(Refusal::Final(error.context("the server rejects this file"))),
    }
}

//! Files that come in one request: as a form, or as they are.

use super::errors::{malformed_form, unsupported_type};
use super::idempotency::named_request;
use super::tus_headers;
use crate::controllers::state::Api;
use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::upload::UploadState;
use crate::models::videos::text;
use crate::services::error::{Failure, UploadError};
use crate::services::upload_service::{Begun, UploadService};
use crate::services::video_service::new_visibility;
use axum::body::{Body, BodyDataStream};
use backing::once::Request;
use bytes::Bytes;
use contracts::{UserId, VideoId};
use entitlements::models::sharing::Visibility;
use futures::{StreamExt, stream};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use runtime::multipart::{FormEvent, MultipartForm};
use runtime::{Problem, accept};
use std::error::Error;
use tokio::sync::Mutex;

/// Longest text field of a form, in bytes.
const MAX_TEXT: usize = 32 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;

/// A fault of the form that reaches the writer as a fault of its bytes.
#[derive(Debug, thiserror::Error)]
#[error("the form is broken")]
struct FormFault(Problem);

/// Takes a whole file in, by its content type; a fault leaves nothing behind.
pub(super) async fn take(
    api: &Api,
    owner: UserId,
    headers: &HeaderMap,
    texts: Texts,
    body: Body,
) -> Result<VideoId, Problem> {
    let kind = tus_headers::single(headers, &CONTENT_TYPE)?
        .ok_or_else(unsupported_type)?
        .to_owned();
    let essence = accept::essence(&kind);
    let length = tus_headers::number(headers, &CONTENT_LENGTH)?;
    // The content type counts without its boundary, which differs each time.
    let declared = length.unwrap_or_default().to_string();
    let title = texts.title.as_deref().unwrap_or_default();
    let visibility = texts.visibility.unwrap_or_default();
    let parts = [essence.as_str(), title, visibility.as_str(), &declared];
    let request = named_request(headers, owner, &parts)?;
    let uploads = api.uploads.clone();
    let work = async move {
        if essence == "multipart/form-data" {
            FormUpload {
                uploads,
                owner,
                request,
                texts,
                reader: Reader::new(&kind, body)?,
            }
            .take()
            .await
        } else if essence.starts_with("video/")
            || essence.starts_with("audio/")
            || essence == "application/octet-stream"
        {
            raw(&uploads, texts.upload(owner, length, None)?, request, body).await
        } else {
            Err(unsupported_type())
        }
    };
    // The work continues after the client has disconnected, so that it can remove what it began.
    api.spawner.run(work).await.map_err(Failure::from)?
}

/// What a request says of a lecture beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    title: Option<String>,
    description: Option<String>,
    visibility: Option<Visibility>,
}

impl Texts {
    /// What the query of a raw body says.
    pub(super) fn of_query(title: Option<String>, visibility: Option<Visibility>) -> Self {
        Self {
            title,
            description: None,
            visibility,
        }
    }

    fn upload(&self, owner: UserId, length: Option<u64>, filename: Option<String>) -> Result<NewUpload, Problem> {
        let filename = filename
            .map(|name| text::filename(&name))
            .transpose()
            .map_err(|what| bad_field("file", what))?
            .filter(|name| !name.is_empty());
        let title = text::title(self.title.as_deref(), filename.as_deref()).map_err(|what| bad_field("title", what))?;
        let description = contracts::text::description(self.description.as_deref().unwrap_or_default())
            .map_err(|what| bad_field("description", what))?;
        Ok(NewUpload {
            owner,
            length,
            title,
            description,
            sharing: new_visibility(self.visibility.unwrap_or_default())?,
            filename,
            metadata: String::new(),
            resumable: false,
        })
    }
}

fn bad_field(field: &str, what: &str) -> Problem {
    Problem::invalid().field(field, what)
}

/// Begins an upload that lives in one request; `Err` holds the lecture that the same request made before.
async fn begin(
    uploads: &UploadService,
    new: &NewUpload,
    request: Option<&Request>,
) -> Result<Result<VideoId, VideoId>, UploadError> {
    match uploads.create(new, request).await? {
        Begun::Now(id) => Ok(Ok(id)),
        Begun::Before(id) => {
            let upload = uploads.upload(id).await?;
            if upload.is_some_and(|upload| upload.state == UploadState::Open) {
                return Err(UploadError::KeyInUse);
            }
            Ok(Err(id))
        }
    }
}

async fn raw(
    uploads: &UploadService,
    new: NewUpload,
    request: Option<Request>,
    body: Body,
) -> Result<VideoId, Problem> {
    let id = match begin(uploads, &new, request.as_ref()).await? {
        Ok(id) => id,
        Err(before) => return Ok(before),
    };
    let mut bytes = body.into_data_stream().map(|frame| frame.map_err(BoxError::from));
    uploads
        .write_whole((id, new.owner), &mut bytes, async { Ok(()) })
        .await?;
    Ok(id)
}

/// A form on its way in; its fields may come in any order.
struct FormUpload {
    uploads: UploadService,
    owner: UserId,
    request: Option<Request>,
    texts: Texts,
    reader: Reader,
}

impl FormUpload {
    async fn take(mut self) -> Result<VideoId, Problem> {
        loop {
            match self.reader.next().await? {
                FormEvent::Field { name, filename } if name == "file" => return self.file(filename).await,
                FormEvent::Field { name, .. } => self.texts.read(&name, &mut self.reader).await?,
                FormEvent::End => return Err(bad_field("file", "is missing")),
                FormEvent::Data(_) | FormEvent::EndOfField => {}
            }
        }
    }

    async fn file(mut self, filename: Option<String>) -> Result<VideoId, Problem> {
        let new = self.texts.upload(self.owner, None, filename)?;
        let id = match begin(&self.uploads, &new, self.request.as_ref()).await? {
            Ok(id) => id,
            Err(before) => return Ok(before),
        };
        let known = self.texts.clone();
        let uploads = self.uploads.clone();
        let (texts, reader) = (&mut self.texts, Mutex::new(&mut self.reader));
        let mut bytes = Box::pin(stream::unfold(&reader, |reader| async move {
            match reader.lock().await.data().await {
                Ok(Some(bytes)) => Some((Ok(bytes), reader)),
                Ok(None) => None,
                Err(fault) => Some((Err(BoxError::from(FormFault(fault))), reader)),
            }
        }));
        let rest = async {
            let mut reader = reader.lock().await;
            texts.rest(&mut reader).await?;
            if known != *texts {
                let new = texts.upload(new.owner, None, new.filename.clone())?;
                uploads.retitle(id, &new).await?;
            }
            Ok(())
        };
        let rest = async { rest.await.map_err(|fault| BoxError::from(FormFault(fault))) };
        match self.uploads.write_whole((id, self.owner), &mut bytes, rest).await {
            Ok(()) => Ok(id),
            Err(UploadError::BodyLost(error)) => Err(match error.downcast::<FormFault>() {
                Ok(fault) => fault.0,
                Err(lost) => UploadError::BodyLost(lost).into(),
            }),
            Err(error) => Err(error.into()),
        }
    }
}

impl Texts {
    async fn read(&mut self, name: &str, reader: &mut Reader) -> Result<(), Problem> {
        let known = ["title", "description", "visibility"];
        let Some(field) = known.into_iter().find(|field| *field == name) else {
            let what = "is not a known field; a form has `title`, `description`, `visibility` and `file`";
            return Err(bad_field(name, what));
        };
        let mut bytes = Vec::new();
        while let Some(part) = reader.data().await? {
            if bytes.len() + part.len() > MAX_TEXT {
                return Err(bad_field(field, "is too long"));
            }
            bytes.extend_from_slice(&part);
        }
        let text = String::from_utf8(bytes).map_err(|_| bad_field(field, "must be UTF-8"))?;
        match field {
            "title" => self.title = Some(text),
            "description" => self.description = Some(text),
            _ => self.visibility = Some(text.parse().map_err(|what| bad_field(field, what))?),
        }
        Ok(())
    }

    /// Reads the fields behind the file.
    async fn rest(&mut self, reader: &mut Reader) -> Result<(), Problem> {
        loop {
            match reader.next().await? {
                FormEvent::Field { name, .. } if name == "file" => {
                    return Err(bad_field("file", "may come once"));
                }
                FormEvent::Field { name, .. } => self.read(&name, reader).await?,
                FormEvent::End => return Ok(()),
                FormEvent::Data(_) | FormEvent::EndOfField => {}
            }
        }
    }
}

/// Reads a form's events from a body.
struct Reader {
    body: BodyDataStream,
    form: MultipartForm,
}

impl Reader {
    fn new(content_type: &str, body: Body) -> Result<Self, Problem> {
        let form = MultipartForm::new(content_type).map_err(malformed_form)?;
        Ok(Self {
            body: body.into_data_stream(),
            form,
        })
    }

    async fn next(&mut self) -> Result<FormEvent, Problem> {
        loop {
            if let Some(event) = self.form.next_event().map_err(malformed_form)? {
                return Ok(event);
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.form.feed(bytes),
                Some(Err(error)) => return Err(UploadError::BodyLost(error.into()).into()),
                None => return Err(malformed_form("it ends before its last boundary")),
            }
        }
    }

    /// The next bytes of the field that is being read; `None` at its end.
    async fn data(&mut self) -> Result<Option<Bytes>, Problem> {
        match self.next().await? {
            FormEvent::Data(bytes) => Ok(Some(bytes)),
            FormEvent::EndOfField | FormEvent::End | FormEvent::Field { .. } => Ok(None),
        }
    }
}

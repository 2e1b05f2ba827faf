//! Files that come in one request: as a form, or as they are.

use super::idempotency::named_request;
use super::tus_headers as tus;
use crate::controllers::state::Uploads;
use crate::models::text;
use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::upload::UploadState;
use crate::services::error::ContentError;
use crate::services::upload_service::{Begun, UploadService};
use axum::body::{Body, BodyDataStream};
use backing::once::Request;
use bytes::Bytes;
use contracts::{UserId, VideoId};
use futures::{StreamExt, stream};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use runtime::accept;
use runtime::multipart::{FormEvent, MultipartForm};
use std::error::Error;
use tokio::sync::Mutex;

/// Longest text field of a form, in bytes.
const MAX_TEXT: usize = 32 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;

/// Takes a whole file in, by its content type; a fault leaves nothing behind.
pub(crate) async fn take(
    state: &Uploads,
    owner: UserId,
    headers: &HeaderMap,
    title: Option<String>,
    body: Body,
) -> Result<VideoId, ContentError> {
    let kind = tus::single(headers, &CONTENT_TYPE)?
        .ok_or(ContentError::UnsupportedType)?
        .to_owned();
    let essence = accept::essence(&kind);
    let length = tus::number(headers, &CONTENT_LENGTH)?;
    let texts = Texts {
        title,
        description: None,
    };
    let told = length.unwrap_or_default().to_string();
    // A form's boundary is no part of it: each repetition has another one.
    let parts = [essence.as_str(), texts.title.as_deref().unwrap_or_default(), &told];
    let request = named_request(headers, owner, &parts)?;
    let uploads = state.uploads.clone();
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
            Err(ContentError::UnsupportedType)
        }
    };
    // The work goes on when the client has gone: what it began it takes away again.
    state
        .spawner
        .run(work)
        .await
        .map_err(|lost| ContentError::Internal(lost.to_string()))?
}

/// What a request tells of a lecture beside its bytes.
struct Texts {
    title: Option<String>,
    description: Option<String>,
}

impl Texts {
    fn upload(&self, owner: UserId, length: Option<u64>, filename: Option<String>) -> Result<NewUpload, ContentError> {
        let filename = filename
            .map(|name| text::filename(&name))
            .transpose()
            .map_err(|what| ContentError::BadField("file", what))?
            .filter(|name| !name.is_empty());
        let title = match &self.title {
            Some(title) => contracts::text::title(title).map_err(|what| ContentError::BadField("title", what))?,
            None => filename
                .as_deref()
                .map_or_else(|| text::UNTITLED.to_owned(), text::title_from),
        };
        let description = text::description(self.description.as_deref().unwrap_or_default())
            .map_err(|what| ContentError::BadField("description", what))?;
        Ok(NewUpload {
            owner,
            length,
            title,
            description,
            filename,
            metadata: String::new(),
            resumable: false,
        })
    }
}

/// Begins an upload that lives in one request; `Err` holds the lecture that the same request made before.
async fn begin(
    uploads: &UploadService,
    new: &NewUpload,
    request: Option<&Request>,
) -> Result<Result<VideoId, VideoId>, ContentError> {
    match uploads.create(new, request).await? {
        Begun::Now(id) => Ok(Ok(id)),
        Begun::Before(id) => {
            let upload = uploads.upload(id).await?;
            if upload.is_some_and(|upload| upload.state == UploadState::Open) {
                return Err(ContentError::KeyInUse);
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
) -> Result<VideoId, ContentError> {
    let id = match begin(uploads, &new, request.as_ref()).await? {
        Ok(id) => id,
        Err(before) => return Ok(before),
    };
    let mut bytes = body.into_data_stream().map(|frame| frame.map_err(BoxError::from));
    uploads.write_whole(id, &mut bytes, async { Ok(()) }).await?;
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
    async fn take(mut self) -> Result<VideoId, ContentError> {
        loop {
            match self.reader.next().await? {
                FormEvent::Field { name, filename } if name == "file" => return self.file(filename).await,
                FormEvent::Field { name, .. } => self.texts.read(&name, &mut self.reader).await?,
                FormEvent::End => return Err(ContentError::BadField("file", "is missing")),
                FormEvent::Data(_) | FormEvent::EndOfField => {}
            }
        }
    }

    async fn file(mut self, filename: Option<String>) -> Result<VideoId, ContentError> {
        let new = self.texts.upload(self.owner, None, filename)?;
        let id = match begin(&self.uploads, &new, self.request.as_ref()).await? {
            Ok(id) => id,
            Err(before) => return Ok(before),
        };
        let known = (self.texts.title.clone(), self.texts.description.clone());
        let uploads = self.uploads.clone();
        let (texts, reader) = (&mut self.texts, Mutex::new(&mut self.reader));
        let mut bytes = Box::pin(stream::unfold(&reader, |reader| async move {
            match reader.lock().await.data().await {
                Ok(Some(bytes)) => Some((Ok(bytes), reader)),
                Ok(None) => None,
                Err(error) => Some((Err(BoxError::from(error)), reader)),
            }
        }));
        let rest = async {
            let mut reader = reader.lock().await;
            texts.rest(&mut reader).await?;
            if known != (texts.title.clone(), texts.description.clone()) {
                uploads
                    .retitle(id, &texts.upload(new.owner, None, new.filename.clone())?)
                    .await?;
            }
            Ok(())
        };
        match self.uploads.write_whole(id, &mut bytes, rest).await {
            Ok(()) => Ok(id),
            // A fault of the form reached the writer as a fault of its bytes.
            Err(ContentError::BodyLost(error)) => Err(match error.downcast::<ContentError>() {
                Ok(of_form) => *of_form,
                Err(lost) => ContentError::BodyLost(lost),
            }),
            Err(error) => Err(error),
        }
    }
}

impl Texts {
    async fn read(&mut self, name: &str, reader: &mut Reader) -> Result<(), ContentError> {
        let (field, slot) = match name {
            "title" => ("title", &mut self.title),
            "description" => ("description", &mut self.description),
            _ => {
                return Err(ContentError::BadField(
                    "form",
                    "may hold file, title and description, nothing else",
                ));
            }
        };
        let mut bytes = Vec::new();
        while let Some(part) = reader.data().await? {
            if bytes.len() + part.len() > MAX_TEXT {
                return Err(ContentError::BadField(field, "is too long"));
            }
            bytes.extend_from_slice(&part);
        }
        let text = String::from_utf8(bytes).map_err(|_| ContentError::BadField(field, "must be UTF-8"))?;
        *slot = Some(text);
        Ok(())
    }

    /// Reads what comes behind the file.
    async fn rest(&mut self, reader: &mut Reader) -> Result<(), ContentError> {
        loop {
            match reader.next().await? {
                FormEvent::Field { name, .. } if name == "file" => {
                    return Err(ContentError::BadField("file", "may come once"));
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
    fn new(content_type: &str, body: Body) -> Result<Self, ContentError> {
        let form = MultipartForm::new(content_type).map_err(ContentError::BrokenForm)?;
        Ok(Self {
            body: body.into_data_stream(),
            form,
        })
    }

    async fn next(&mut self) -> Result<FormEvent, ContentError> {
        loop {
            if let Some(event) = self.form.next_event().map_err(ContentError::BrokenForm)? {
                return Ok(event);
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.form.feed(bytes),
                Some(Err(error)) => return Err(ContentError::BodyLost(error.into())),
                None => return Err(ContentError::BrokenForm("it ends before its last boundary")),
            }
        }
    }

    /// The next bytes of the field that is being read; `None` at its end.
    async fn data(&mut self) -> Result<Option<Bytes>, ContentError> {
        match self.next().await? {
            FormEvent::Data(bytes) => Ok(Some(bytes)),
            FormEvent::EndOfField | FormEvent::End | FormEvent::Field { .. } => Ok(None),
        }
    }
}

//! Recordings of live lectures as sources: what is known of them, and their bytes.

use crate::SOURCE_BYTES;
use crate::sources::{Purpose, SourceError, SourceFile};
use backing::DbError;
use backing::db::Db;
use backing::objects::{ObjectError, Objects};
use backing::space::Space;
use broadcasts::models::recording::{Recording, StoredSegment};
use broadcasts::repositories::recording_repository::RecordingRepository;
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use live::packager::Rendition;
use std::ops::Range;
use std::path::Path;
use std::slice::from_ref;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// The name of a slice in a task's staging folder.
const NAME: &str = "recording.mp4";

/// The recordings of live lectures.
#[derive(Clone)]
pub(crate) struct Recordings {
    pub(crate) repository: RecordingRepository,
    pub(crate) objects: Objects,
    pub(crate) space: Space,
}

/// A part of an object.
type Part = (ObjectKey, Range<u64>);

impl Recordings {
    pub(crate) fn new(db: &Db, objects: Objects, space: Space) -> Self {
        Self {
            repository: RecordingRepository::new(db.clone()),
            objects,
            space,
        }
    }

    /// A recording that is complete; none if the video has none, or is deleted.
    pub(crate) async fn complete(&self, video: VideoId) -> Result<Option<Recording>, DbError> {
        let recording = self.repository.read(video).await?;
        Ok(recording.filter(|it| it.is_complete))
    }

    /// A part of an object, all of which has to be there.
    pub(crate) async fn read(&self, (key, range): &Part) -> Result<Bytes, ObjectError> {
        let read = self.objects.get_ranges(key, from_ref(range)).await?;
        let bytes = read.into_iter().next().unwrap_or_default();
        if size(&bytes) == range.end.saturating_sub(range.start) {
            Ok(bytes)
        } else {
            Err(ObjectError::Invalid("a segment is shorter than it was".to_owned()))
        }
    }

    /// A file with some bytes of a layer's segments behind their init segment.
    pub(crate) async fn slice(
        &self,
        (video, layer): (VideoId, &RenditionName),
        bytes: &Range<u64>,
        folder: &Path,
    ) -> Result<SourceFile, SourceError> {
        let length = bytes.end.saturating_sub(bytes.start);
        if !self.space.has_room_for_data(length) {
            return Err(SourceError::NoRoom(length));
        }
        let path = folder.join(NAME);
        match self.write((video, layer), bytes, &path).await {
            // the segments were joined meanwhile
            Err(SourceError::Store(ObjectError::NotFound)) => self.write((video, layer), bytes, &path).await?,
            written => written?,
        }
        Ok(SourceFile::part(path))
    }

    async fn write(
        &self,
        (video, layer): (VideoId, &RenditionName),
        bytes: &Range<u64>,
        path: &Path,
    ) -> Result<(), SourceError> {
        let missing = || SourceError::Store(ObjectError::NotFound);
        let recording = self.repository.read(video).await?.ok_or_else(missing)?;
        let stored = Rendition::parse(layer.as_str()).and_then(|it| recording.renditions.get(&it));
        let stored = stored.ok_or_else(missing)?;
        let segments = within(&stored.listed(), bytes);
        let init = segments.first().and_then(|first| stored.inits.get(&first.state.init));
        let (_, init) = init.ok_or_else(missing)?;
        let mut file = File::create(path).await?;
        file.write_all(init).await?;
        for part in parts(video, layer, &segments) {
            let bytes = self.read(&part).await?;
            if self.objects.folder().is_none() {
                metrics::counter!(SOURCE_BYTES, "purpose" => Purpose::Picture.label()).increment(size(&bytes));
            }
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        Ok(())
    }
}

/// The segments of which some bytes are within a range of all segments' bytes.
fn within(segments: &[StoredSegment], bytes: &Range<u64>) -> Vec<StoredSegment> {
    let mut end = 0_u64;
    let mut found = Vec::new();
    for segment in segments.iter().filter(|segment| !segment.state.is_gap()) {
        let start = end;
        end = end.saturating_add(segment.state.bytes);
        if start < bytes.end && bytes.start < end {
            found.push(*segment);
        }
    }
    found
}

/// Where segments are; neighbours in one object are one part.
fn parts(video: VideoId, layer: &RenditionName, segments: &[StoredSegment]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (key, range) in segments.iter().map(|segment| segment.place(video, layer)) {
        match parts.last_mut() {
            Some((last, until)) if *last == key && until.end == range.start => until.end = range.end,
            _ => parts.push((key, range)),
        }
    }
    parts
}

fn size(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

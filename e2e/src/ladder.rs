//! A complete lecture as it is served: every rendition with every segment, and checks that compare them.

use crate::api::Api;
use crate::playlist::{self, Rendition};
use crate::segments::{self, Init, Segment};
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use std::path::PathBuf;

/// A rendition with all its segments.
#[derive(Debug)]
pub struct Track {
    /// The entries of its playlist.
    pub rendition: Rendition,
    /// Its playlist.
    pub text: String,
    /// Its initialization segment.
    pub init: Init,
    /// Its segments in order.
    pub segments: Vec<Segment>,
}

/// Everything that one multivariant playlist references.
#[derive(Debug)]
pub struct Ladder {
    /// The multivariant playlist.
    pub index: String,
    /// Its renditions, variants first.
    pub tracks: Vec<Track>,
}

impl Track {
    /// Whether it is audio.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.init.nal_length.is_none()
    }

    /// How many samples it has.
    #[must_use]
    pub fn samples(&self) -> u32 {
        self.segments.iter().map(|it| it.samples).sum()
    }

    fn seconds(&self, ticks: u64) -> f64 {
        // exact: no lecture has that many ticks
        ticks as f64 / f64::from(self.init.timescale)
    }

    /// The start of each segment, in seconds from the lecture's zero.
    #[must_use]
    pub fn begins(&self) -> Vec<f64> {
        self.segments.iter().map(|it| self.seconds(it.shown) - 1.0).collect()
    }

    /// The end of its last sample, in seconds from the lecture's zero.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.segments.last().map_or(0.0, |it| self.seconds(it.latest) - 1.0)
    }

    /// Checks that no segment overlaps or is missing, and that each starts with an IDR picture.
    pub fn is_whole(&self) -> Result<()> {
        let named = extinf(&self.text);
        ensure!(
            named.len() == self.segments.len(),
            "{} durations of {} segments",
            named.len(),
            self.segments.len()
        );
        for (i, segment) in self.segments.iter().enumerate() {
            ensure!(segment.idr, "segment {i} does not begin with an IDR");
            ensure!(
                segment.shown == segment.earliest,
                "segment {i} shows a picture of its own before its first: {segment:?}"
            );
            if let Some(next) = self.segments.get(i + 1) {
                ensure!(
                    next.decode == segment.end,
                    "segment {i} ends at {}, the next one begins at {}",
                    segment.end,
                    next.decode
                );
                ensure!(
                    next.sequence > segment.sequence,
                    "fragment {} follows {}",
                    next.sequence,
                    segment.sequence
                );
                ensure!(
                    segment.latest <= next.shown + u64::from(self.init.timescale) / 1_000,
                    "segment {i} is shown until {}, the next one from {}",
                    segment.latest,
                    next.shown
                );
                let lasts = self.seconds(next.decode - segment.decode);
                // the playlist does not count the priming before the lecture's zero
                let primed = if self.sound() && i == 0 {
                    self.seconds(1_024)
                } else {
                    0.0
                };
                ensure!(
                    (lasts - named[i]).abs() < 0.002 + primed,
                    "segment {i} lasts {lasts} s, its playlist says {}",
                    named[i]
                );
            }
        }
        Ok(())
    }
}

/// The durations in a media playlist.
#[must_use]
pub fn extinf(text: &str) -> Vec<f64> {
    let lines = text.lines().filter_map(|it| it.strip_prefix("#EXTINF:"));
    lines
        .filter_map(|it| it.trim_end_matches(',').split(',').next()?.parse().ok())
        .collect()
}

/// Fetches everything that a multivariant playlist references.
pub async fn read(api: &Api, hls_url: &str) -> Result<Ladder> {
    let index = api.fetch(hls_url).await?.expect(200)?.text();
    let mut tracks = Vec::new();
    for path in playlist::renditions(hls_url, &index) {
        let text = api.fetch(&path).await?.expect(200)?.text();
        let rendition = playlist::media(&path, &text)?;
        let track = track(api, rendition, text).await;
        tracks.push(track.with_context(|| path.rsplit('/').nth(1).unwrap_or_default().to_owned())?);
    }
    ensure!(!tracks.is_empty(), "no renditions in {index}");
    Ok(Ladder { index, tracks })
}

async fn track(api: &Api, rendition: Rendition, text: String) -> Result<Track> {
    let init = segments::init(&api.fetch(&rendition.init).await?.expect(200)?.body)?;
    let all = futures::stream::iter(rendition.segments.iter().enumerate()).map(async |(i, path)| {
        let bytes = api.fetch(path).await?.expect(200)?.body;
        segments::segment(&init, &bytes).with_context(|| format!("segment {i}"))
    });
    let segments = all.buffered(8).try_collect().await?;
    Ok(Track {
        rendition,
        text,
        init,
        segments,
    })
}

impl Ladder {
    /// The names of its renditions, video first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.tracks.iter().map(|it| it.rendition.name.as_str()).collect()
    }

    /// Its video tracks.
    pub fn pictures(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|it| !it.sound())
    }

    /// Its audio tracks.
    pub fn sounds(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|it| it.sound())
    }

    /// Checks that each rendition is complete, and that the segments of all of them start at the same times.
    pub fn is_aligned(&self) -> Result<()> {
        for track in &self.tracks {
            track.is_whole().with_context(|| track.rendition.name.clone())?;
        }
        let first = self.tracks.first().context("no tracks")?;
        let begins = first.begins();
        for other in &self.tracks {
            // audio can only be cut between its frames
            let off = if other.sound() {
                1_024.0 / f64::from(other.init.timescale) + 0.001
            } else {
                0.000_1
            };
            let (name, others) = (&other.rendition.name, other.begins());
            ensure!(
                others.len() == begins.len() || other.sound(),
                "{name} has {} segments of {}",
                others.len(),
                begins.len()
            );
            let apart = begins
                .iter()
                .zip(&others)
                .position(|(one, other)| (one - other).abs() > off);
            ensure!(
                apart.is_none(),
                "{name} begins segment {apart:?} apart: {begins:?}, {others:?}"
            );
        }
        Ok(())
    }

    /// Writes a track's initialization segment and some of its segments to a file for ffmpeg.
    pub async fn part(
        &self,
        api: &Api,
        track: &Track,
        from: usize,
        until: usize,
    ) -> Result<(tempfile::TempDir, PathBuf)> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("part.mp4");
        let mut bytes = api.fetch(&track.rendition.init).await?.expect(200)?.body.to_vec();
        for segment in track.rendition.segments.get(from..until).context("segments")? {
            bytes.extend(api.fetch(segment).await?.expect(200)?.body);
        }
        std::fs::write(&path, bytes)?;
        Ok((folder, path))
    }
}

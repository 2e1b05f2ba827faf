//! Lectures whose segments are as large as segments may be, and larger.

use super::boxes::{boxes, number, rewritten};
use super::make;
use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Pictures of one group, which is a segment of six seconds.
const GROUP: usize = 12;

/// Two pictures a second, one segment for every six seconds, no sound.
async fn thin(seconds: u32) -> Result<PathBuf> {
    let source = format!("testsrc2=size=160x90:rate=2:duration={seconds}");
    let arguments = [
        "-f",
        "lavfi",
        "-i",
        &source,
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-g",
        "12",
        "-keyint_min",
        "12",
        "-sc_threshold",
        "0",
        "-bf",
        "0",
        "-pix_fmt",
        "yuv420p",
    ];
    make("thin.mp4", &arguments).await
}

fn table(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let words = std::iter::once(0).chain(words);
    words.flat_map(u32::to_be_bytes).collect()
}

/// The sizes of a file's samples, of which there must be one track's alone.
fn sizes(bytes: &[u8]) -> Result<Vec<u32>> {
    let mut sizes = Vec::new();
    rewritten(bytes, &mut |kind, payload| {
        if &kind == b"stsz" {
            ensure!(
                number(payload, 4)? == 0 && sizes.is_empty(),
                "one track with a size for each sample"
            );
            sizes = (12..payload.len())
                .step_by(4)
                .map(|at| number(payload, at))
                .collect::<Result<_>>()?;
        }
        Ok(None)
    })?;
    Ok(sizes)
}

/// The bytes of `moov` with other places and sizes of samples.
fn with_tables(moov: &[u8], sizes: &[u32], stsc: &[u32], stco: &[u32]) -> Result<Vec<u8>> {
    let count = u32::try_from(sizes.len())?;
    rewritten(moov, &mut |kind, _| {
        Ok(match &kind {
            b"stsz" => Some((kind, table([0, count].into_iter().chain(sizes.iter().copied())))),
            b"stsc" => Some((kind, table(stsc.iter().copied()))),
            b"stco" => Some((kind, table(stco.iter().copied()))),
            _ => None,
        })
    })
}

/// What of a file stands before the media, the media, and `moov` with its head.
fn parts(bytes: &[u8]) -> Result<(&[u8], &[u8], &[u8])> {
    let found = boxes(bytes)?;
    let [.., (media_kind, media), (movie_kind, movie)] = found.as_slice() else {
        bail!("there are too few boxes");
    };
    ensure!(
        media_kind == b"mdat" && movie_kind == b"moov",
        "the media must be followed by moov alone"
    );
    let moov = bytes.len() - movie.len() - 8;
    let media_at = moov - media.len();
    Ok((&bytes[..media_at - 8], &bytes[media_at..moov], &bytes[moov..]))
}

/// Writes a lecture that plays without encoding and has `count` segments of `bytes` each, one in every 24 seconds; returns
/// their numbers.
pub async fn segments(path: &Path, count: usize, bytes: u32) -> Result<Vec<usize>> {
    let source = std::fs::read(thin(u32::try_from(count)? * 24).await?)?;
    let (before, media, moov) = parts(&source)?;
    let old = sizes(&source)?;
    ensure!(
        media.len() == old.iter().map(|size| *size as usize).sum::<usize>(),
        "samples stand in order"
    );
    let fat: Vec<usize> = (0..count).map(|n| n * 4).collect();
    let is_fat = |sample: usize| sample.is_multiple_of(GROUP) && fat.contains(&(sample / GROUP));
    let filler = filler(bytes);
    let new = old
        .iter()
        .enumerate()
        .map(|(n, size)| if is_fat(n) { size + bytes } else { *size });
    let new: Vec<u32> = new.collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    file.write_all(before)?;
    let length: u64 = new.iter().map(|size| u64::from(*size)).sum();
    file.write_all(&u32::try_from(length + 8)?.to_be_bytes())?;
    file.write_all(b"mdat")?;
    let mut rest = media;
    for (n, size) in old.iter().enumerate() {
        let (sample, after) = rest.split_at_checked(*size as usize).context("a sample")?;
        rest = after;
        file.write_all(sample)?;
        if is_fat(n) {
            file.write_all(&filler)?;
        }
    }
    let samples = u32::try_from(new.len())?;
    let at = u32::try_from(before.len() + 8)?;
    file.write_all(&with_tables(moov, &new, &[1, 1, samples, 1], &[1, at])?)?;
    file.flush()?;
    Ok(fat)
}

/// A NAL unit that decoders skip, behind its length.
///
/// Source: ITU-T H.264 §7.3.2.7
fn filler(bytes: u32) -> Vec<u8> {
    let mut unit = vec![0xff; bytes as usize];
    unit[..4].copy_from_slice(&(bytes - 4).to_be_bytes());
    unit[4] = 12;
    unit[bytes as usize - 1] = 0x80;
    unit
}

/// A small file whose samples are all the same bytes: read one after the other, they are a hundred times the file.
pub async fn overlapping() -> Result<Vec<u8>> {
    let source = std::fs::read(thin(48).await?)?;
    let (before, media, moov) = parts(&source)?;
    let old = sizes(&source)?;
    let first = old.first().copied().context("a sample")?;
    // The first picture with a filler unit of a megabyte, again and again.
    let filler = filler(1 << 20);
    let sample = [&media[..first as usize], &filler].concat();
    let size = u32::try_from(sample.len())?;
    let samples = u32::try_from(old.len())?;
    let at = u32::try_from(before.len() + 8)?;
    let places = std::iter::once(samples).chain((0..samples).map(|_| at));
    let moov = with_tables(moov, &vec![size; old.len()], &[1, 1, 1, 1], &places.collect::<Vec<_>>())?;
    let every = rewritten(&moov, &mut |kind, _| {
        let all = || table(std::iter::once(samples).chain(1..=samples));
        Ok((&kind == b"stss").then(|| (kind, all())))
    })?;
    Ok([before, &(size + 8).to_be_bytes(), b"mdat", &sample, &every].concat())
}

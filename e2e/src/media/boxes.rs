//! Rewrites a file's boxes into forms that ffmpeg does not write.
//!
//! Only for files with `moov` at the end, so that its length moves no media.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

pub(super) type Kind = [u8; 4];
const HOLDERS: [&Kind; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// The boxes in some bytes: kind and payload.
pub(super) fn boxes(mut bytes: &[u8]) -> Result<Vec<(Kind, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (size, rest) = bytes.split_first_chunk::<4>().context("a size")?;
        let kind = *rest.first_chunk::<4>().context("a kind")?;
        let size = usize::try_from(u32::from_be_bytes(*size))?;
        ensure!(size >= 8 && size <= bytes.len(), "only plain 32-bit boxes are expected");
        found.push((kind, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    Ok(found)
}

fn boxed(kind: Kind, payload: &[u8]) -> Result<Vec<u8>> {
    let size = u32::try_from(payload.len() + 8)?;
    Ok([&size.to_be_bytes()[..], &kind[..], payload].concat())
}

/// Rewrites boxes at any depth; copies boxes for which the edit returns nothing.
pub(super) fn rewritten(
    bytes: &[u8],
    edit: &mut impl FnMut(Kind, &[u8]) -> Result<Option<(Kind, Vec<u8>)>>,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (kind, payload) in boxes(bytes)? {
        let (kind, payload) = match edit(kind, payload)? {
            Some(edited) => edited,
            None if HOLDERS.contains(&&kind) => (kind, rewritten(payload, edit)?),
            None => (kind, payload.to_vec()),
        };
        out.extend(boxed(kind, &payload)?);
    }
    Ok(out)
}

pub(super) fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).context("four bytes")?;
    Ok(u32::from_be_bytes(four.try_into()?))
}

fn write(path: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let stem = path.file_stem().context("a name")?.to_string_lossy();
    let extension = path.extension().context("an extension")?.to_string_lossy();
    let out = path.with_file_name(format!("{stem}-{name}.{extension}"));
    if !out.exists() {
        let part = out.with_extension(uuid::Uuid::new_v4().to_string());
        std::fs::write(&part, bytes)?;
        std::fs::rename(&part, &out)?;
    }
    Ok(out)
}

/// Gives every chunk a 64-bit offset.
pub(super) fn far_offsets(path: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(path)?;
    let last = boxes(&bytes)?.last().context("no boxes")?.0;
    ensure!(&last == b"moov", "moov must come last");
    let mut tables = 0;
    let edited = rewritten(&bytes, &mut |kind, payload| {
        if &kind != b"stco" {
            return Ok(None);
        }
        tables += 1;
        let mut table = payload[..8].to_vec();
        for offset in payload[8..].chunks_exact(4) {
            table.extend([0; 4]);
            table.extend(offset);
        }
        Ok(Some((*b"co64", table)))
    })?;
    ensure!(tables > 0, "no chunk offsets");
    write(path, "co64", &edited)
}

/// The payload of the first box of a kind, at any depth.
fn first(bytes: &[u8], wanted: Kind) -> Result<Vec<u8>> {
    let mut found = None;
    rewritten(bytes, &mut |kind, payload| {
        if kind == wanted && found.is_none() {
            found = Some(payload.to_vec());
        }
        Ok(None)
    })?;
    found.with_context(|| format!("no {}", String::from_utf8_lossy(&wanted)))
}

/// Adds the sample entry of another file to a file's first track, for its later chunks.
pub(super) fn two_entries(path: &Path, other: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(path)?;
    let second = first(&std::fs::read(other)?, *b"stsd")?;
    let (mut described, mut mapped) = (false, false);
    let edited = rewritten(&bytes, &mut |kind, payload| match &kind {
        b"stsd" if !described => {
            described = true;
            let both = [&payload[..4], &2_u32.to_be_bytes()[..], &payload[8..], &second[8..]].concat();
            Ok(Some((kind, both)))
        }
        b"stsc" if !mapped => {
            mapped = true;
            let entries = number(payload, 4)?;
            ensure!(entries > 1, "all chunks use the same entry");
            let mut table = payload.to_vec();
            let last = table.len() - 4;
            table[last..].copy_from_slice(&2_u32.to_be_bytes());
            Ok(Some((kind, table)))
        }
        _ => Ok(None),
    })?;
    ensure!(described && mapped, "no tables to edit");
    write(path, "two", &edited)
}

/// Rotates the first track by a quarter, as a phone does when it is held upright.
pub(super) fn turned(path: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(path)?;
    let last = boxes(&bytes)?.last().context("no boxes")?.0;
    ensure!(&last == b"moov", "moov must come last");
    let mut done = false;
    let edited = rewritten(&bytes, &mut |kind, payload| {
        if &kind != b"tkhd" || done {
            return Ok(None);
        }
        done = true;
        ensure!(payload.first() == Some(&0), "a tkhd of version 0 is expected");
        let mut head = payload.to_vec();
        let height = number(payload, 80)?;
        let matrix = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, height, 0, 0x4000_0000_u32];
        for (place, value) in head
            .get_mut(40..76)
            .context("a matrix")?
            .chunks_exact_mut(4)
            .zip(matrix)
        {
            place.copy_from_slice(&value.to_be_bytes());
        }
        Ok(Some((kind, head)))
    })?;
    ensure!(done, "no track");
    write(path, "turned", &edited)
}

//! Init segments: a movie with one track and no samples.
//!
//! Source: ISO/IEC 14496-12 §8; ISO/IEC 14496-15 §5.4.2; ISO/IEC 23000-19 (CMAF) §7.3

use crate::boxes::{put_box, put_full_box, put_u16, put_u32};
use crate::codec::aac::put_esds;
use crate::movie::Orientation;

/// The video track of an init segment.
pub(crate) struct VideoInit<'a> {
    pub(crate) format: [u8; 4],
    /// Coded width in pixels, after cropping.
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The width and height of a pixel.
    pub(crate) pixel_aspect: Option<(u32, u32)>,
    /// The displayed size before rotation.
    pub(crate) shown: (u32, u32),
    pub(crate) orientation: Orientation,
    pub(crate) config: &'a [u8],
    pub(crate) colour: Option<[u8; 7]>,
}

/// The AAC track of an init segment.
pub(crate) struct AudioInit<'a> {
    pub(crate) channels: u16,
    pub(crate) sample_rate: u32,
    pub(crate) config: &'a [u8],
    pub(crate) peak: u64,
    pub(crate) average: u64,
}

/// The ticks per second of every Opus track.
pub(crate) const OPUS_RATE: u16 = 48_000;
/// The samples that an encoder of Opus looks ahead by default; a decoder has nothing to show for them.
const OPUS_PRE_SKIP: u16 = 312;

/// Writes the init segment of a video track.
pub(crate) fn video(timescale: u32, language: Option<&str>, track: &VideoInit<'_>) -> Vec<u8> {
    let header = |out: &mut Vec<u8>| {
        let (width, height) = track.shown;
        track.orientation.put(out, width, height);
        put_u32(out, width.saturating_mul(0x1_0000));
        put_u32(out, height.saturating_mul(0x1_0000));
    };
    let info = |out: &mut Vec<u8>| {
        put_full_box(out, *b"vmhd", 0, 1, |out| out.extend_from_slice(&[0; 8]));
    };
    movie(
        timescale,
        language,
        (b"vide", "MoocFlix video"),
        0,
        header,
        info,
        |out| put_video_entry(out, track),
    )
}

/// Writes the init segment of an AAC track.
pub(crate) fn audio(timescale: u32, language: Option<&str>, track: &AudioInit<'_>) -> Vec<u8> {
    sound(timescale, language, |out| put_audio_entry(out, track))
}

/// Writes the init segment of an Opus track.
pub(crate) fn opus(channels: u8) -> Vec<u8> {
    sound(OPUS_RATE.into(), None, |out| put_opus_entry(out, channels))
}

fn sound(timescale: u32, language: Option<&str>, entry: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let header = |out: &mut Vec<u8>| {
        Orientation::default().put(out, 0, 0);
        out.extend_from_slice(&[0; 8]);
    };
    let info = |out: &mut Vec<u8>| {
        put_full_box(out, *b"smhd", 0, 0, |out| out.extend_from_slice(&[0; 4]));
    };
    movie(
        timescale,
        language,
        (b"soun", "MoocFlix audio"),
        0x100,
        header,
        info,
        entry,
    )
}

fn put_video_entry(out: &mut Vec<u8>, track: &VideoInit<'_>) {
    put_box(out, track.format, |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0; 16]);
        put_u16(out, track.width);
        put_u16(out, track.height);
        // 72 dpi both ways, one frame per sample, no compressor name, 24 bits per pixel.
        put_u32(out, 0x0048_0000);
        put_u32(out, 0x0048_0000);
        out.extend_from_slice(&[0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0; 32]);
        out.extend_from_slice(&[0, 24, 0xff, 0xff]);
        put_box(out, *b"avcC", |out| out.extend_from_slice(track.config));
        if let Some(colour) = track.colour {
            put_box(out, *b"colr", |out| {
                out.extend_from_slice(b"nclx");
                out.extend_from_slice(&colour);
            });
        }
        if let Some((across, down)) = track.pixel_aspect {
            put_box(out, *b"pasp", |out| {
                put_u32(out, across);
                put_u32(out, down);
            });
        }
    });
}

fn put_audio_entry(out: &mut Vec<u8>, track: &AudioInit<'_>) {
    let rate = |rate: u64| u32::try_from(rate).unwrap_or(u32::MAX);
    put_box(out, *b"mp4a", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0; 8]);
        put_u16(out, track.channels);
        put_u16(out, 16);
        out.extend_from_slice(&[0; 4]);
        // 16.16; only the decoder configuration can state a rate above 65,535.
        put_u32(
            out,
            u16::try_from(track.sample_rate).map_or(0, |rate| u32::from(rate) << 16),
        );
        put_esds(out, track.config, rate(track.peak), rate(track.average));
    });
}

/// Source: Encapsulation of Opus in ISO Base Media File Format, §4.3.2
fn put_opus_entry(out: &mut Vec<u8>, channels: u8) {
    put_box(out, *b"Opus", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0; 8]);
        put_u16(out, channels.into());
        put_u16(out, 16);
        out.extend_from_slice(&[0; 4]);
        put_u32(out, u32::from(OPUS_RATE) << 16);
        put_box(out, *b"dOps", |out| {
            out.extend_from_slice(&[0, channels]);
            put_u16(out, OPUS_PRE_SKIP);
            put_u32(out, OPUS_RATE.into());
            // No gain; one stream of one or two channels.
            out.extend_from_slice(&[0, 0, 0]);
        });
    });
}

fn movie(
    timescale: u32,
    language: Option<&str>,
    (handler, name): (&[u8; 4], &str),
    volume: u16,
    header: impl FnOnce(&mut Vec<u8>),
    info: impl FnOnce(&mut Vec<u8>),
    entry: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    put_box(&mut out, *b"ftyp", |out| {
        out.extend_from_slice(b"iso6\0\0\0\0iso6cmfcmp41");
    });
    put_box(&mut out, *b"moov", |out| {
        put_movie_header(out);
        put_box(out, *b"trak", |out| {
            put_full_box(out, *b"tkhd", 0, 3, |out| {
                out.extend_from_slice(&[0; 8]);
                put_u32(out, 1);
                out.extend_from_slice(&[0; 20]);
                put_u16(out, volume);
                put_u16(out, 0);
                header(out);
            });
            put_box(out, *b"mdia", |out| {
                put_full_box(out, *b"mdhd", 0, 0, |out| {
                    out.extend_from_slice(&[0; 8]);
                    put_u32(out, timescale);
                    put_u32(out, 0);
                    put_u16(out, packed_language(language));
                    put_u16(out, 0);
                });
                put_full_box(out, *b"hdlr", 0, 0, |out| {
                    put_u32(out, 0);
                    out.extend_from_slice(handler);
                    out.extend_from_slice(&[0; 12]);
                    out.extend_from_slice(name.as_bytes());
                    out.push(0);
                });
                put_box(out, *b"minf", |out| {
                    info(out);
                    put_tables(out, entry);
                });
            });
        });
        put_box(out, *b"mvex", |out| {
            put_full_box(out, *b"trex", 0, 0, |out| {
                [1, 1, 0, 0, 0].into_iter().for_each(|word| put_u32(out, word));
            });
        });
    });
    out
}

fn put_movie_header(out: &mut Vec<u8>) {
    put_full_box(out, *b"mvhd", 0, 0, |out| {
        out.extend_from_slice(&[0; 8]);
        put_u32(out, 1000);
        put_u32(out, 0);
        put_u32(out, 0x1_0000);
        put_u16(out, 0x100);
        out.extend_from_slice(&[0; 10]);
        Orientation::default().put(out, 0, 0);
        out.extend_from_slice(&[0; 24]);
        put_u32(out, 2);
    });
}

/// Writes the data reference (to this file) and empty tables.
fn put_tables(out: &mut Vec<u8>, entry: impl FnOnce(&mut Vec<u8>)) {
    put_box(out, *b"dinf", |out| {
        put_full_box(out, *b"dref", 0, 0, |out| {
            put_u32(out, 1);
            put_full_box(out, *b"url ", 0, 1, |_| {});
        });
    });
    put_box(out, *b"stbl", |out| {
        put_full_box(out, *b"stsd", 0, 0, |out| {
            put_u32(out, 1);
            entry(out);
        });
        for kind in [b"stts", b"stsc", b"stco"] {
            put_full_box(out, *kind, 0, 0, |out| put_u32(out, 0));
        }
        put_full_box(out, *b"stsz", 0, 0, |out| out.extend_from_slice(&[0; 8]));
    });
}

/// Three letters in five bits each; `und` if unknown.
fn packed_language(language: Option<&str>) -> u16 {
    let letters = language.map_or(*b"und", |language| *language.as_bytes().first_chunk().unwrap_or(b"und"));
    letters
        .iter()
        .fold(0, |packed, letter| (packed << 5) | u16::from(letter & 0x1f))
}

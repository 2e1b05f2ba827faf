//! Recognises files by their first bytes.

/// The kind of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// ISO base media: [`crate::Scanner`] reads it.
    Mp4,
    /// QuickTime: [`crate::Scanner`] reads it.
    Mov,
    /// Matroska.
    Matroska,
    /// WebM.
    WebM,
    /// RIFF AVI.
    Avi,
    /// MPEG transport stream, with packets of 188 or 192 bytes.
    MpegTs,
    /// MPEG program stream.
    MpegPs,
    /// Flash video.
    Flv,
    /// Advanced Systems Format (WMV, WMA).
    Asf,
    /// MPEG audio, with or without an ID3 tag.
    Mp3,
    /// RIFF or RF64 WAVE.
    Wav,
    /// Ogg.
    Ogg,
    /// AAC in ADTS.
    Aac,
    /// FLAC.
    Flac,
    /// Audio Interchange File Format, including AIFF-C.
    Aiff,
    /// Core Audio Format.
    Caf,
    /// Sun's audio files.
    Au,
    /// Sony Wave64.
    W64,
    /// Anything else: text, playlists, documents, pictures, archives, programs, unknown files.
    Never,
}

impl Sniff {
    /// Whether [`crate::Scanner`] reads this kind.
    #[must_use]
    pub fn is_scannable(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov)
    }

    /// Whether this kind contains audio or video.
    #[must_use]
    pub fn is_media(self) -> bool {
        self != Self::Never
    }

    /// The container's plain name, such as `mp4`; `unknown` for [`Sniff::Never`].
    #[must_use]
    pub fn container(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::WebM => "webm",
            Self::Avi => "avi",
            Self::MpegTs => "mpegts",
            Self::MpegPs => "mpegps",
            Self::Flv => "flv",
            Self::Asf => "asf",
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
            Self::Ogg => "ogg",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Au => "au",
            Self::W64 => "w64",
            Self::Never => "unknown",
        }
    }
}

/// Recognises the kind of a file by its first bytes.
///
/// Shape: at least the first 4 KiB, or the whole file if it is shorter; more bytes never change the result to another
///        kind of media
#[must_use]
pub fn sniff(first: &[u8]) -> Sniff {
    iso(first)
        .or_else(|| by_magic(first))
        .or_else(|| by_repetition(first))
        .unwrap_or(Sniff::Never)
}

/// Picture formats with the same box structure as video files; their brands distinguish them.
const PICTURE_BRANDS: [&[u8]; 7] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"jp2 "];

fn iso(first: &[u8]) -> Option<Sniff> {
    let size = u32::from_be_bytes(first.get(..4)?.try_into().ok()?);
    let kind = first.get(4..8)?;
    if kind == b"ftyp" {
        // The scanner rejects an impossible size, with a better error.
        let brand = first.get(if size == 1 { 16..20 } else { 8..12 })?;
        if PICTURE_BRANDS.contains(&brand) {
            return None;
        }
        return Some(if brand == b"qt  " { Sniff::Mov } else { Sniff::Mp4 });
    }
    // Old QuickTime writers, and recorders of plain fragments, start without a brand.
    let known: [&[u8]; 6] = [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
    if known.contains(&kind) && (size >= 8 || size <= 1) {
        return Some(Sniff::Mov);
    }
    None
}

/// The identifier of Wave64 instead of `RIFF`.
const W64_RIFF: [u8; 16] = *b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0";

fn by_magic(first: &[u8]) -> Option<Sniff> {
    let riff = |form: &[u8]| first.get(8..12) == Some(form);
    if first.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        let head = first.get(..first.len().min(128))?;
        let webm = head.windows(4).any(|window| window == b"webm");
        return Some(if webm { Sniff::WebM } else { Sniff::Matroska });
    }
    let kind = match first.get(..4)? {
        b"RIFF" | b"RF64" if riff(b"WAVE") => Sniff::Wav,
        b"RIFF" if riff(b"AVI ") => Sniff::Avi,
        b"OggS" => Sniff::Ogg,
        b"fLaC" => Sniff::Flac,
        b"FORM" if riff(b"AIFF") || riff(b"AIFC") => Sniff::Aiff,
        b"caff" => Sniff::Caf,
        b".snd" => Sniff::Au,
        b"riff" if first.starts_with(&W64_RIFF) => Sniff::W64,
        [b'F', b'L', b'V', 1] => Sniff::Flv,
        [b'I', b'D', b'3', 2..=4] => Sniff::Mp3,
        [0x30, 0x26, 0xb2, 0x75] => Sniff::Asf,
        [0, 0, 1, 0xba] => Sniff::MpegPs,
        _ => return None,
    };
    Some(kind)
}

/// Formats without a magic number are recognised by consecutive packets.
fn by_repetition(first: &[u8]) -> Option<Sniff> {
    if [(0, 188), (4, 192)]
        .iter()
        .any(|&(start, step)| transport_stream(first, start, step))
    {
        return Some(Sniff::MpegTs);
    }
    match frames_in_a_row(first)? {
        true => Some(Sniff::Aac),
        false => Some(Sniff::Mp3),
    }
}

fn transport_stream(first: &[u8], start: usize, step: usize) -> bool {
    let syncs: Vec<&u8> = first.iter().skip(start).step_by(step).take(5).collect();
    syncs.len() >= 3 && syncs.iter().all(|&&byte| byte == 0x47)
}

/// Finds three MPEG audio headers, each where the previous one ends its frame; `true` for ADTS, `false` for layers I to III.
fn frames_in_a_row(first: &[u8]) -> Option<bool> {
    let mut at = 0_usize;
    let mut kind = None;
    for _ in 0..3 {
        let header = first.get(at..)?.first_chunk::<6>()?;
        let (adts, length) = frame_length(header)?;
        if kind.is_some_and(|kind| kind != adts) {
            return None;
        }
        kind = Some(adts);
        at = at.checked_add(length)?;
    }
    kind
}

fn frame_length(header: &[u8; 6]) -> Option<(bool, usize)> {
    const RATES: [[usize; 15]; 2] = [
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let [sync, second, third, fourth, fifth, sixth] = *header;
    if sync != 0xff || second & 0xe0 != 0xe0 {
        return None;
    }
    if second & 0xf6 == 0xf0 {
        let length = (usize::from(fourth & 3) << 11) | (usize::from(fifth) << 3) | (usize::from(sixth) >> 5);
        return (length > 7).then_some((true, length));
    }
    // Only layer III: the others are obsolete, and too many files resemble them.
    let version = (second >> 3) & 3;
    if version == 1 || (second >> 1) & 3 != 1 {
        return None;
    }
    let low = version != 3;
    let kilobits = *RATES.get(usize::from(low))?.get(usize::from(third >> 4))?;
    let hertz = *[44_100, 48_000, 32_000].get(usize::from((third >> 2) & 3))?;
    let (hertz, factor) = match version {
        3 => (hertz, 144),
        2 => (hertz / 2, 72),
        _ => (hertz / 4, 72),
    };
    let length = factor * kilobits * 1000 / hertz + usize::from((third >> 1) & 1);
    (length > 4).then_some((false, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(start: &[u8]) -> Vec<u8> {
        let mut bytes = start.to_vec();
        bytes.resize(4096, 0);
        bytes
    }

    #[test]
    fn containers_are_recognised_by_their_first_bytes() {
        let cases: [(&[u8], Sniff); 19] = [
            (b"\0\0\0\x20ftypisom\0\0\x02\0", Sniff::Mp4),
            (b"\0\0\0\x14ftypM4A ", Sniff::Mp4),
            (b"\0\0\0\x14ftypqt  ", Sniff::Mov),
            (b"\0\0\0\x08wide\0\0\x10\0mdat", Sniff::Mov),
            (b"\0\0\x10\0moov", Sniff::Mov),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", Sniff::WebM),
            (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", Sniff::Matroska),
            (b"RIFF\0\0\0\0AVI LIST", Sniff::Avi),
            (b"RIFF\0\0\0\0WAVEfmt ", Sniff::Wav),
            (b"OggS\0", Sniff::Ogg),
            (b"FLV\x01\x05", Sniff::Flv),
            (b"ID3\x03\0", Sniff::Mp3),
            (b"fLaC", Sniff::Flac),
            (b"FORM\0\0\x10\0AIFFCOMM", Sniff::Aiff),
            (b"FORM\0\0\x10\0AIFCFVER", Sniff::Aiff),
            (b"caff\0\x01\0\0desc", Sniff::Caf),
            (b".snd\0\0\0\x20", Sniff::Au),
            (&W64_RIFF, Sniff::W64),
            (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sniff::Asf),
        ];
        for (start, kind) in cases {
            assert_eq!(sniff(&padded(start)), kind, "{:?}", String::from_utf8_lossy(start));
        }
    }

    #[test]
    fn consecutive_packets_are_recognised_without_a_magic_number() {
        let mut stream = vec![0; 188 * 6];
        for packet in stream.chunks_mut(188) {
            packet[0] = 0x47;
        }
        assert_eq!(sniff(&stream), Sniff::MpegTs);
        let mut adts = Vec::new();
        for _ in 0..3 {
            adts.extend([0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc]);
            adts.resize(adts.len() + 9, 0);
        }
        assert_eq!(sniff(&adts), Sniff::Aac);
        let mut mp3 = Vec::new();
        for _ in 0..3 {
            mp3.extend([0xff, 0xfb, 0x90, 0x00]);
            mp3.resize(mp3.len() + 413, 0);
        }
        assert_eq!(sniff(&mp3), Sniff::Mp3);
    }

    #[test]
    fn other_files_are_recognised_as_unplayable() {
        let cases: [&[u8]; 16] = [
            b"",
            b"\0",
            b"#EXTM3U\n#EXT-X-VERSION:3\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
            b"<?xml version=\"1.0\"?><MPD>",
            b"XBIN\x1a",
            b"\x1b[31mred",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0\0\x10JFIF",
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"\x7fELF",
            b"GIF89a",
            b"\0\0\0\x18ftypheic",
            b"<!doctype html>",
        ];
        for start in cases {
            assert_eq!(
                sniff(&padded(start)),
                Sniff::Never,
                "{:?}",
                String::from_utf8_lossy(start)
            );
            assert_eq!(sniff(start), Sniff::Never, "{:?}", String::from_utf8_lossy(start));
        }
    }
}

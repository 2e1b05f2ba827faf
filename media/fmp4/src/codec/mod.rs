//! Codec configurations: H.264 parameter sets, AAC's AudioSpecificConfig.

pub(crate) mod aac;
pub(crate) mod avc;
mod bits;
mod sps;

/// The plain name of a codec, by the four letters of its sample entry.
pub(crate) fn plain_name(format: [u8; 4]) -> String {
    let name = match &format {
        b"avc1" | b"avc2" | b"avc3" | b"avc4" => "h264",
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc",
        b"av01" => "av1",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"mp4v" => "mpeg4",
        b"jpeg" | b"mjpa" | b"mjpb" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"mp4a" => "aac",
        b".mp3" | b"ms\0U" => "mp3",
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b"alac" => "alac",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b"lpcm" | b"sowt" | b"twos" | b"in24" | b"in32" | b"fl32" | b"fl64" | b"raw " | b"NONE" => "pcm",
        _ => return four_letters(format),
    };
    name.to_owned()
}

/// Four letters as printable text.
pub(crate) fn four_letters(format: [u8; 4]) -> String {
    format
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '_' })
        .collect()
}

//! Files that refer to other files or to servers, in every way that their formats know.

use super::super::survey::ffmpeg;
use std::fs;
use std::path::Path;

/// A file with a reference: its name, and its bytes.
pub(super) type Referring = (String, Vec<u8>);

/// Every file, with references to `canary` and to a server.
pub(super) fn all(folder: &Path, canary: &str, server: &str) -> Vec<Referring> {
    let targets = [
        canary.to_owned(),
        format!("file://{canary}"),
        format!("file:{canary}"),
        "canary.bin".to_owned(),
        format!("concat:{canary}|{canary}"),
        format!("http://{server}/x.ts"),
    ];
    let mut files = movies(folder, &targets);
    files.extend(subtitles(canary, server));
    files.extend(attachments(folder, canary, server));
    files.extend(pictures(folder, &targets));
    files.extend(scripts(folder, &targets, server));
    files
}

fn made(folder: &Path, arguments: &str, name: &str) -> Vec<u8> {
    ffmpeg(folder, &format!("{arguments} {name}"));
    fs::read(folder.join(name)).unwrap()
}

const SOUND: &str = "-f lavfi -i sine=duration=1:sample_rate=16000";

/// MP4 and MOV whose samples lie in another file.
fn movies(folder: &Path, targets: &[String]) -> Vec<Referring> {
    let mut files = Vec::new();
    for format in ["mov", "mp4"] {
        let plain = made(folder, &format!("{SOUND} -c:a aac"), &format!("plain.{format}"));
        for (n, target) in targets.iter().enumerate() {
            let url = [target.as_bytes(), &[0]].concat();
            for (how, kind, flags, data) in [
                ("outside", b"url ", 0, url.clone()),
                ("inside", b"url ", 1, url.clone()),
                ("alias", b"alis", 0, alias(target)),
            ] {
                let entry = [&entry_head(kind, flags, data.len()), &data[..]].concat();
                files.push((format!("{how}-{n}.{format}"), with_reference(&plain, &entry)));
            }
        }
    }
    files
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap()
}

fn entry_head(kind: &[u8; 4], flags: u32, data: usize) -> Vec<u8> {
    [&length(12 + data).to_be_bytes()[..], kind, &flags.to_be_bytes()].concat()
}

/// A Macintosh alias record with an absolute path.
fn alias(path: &str) -> Vec<u8> {
    let mut record = vec![0; 10];
    let name = path.rsplit('/').next().unwrap_or_default().as_bytes();
    record.push(1);
    record.extend([b"v".as_slice(), &[0; 26], &[0; 12]].concat());
    let name = &name[..name.len().min(63)];
    record.push(u8::try_from(name.len()).unwrap());
    record.extend([name, &vec![0; 63 - name.len()], &[0; 16]].concat());
    record.extend([0, 1, 0, 1]);
    record.extend([0; 16]);
    let mut padded = path.as_bytes().to_vec();
    padded.resize(padded.len().next_multiple_of(2), 0);
    record.extend([0, 2]);
    record.extend(u16::try_from(path.len()).unwrap().to_be_bytes());
    record.extend(padded);
    record.extend([0xff, 0xff, 0, 0]);
    record
}

/// Replaces the entry of the first `dref`; the boxes around it grow.
fn with_reference(file: &[u8], entry: &[u8]) -> Vec<u8> {
    let path: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"dinf"];
    let mut file = file.to_vec();
    let size = |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut end) = (0, file.len());
    let mut parents = Vec::new();
    for name in path.into_iter().chain([b"dref"]) {
        while &file[at + 4..at + 8] != name {
            at += size(&file, at);
            assert!(at < end, "there is no {}", String::from_utf8_lossy(name));
        }
        parents.push(at);
        end = at + size(&file, at);
        at += 8;
    }
    // version, flags and count
    let first = at + 8;
    let old = size(&file, first);
    file.splice(first..first + old, entry.iter().copied());
    for parent in parents {
        let grown = size(&file, parent) + entry.len() - old;
        file[parent..parent + 4].copy_from_slice(&length(grown).to_be_bytes());
    }
    file
}

/// AVI with a track of subtitles that hold a playlist, which ffmpeg opens as a file of its own.
fn subtitles(canary: &str, server: &str) -> Vec<Referring> {
    let mut files = Vec::new();
    for (n, target) in [
        canary.to_owned(),
        format!("file://{canary}"),
        format!("http://{server}/x"),
    ]
    .iter()
    .enumerate()
    {
        for (kind, text) in [
            (
                "m3u8",
                format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"),
            ),
            (
                "key",
                format!(
                    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=AES-128,URI=\"{target}\"\n#EXTINF:1,\n{target}\n"
                ),
            ),
            (
                "map",
                format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"{target}\"\n#EXTINF:1,\n{target}\n"),
            ),
            ("ffconcat", format!("ffconcat version 1.0\nfile '{target}'\n")),
            (
                "sdp",
                format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"),
            ),
            (
                "mpd",
                format!("<?xml version=\"1.0\"?><MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>"),
            ),
            (
                "ass",
                format!(
                    "[Script Info]\nScriptType: v4.00+\nVideo File: {target}\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,0,0,0,,{target}\n"
                ),
            ),
            (
                "srt",
                format!(
                    "1\n00:00:00,000 --> 00:00:01,000\n<img src=\"{target}\">\n\n2\n00:00:01,000 --> 00:00:02,000\nx\n"
                ),
            ),
            (
                "vtt",
                format!("WEBVTT\n\nSTYLE\n::cue {{ background: url({target}) }}\n\n00:00.000 --> 00:01.000\nx\n"),
            ),
        ] {
            files.push((format!("{kind}-{n}.avi"), avi(text.as_bytes())));
        }
    }
    files
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = [&name[..], &length(data.len()).to_le_bytes(), data].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn list(kind: &[u8; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"LIST", &[&kind[..], &parts.concat()].concat())
}

/// An AVI with a second of uncompressed sound, and this text as subtitles.
fn avi(text: &[u8]) -> Vec<u8> {
    let numbers = |all: &[u32]| all.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let head = numbers(&[0, 16_000, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let stream = |kind: &[u8; 4], scale, rate, length, size| {
        [
            &kind[..],
            &[0; 4],
            &numbers(&[0, 0, 0, scale, rate, 0, length, 0, 0, size, 0, 0]),
        ]
        .concat()
    };
    let pcm = [&[1, 0, 1, 0][..], &numbers(&[8_000, 16_000]), &[2, 0, 16, 0]].concat();
    let sound = list(
        b"strl",
        &[
            chunk(b"strh", &stream(b"auds", 1, 8_000, 8_000, 2)),
            chunk(b"strf", &pcm),
        ],
    );
    let texts = list(
        b"strl",
        &[chunk(b"strh", &stream(b"txts", 1, 1, 1, 0)), chunk(b"strf", &[])],
    );
    let headers = list(b"hdrl", &[chunk(b"avih", &head), sound, texts]);
    let packet = [
        b"GAB2\0\x02\0",
        &numbers(&[2])[..],
        &[0, 0],
        &[4, 0],
        &numbers(&[length(text.len())]),
        text,
    ]
    .concat();
    let film = list(b"movi", &[chunk(b"01tx", &packet), chunk(b"00wb", &[0; 16_000])]);
    chunk(b"RIFF", &[b"AVI ".to_vec(), headers, film].concat())
}

/// Matroska with playlists and pictures attached.
fn attachments(folder: &Path, canary: &str, server: &str) -> Vec<Referring> {
    let mut files = Vec::new();
    for (n, (kind, mime)) in [
        ("list", "application/vnd.apple.mpegurl"),
        ("svg", "image/svg+xml"),
        ("font", "application/x-truetype-font"),
    ]
    .iter()
    .enumerate()
    {
        for (m, target) in [canary, &format!("file://{canary}"), &format!("http://{server}/x")]
            .iter()
            .enumerate()
        {
            let text = match *kind {
                "svg" => format!("<svg xmlns:x=\"http://www.w3.org/1999/xlink\"><image x:href=\"{target}\"/></svg>"),
                _ => format!("#EXTM3U\n#EXTINF:1,\n{target}\n"),
            };
            let attached = format!("attached-{n}-{m}");
            fs::write(folder.join(&attached), text).unwrap();
            let name = format!("{kind}-{m}.mkv");
            let arguments = format!("{SOUND} -c:a aac -attach {attached} -metadata:s:t mimetype={mime}");
            files.push((name.clone(), made(folder, &arguments, &name)));
        }
    }
    files
}

/// MP3 and FLAC whose cover is somewhere else.
fn pictures(folder: &Path, targets: &[String]) -> Vec<Referring> {
    let mp3 = made(
        folder,
        &format!("{SOUND} -c:a libmp3lame -id3v2_version 0 -write_xing 0"),
        "plain.mp3",
    );
    let flac = made(folder, SOUND, "plain.flac");
    let mut files = Vec::new();
    for (n, target) in targets.iter().enumerate() {
        let frame = [b"\0-->\0\x03\0", target.as_bytes()].concat();
        let frame = [b"APIC", &length(frame.len()).to_be_bytes()[..], &[0, 0], &frame].concat();
        let size = length(frame.len());
        let septets = [21, 14, 7, 0].map(|shift| u8::try_from(size >> shift & 0x7f).unwrap());
        let tag = [b"ID3\x03\0\0", &septets[..], &frame].concat();
        files.push((format!("cover-{n}.mp3"), [&tag[..], &mp3].concat()));
        let number = |value: usize| length(value).to_be_bytes();
        let block = [
            &number(3)[..],
            &number(3),
            b"-->",
            &number(0),
            &[0; 16],
            &number(target.len()),
            target.as_bytes(),
        ]
        .concat();
        let head = [&[6][..], &number(block.len())[1..]].concat();
        // behind the first block, which is always the stream's description
        let (first, rest) = flac.split_at(4 + 4 + 34);
        files.push((format!("cover-{n}.flac"), [first, &head, &block, rest].concat()));
    }
    files
}

/// ASF with commands to open something while it plays.
fn scripts(folder: &Path, targets: &[String], server: &str) -> Vec<Referring> {
    let plain = made(folder, &format!("{SOUND} -c:a wmav2"), "plain.wma");
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let count = |text: &str| u16::try_from(text.encode_utf16().count()).unwrap().to_le_bytes();
    let also = [format!("mms://{server}/x"), format!("rtsp://{server}/x")];
    let mut files = Vec::new();
    for (n, target) in targets.iter().chain(&also).enumerate() {
        let mut body = vec![0; 16];
        body.extend([1, 0, 1, 0]);
        body.extend([&count("URL")[..], &wide("URL")].concat());
        body.extend([&[0, 0, 0, 0, 0, 0], &count(target)[..], &wide(target)].concat());
        const COMMANDS: [u8; 16] = [
            0x30, 0x1a, 0xfb, 0x1e, 0x62, 0x0b, 0xd0, 0x11, 0xa3, 0x9b, 0x00, 0xa0, 0xc9, 0x03, 0x48, 0xf6,
        ];
        let size = u64::try_from(24 + body.len()).unwrap();
        let object = [&COMMANDS[..], &size.to_le_bytes(), &body].concat();
        let mut file = plain.clone();
        let whole = u64::from_le_bytes(file[16..24].try_into().unwrap()) + size;
        let objects = u32::from_le_bytes(file[24..28].try_into().unwrap()) + 1;
        file[16..24].copy_from_slice(&whole.to_le_bytes());
        file[24..28].copy_from_slice(&objects.to_le_bytes());
        file.splice(30..30, object);
        files.push((format!("script-{n}.wma"), file));
    }
    files
}

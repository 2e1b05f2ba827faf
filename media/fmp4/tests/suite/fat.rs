//! Files whose segments would be large although the files, or their average rates, are not.

use fmp4::{Obstacle, Verdict};

use crate::files::{Tree, file_of, scan_bytes};
use crate::make::Bench;

/// A picture every second, in groups of six, and what the file consists of: boxes before the media, samples, `moov`.
fn source(seconds: u32) -> (Vec<Tree>, Vec<Vec<u8>>, Tree) {
    let bench = Bench::new();
    let path = bench.source("a.mp4", seconds, "1", "-an -g 6 -keyint_min 6 -sc_threshold 0 -bf 0");
    let mut trees = Tree::parse(&std::fs::read(path).unwrap());
    let mut moov = trees.pop().unwrap();
    let media = trees.pop().unwrap();
    assert_eq!((&moov.kind, &media.kind), (b"moov", b"mdat"));
    let mut sizes = Vec::new();
    moov.all(b"stsz", &mut |table| {
        let words = table.body[12..].as_chunks().0;
        sizes = words.iter().map(|word| u32::from_be_bytes(*word)).collect();
    });
    let mut rest = &media.body[..];
    let samples = sizes.iter().map(|size| {
        let (sample, after) = rest.split_at(usize::try_from(*size).unwrap());
        rest = after;
        sample.to_vec()
    });
    (trees, samples.collect(), moov)
}

fn replace(moov: &mut Tree, kind: &[u8; 4], words: &[u32]) {
    moov.all(kind, &mut |table| *table = Tree::table(kind, words));
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}

/// A file of these samples, one after the other.
fn file(before: &[Tree], samples: &[Vec<u8>], moov: &mut Tree) -> Vec<u8> {
    let count = number(samples.len());
    let sizes = samples.iter().map(|sample| number(sample.len()));
    replace(moov, b"stsz", &[0, count].into_iter().chain(sizes).collect::<Vec<_>>());
    replace(moov, b"stsc", &[1, 1, count, 1]);
    let at = number(file_of(before).len() + 8);
    replace(moov, b"stco", &[1, at]);
    let media = Tree::leaf(b"mdat", samples.concat());
    file_of(&[before, &[media, moov.clone()]].concat())
}

/// A NAL unit that decoders skip.
///
/// Source: ITU-T H.264 §7.3.2.7
fn filler(bytes: usize) -> Vec<u8> {
    let mut unit = vec![0xff; bytes];
    unit[..4].copy_from_slice(&number(bytes - 4).to_be_bytes());
    unit[4] = 12;
    unit
}

#[test]
fn a_segment_is_at_most_32_mib() {
    let (before, samples, mut moov) = source(30);
    for (mib, expected) in [(31, None), (33, Some(Obstacle::BitRate))] {
        let mut samples = samples.clone();
        samples[6].extend(filler(mib << 20));
        let scan = scan_bytes(&file(&before, &samples, &mut moov)).unwrap();
        match (scan.verdict, expected) {
            (Verdict::Playable(index), None) => {
                let segments = &index.head().tracks()[0].segments;
                assert!(segments.iter().any(|segment| segment.bytes > 31 << 20));
            }
            (Verdict::NeedsTranscoding(obstacle), Some(expected)) => assert_eq!(obstacle, expected),
            (verdict, _) => panic!("{mib} MiB: {verdict:?}"),
        }
    }
}

#[test]
fn bytes_that_are_many_samples_are_refused() {
    let (before, samples, mut moov) = source(30);
    let count = number(samples.len());
    let one = [&samples[0][..], &filler(1 << 20)].concat();
    let bytes = file(&before, std::slice::from_ref(&one), &mut moov);
    let at = number(file_of(&before).len() + 8);
    let mut trees = Tree::parse(&bytes);
    let moov = trees.last_mut().unwrap();
    let size = number(one.len());
    replace(
        moov,
        b"stsz",
        &[0, count]
            .into_iter()
            .chain((0..count).map(|_| size))
            .collect::<Vec<_>>(),
    );
    replace(moov, b"stsc", &[1, 1, 1, 1]);
    replace(
        moov,
        b"stco",
        &[count].into_iter().chain((0..count).map(|_| at)).collect::<Vec<_>>(),
    );
    replace(moov, b"stss", &[count].into_iter().chain(1..=count).collect::<Vec<_>>());
    let error = scan_bytes(&file_of(&trees)).unwrap_err();
    assert_eq!(error.code(), "media_malformed");
}

#[test]
fn a_segment_has_at_most_some_thousands_of_samples() {
    let (before, samples, mut moov) = source(204);
    let pictures = number(samples.len());
    // Empty samples without a duration, all after the first picture.
    for (empty, expected) in [(10_000, None), (20_000, Some("timeline"))] {
        let mut samples = samples.clone();
        samples.splice(1..1, vec![Vec::new(); empty]);
        let more = number(empty);
        let second = ticks_of_a_second(&mut moov);
        replace(&mut moov, b"stts", &[3, 1, second, more, 0, pictures - 1, second]);
        let syncs = (1..pictures / 6).map(|group| 6 * group + 1 + more);
        replace(
            &mut moov,
            b"stss",
            &[pictures / 6, 1].into_iter().chain(syncs).collect::<Vec<_>>(),
        );
        let mut bytes = file(&before, &samples, &mut moov);
        // As many bytes as there are samples, so that their count is believed.
        bytes.extend(file_of(&[Tree::leaf(b"free", vec![0; empty])]));
        let found = match scan_bytes(&bytes).unwrap().verdict {
            Verdict::Playable(_) => None,
            Verdict::NeedsTranscoding(obstacle) => Some(obstacle.code()),
        };
        assert_eq!(found, expected, "{empty} samples");
    }
}

fn ticks_of_a_second(moov: &mut Tree) -> u32 {
    let mut ticks = 0;
    moov.all(b"mdhd", &mut |head| {
        ticks = u32::from_be_bytes(head.body[12..16].try_into().unwrap());
    });
    ticks
}

//! Takes parts and segments apart, independently of the writer.

/// A sample in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) decoded_at: u64,
    pub(crate) duration: u32,
    pub(crate) offset: i32,
    pub(crate) key: bool,
    pub(crate) data: Vec<u8>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn boxes(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let size = usize::try_from(u32_at(rest, 0)).unwrap();
        found.push((&rest[4..8], &rest[8..size]));
        rest = &rest[size..];
    }
    found
}

fn child<'a>(body: &'a [u8], kind: &[u8]) -> &'a [u8] {
    boxes(body).into_iter().find(|(found, _)| *found == kind).unwrap().1
}

/// The samples of a part, or of a segment of several parts.
pub(crate) fn samples(bytes: &[u8]) -> Vec<Found> {
    let found = boxes(bytes);
    let mut samples = Vec::new();
    for pair in found.chunks(2) {
        let [(b"moof", moof), (b"mdat", mdat)] = pair else {
            panic!("not a moof and an mdat");
        };
        let traf = child(moof, b"traf");
        let tfhd = child(traf, b"tfhd");
        let has_duration = u32_at(tfhd, 0) & 8 != 0;
        let duration = if has_duration { u32_at(tfhd, 8) } else { 0 };
        let flags = u32_at(tfhd, tfhd.len() - 4);
        let tfdt = child(traf, b"tfdt");
        let mut at = u64::from_be_bytes(tfdt[4..12].try_into().unwrap());
        let run = child(traf, b"trun");
        assert_eq!(
            usize::try_from(u32_at(run, 8)).unwrap(),
            moof.len() + 16,
            "the data offset"
        );
        let mut data: &[u8] = mdat;
        for sample in run_samples(run, duration, flags) {
            let (own, rest) = data.split_at(sample.2);
            data = rest;
            let (duration, key, offset) = (sample.0, sample.1 & 0x1_0000 == 0, sample.3);
            let data = own.to_vec();
            samples.push(Found {
                decoded_at: at,
                duration,
                offset,
                key,
                data,
            });
            at += u64::from(duration);
        }
        assert!(data.is_empty());
    }
    samples
}

fn run_samples(run: &[u8], duration: u32, flags: u32) -> Vec<(u32, u32, usize, i32)> {
    let own = u32_at(run, 0) & 0x00ff_ffff;
    let mut at = 12;
    let mut next = |is_there: bool, otherwise: u32| {
        if !is_there {
            return otherwise;
        }
        at += 4;
        u32_at(run, at - 4)
    };
    let first = next(own & 4 != 0, flags);
    let samples = (0..u32_at(run, 4)).map(|place| {
        let duration = next(own & 0x100 != 0, duration);
        let size = usize::try_from(next(own & 0x200 != 0, 0)).unwrap();
        let flags = next(own & 0x400 != 0, if place == 0 { first } else { flags });
        (duration, flags, size, next(own & 0x800 != 0, 0).cast_signed())
    });
    samples.collect()
}

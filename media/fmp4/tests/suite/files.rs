//! Scans files and rewrites their boxes.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fmp4::{Limits, Scan, ScanError, Scanner, Step};

/// The most bytes that a step may request: a movie header and a little more.
const MAX_ANSWER: u64 = (64 << 20) + (128 << 10);

pub(crate) fn read(file: &File, range: &Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
    file.read_exact_at(&mut bytes, range.start).unwrap();
    bytes
}

/// Scans a file; also returns the number of steps.
pub(crate) fn scan_counting(path: &Path) -> (u32, Result<Scan, ScanError>) {
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    scan_with(length, |range| read(&file, range))
}

pub(crate) fn scan(path: &Path) -> Result<Scan, ScanError> {
    scan_counting(path).1
}

pub(crate) fn scan_bytes(bytes: &[u8]) -> Result<Scan, ScanError> {
    let length = bytes.len().try_into().unwrap();
    let read =
        |range: &Range<u64>| bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec();
    scan_with(length, read).1
}

/// Scans, and checks that no step requests bytes outside the file or too many.
fn scan_with(length: u64, read: impl Fn(&Range<u64>) -> Vec<u8>) -> (u32, Result<Scan, ScanError>) {
    let mut scanner = Scanner::new(length, Limits::default());
    let mut answers: Vec<Vec<u8>> = Vec::new();
    let mut steps = 0;
    loop {
        steps += 1;
        match scanner.step(&answers) {
            Ok(Step::Read(ranges)) => {
                assert!(!ranges.is_empty());
                assert!(
                    ranges
                        .iter()
                        .all(|range| range.start < range.end && range.end <= length),
                    "{ranges:?}"
                );
                assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= MAX_ANSWER);
                answers = ranges.iter().map(&read).collect();
            }
            Ok(Step::Done(scan)) => return (steps, Ok(scan)),
            Err(error) => return (steps, Err(error)),
        }
    }
}

/// A box with its children if it is a container, for rewriting.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) kind: [u8; 4],
    pub(crate) body: Vec<u8>,
    pub(crate) children: Vec<Tree>,
}

const CONTAINERS: [&[u8; 4]; 10] = [
    b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf",
];

impl Tree {
    pub(crate) fn leaf(kind: &[u8; 4], body: Vec<u8>) -> Self {
        Self {
            kind: *kind,
            body,
            children: Vec::new(),
        }
    }

    /// A box with version, flags and numbers of 32 bits.
    pub(crate) fn table(kind: &[u8; 4], words: &[u32]) -> Self {
        let body = [0].iter().chain(words).flat_map(|word| word.to_be_bytes()).collect();
        Self::leaf(kind, body)
    }

    pub(crate) fn node(kind: &[u8; 4], children: Vec<Tree>) -> Self {
        Self {
            kind: *kind,
            body: Vec::new(),
            children,
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Vec<Self> {
        let mut rest = bytes;
        let mut list = Vec::new();
        while rest.len() >= 8 {
            let size = usize::try_from(u32::from_be_bytes(rest[..4].try_into().unwrap())).unwrap();
            let kind: [u8; 4] = rest[4..8].try_into().unwrap();
            let body = &rest[8..size];
            list.push(match CONTAINERS.contains(&&kind) {
                true => Self::node(&kind, Self::parse(body)),
                false => Self::leaf(&kind, body.to_vec()),
            });
            rest = &rest[size..];
        }
        list
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut body = self.body.clone();
        self.children.iter().for_each(|child| child.write(&mut body));
        out.extend(u32::try_from(body.len() + 8).unwrap().to_be_bytes());
        out.extend(self.kind);
        out.extend(body);
    }

    /// Changes every box of a kind at any depth.
    pub(crate) fn all(&mut self, kind: &[u8; 4], change: &mut dyn FnMut(&mut Tree)) {
        if self.kind == *kind {
            change(self);
        }
        self.children.iter_mut().for_each(|child| child.all(kind, change));
    }
}

pub(crate) fn file_of(trees: &[Tree]) -> Vec<u8> {
    let mut out = Vec::new();
    trees.iter().for_each(|tree| tree.write(&mut out));
    out
}

/// Rewrites the movie header of a file that has it at the end, where its length may change.
pub(crate) fn rewrite(path: &Path, change: impl FnOnce(&mut Tree)) -> Vec<u8> {
    let mut trees = Tree::parse(&std::fs::read(path).unwrap());
    let last = trees.last_mut().unwrap();
    assert_eq!(&last.kind, b"moov");
    change(last);
    file_of(&trees)
}

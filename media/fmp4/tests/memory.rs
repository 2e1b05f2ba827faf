//! A hostile file needs no more memory than its size. Alone in its process, because the kernel counts all of its memory.

#[cfg(test)]
mod tests {
    use fmp4::{Limits, Scanner, Step};

    /// The peak memory of the process, in bytes.
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat()
    }

    fn table(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let body: Vec<u8> = [0].iter().chain(words).flat_map(|word| word.to_be_bytes()).collect();
        boxed(kind, &body)
    }

    /// A movie of one track with these tables, followed by `fragments`.
    fn file(tables: &[Vec<u8>], fragments: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 100];
        header[12..16].copy_from_slice(&1000_u32.to_be_bytes());
        let handler = boxed(b"hdlr", &[&[0; 8], &b"vide"[..], &[0; 13]].concat());
        let media = [
            boxed(b"mdhd", &header[..24]),
            handler,
            boxed(b"minf", &boxed(b"stbl", &tables.concat())),
        ]
        .concat();
        let track = [boxed(b"tkhd", &[0; 84]), boxed(b"mdia", &media)].concat();
        let extends = boxed(b"mvex", &table(b"trex", &[0, 1, 1, 0, 0]));
        let movie = [boxed(b"mvhd", &header), boxed(b"trak", &track), extends].concat();
        [
            boxed(b"ftyp", b"isom\0\0\x02\0"),
            boxed(b"moov", &movie),
            fragments.to_vec(),
            boxed(b"mdat", &[0; 64]),
        ]
        .concat()
    }

    fn scan(file: &[u8]) {
        let mut scanner = Scanner::new(u64::try_from(file.len()).unwrap(), Limits::default());
        let mut answers: Vec<&[u8]> = Vec::new();
        while let Ok(Step::Read(ranges)) = scanner.step(&answers) {
            let cut = |range: &std::ops::Range<u64>| {
                &file[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
            };
            answers = ranges.iter().map(cut).collect();
        }
    }

    #[test]
    fn small_files_with_large_numbers_take_no_memory() {
        let mut files = Vec::new();
        for count in [10_000_000, 80_000_000, 1 << 31, u32::MAX] {
            for size in [0, 1, u32::MAX] {
                let tables = [
                    table(b"stts", &[1, count, 1]),
                    table(b"ctts", &[1, count, 1]),
                    table(b"stsc", &[1, 1, count, 1]),
                    table(b"stco", &[1, 0]),
                    table(b"stsz", &[size, count]),
                    table(b"stss", &[count]),
                ];
                files.push(file(&tables, &[]));
            }
            for kind in [
                b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stsz", b"stz2", b"stss", b"stsd", b"elst", b"dref",
            ] {
                files.push(file(&[table(kind, &[count, count, count])], &[]));
            }
            let run = [table(b"tfhd", &[0]), table(b"trun", &[count])].concat();
            files.push(file(&[], &boxed(b"moof", &boxed(b"traf", &run))));
        }
        let before = peak();
        files.iter().for_each(|file| scan(file));
        let grown = peak() - before;
        assert!(grown < 4 << 20, "{grown} bytes");
    }
}

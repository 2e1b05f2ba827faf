//! Reads what ffmpeg tells with `-progress`: lines of `name=value`, a block a time, ended by `progress=`.

/// Longer lines are none of ffmpeg's.
const LONGEST: usize = 1_024;

/// How far a run of ffmpeg is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Until when the output reaches; with `-copyts` that counts from the input's zero.
    ///
    /// Units: microseconds; 0 as long as there is none
    pub out_time: u64,
    /// Frames encoded.
    pub frames: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Seconds of output a second, where ffmpeg tells it.
    pub speed: Option<f64>,
}

/// A report, and whether it tells of anything new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Report {
    pub(super) progress: Progress,
    pub(super) further: bool,
}

/// Puts lines together from chunks, and reports from lines.
#[derive(Debug, Default)]
pub(super) struct ProgressReader {
    line: Vec<u8>,
    too_long: bool,
    next: Progress,
    last: Progress,
}

impl ProgressReader {
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Report> {
        let mut reports = Vec::new();
        for &byte in chunk {
            if byte == b'\n' {
                reports.extend(self.take_line());
            } else if self.line.len() < LONGEST {
                self.line.push(byte);
            } else {
                self.too_long = true;
            }
        }
        reports
    }

    fn take_line(&mut self) -> Option<Report> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            return None;
        }
        let (name, value) = std::str::from_utf8(&line).ok()?.split_once('=')?;
        let value = value.trim();
        match name {
            // "N/A" and times before zero tell nothing.
            "out_time_us" => self.next.out_time = value.parse().unwrap_or(self.next.out_time),
            "frame" => self.next.frames = value.parse().unwrap_or(self.next.frames),
            "total_size" => self.next.bytes = value.parse().unwrap_or(self.next.bytes),
            "speed" => self.next.speed = value.trim_end_matches('x').parse().ok(),
            "progress" => return Some(self.report()),
            _ => {}
        }
        None
    }

    fn report(&mut self) -> Report {
        let Progress {
            out_time,
            frames,
            bytes,
            ..
        } = self.last;
        let further = self.next.out_time > out_time || self.next.frames > frames || self.next.bytes > bytes;
        self.last = self.next;
        Report {
            progress: self.next,
            further,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ffmpeg 5.1 writes it.
    const TOLD: &str = "frame=0\nfps=0.00\nstream_0_0_q=0.0\nbitrate=N/A\ntotal_size=44\nout_time_us=N/A\n\
        out_time_ms=N/A\nout_time=N/A\ndup_frames=0\ndrop_frames=0\nspeed=N/A\nprogress=continue\n\
        frame=60\nfps=0.00\nstream_0_0_q=23.0\nbitrate= 120.4kbits/s\ntotal_size=44\nout_time_us=1960000\n\
        out_time_ms=1960000\nout_time=00:00:01.960000\ndup_frames=0\ndrop_frames=0\nspeed=3.91x\nprogress=continue\n\
        frame=60\nfps=0.00\ntotal_size=44\nout_time_us=1960000\nspeed=3.11x\nprogress=continue\n";

    #[test]
    fn reports_come_out_the_same_however_the_lines_are_cut() {
        let progress = Progress {
            out_time: 1_960_000,
            frames: 60,
            bytes: 44,
            speed: Some(3.91),
        };
        for size in [1, 7, 64, TOLD.len()] {
            let mut reader = ProgressReader::default();
            let reports: Vec<_> = TOLD.as_bytes().chunks(size).flat_map(|it| reader.push(it)).collect();
            let [begun, further, same] = reports.as_slice() else {
                panic!("{reports:?}");
            };
            assert_eq!((begun.progress.out_time, begun.progress.speed), (0, None));
            assert_eq!((further.progress, further.further), (progress, true));
            assert_eq!((same.progress.out_time, same.further), (1_960_000, false));
        }
    }

    #[test]
    fn lines_without_end_take_no_memory_and_do_no_harm() {
        let mut reader = ProgressReader::default();
        for _ in 0..1_000 {
            assert!(reader.push(&[b'x'; 1_000]).is_empty());
        }
        assert!(reader.line.capacity() <= 2 * LONGEST);
        let reports = reader.push(b"\nout_time_us=-5\nframe=2\nprogress=end\n");
        assert_eq!(reports.len(), 1);
        assert_eq!((reports[0].progress.out_time, reports[0].progress.frames), (0, 2));
    }
}

//! The end of a tool's standard error, and whether it reports a full disk.

/// The number of bytes kept.
const KEPT: usize = 4 * 1_024;

/// Ends of lines that report a full disk: the C library's words, in the C locale.
const NO_ROOM: [&[u8]; 2] = [b"No space left on device", b"Disk quota exceeded"];

/// Keeps the last bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    kept: Vec<u8>,
    /// Where in `kept` the unfinished line begins.
    line: usize,
    disk_full: bool,
}

impl Tail {
    pub(crate) fn push(&mut self, output: &[u8]) {
        for &byte in output {
            self.kept.push(byte);
            if byte == b'\n' {
                self.look_at_line();
                self.line = self.kept.len();
            }
        }
        let most = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..most);
        self.line = self.line.saturating_sub(most);
    }

    /// Whether a line ended with such words. Elsewhere in a line they may be a file's name or text.
    pub(crate) fn disk_full(&mut self) -> bool {
        self.look_at_line();
        self.disk_full
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).trim().to_owned()
    }

    fn look_at_line(&mut self) {
        let line = self.kept.get(self.line..).unwrap_or_default().trim_ascii_end();
        self.disk_full |= NO_ROOM.iter().any(|it| line.ends_with(it));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_bytes_are_kept() {
        let mut tail = Tail::default();
        for number in 0..10_000 {
            tail.push(format!("line {number} of many\n").as_bytes());
        }
        assert!(tail.text().ends_with("line 9999 of many") && tail.text().len() <= KEPT);
        assert!(!tail.disk_full());
    }

    #[test]
    fn a_full_disk_is_noticed_wherever_the_words_are_cut_and_whatever_follows() {
        let output = b"av_interleaved_write_frame(): No space left on device\nConversion failed!\n";
        for size in [1, 5, 40, output.len()] {
            let mut tail = Tail::default();
            for part in output.chunks(size) {
                tail.push(part);
            }
            tail.push(&[b'.'; 3 * KEPT]);
            assert!(tail.disk_full());
        }
        let mut unended = Tail::default();
        unended.push(b"x.mp4: Disk quota exceeded");
        assert!(unended.disk_full());
    }

    #[test]
    fn a_name_that_mentions_a_full_disk_is_not_one() {
        let mut tail = Tail::default();
        tail.push(b"[mov] title 'No space left on device' is odd\n");
        assert!(!tail.disk_full());
    }
}

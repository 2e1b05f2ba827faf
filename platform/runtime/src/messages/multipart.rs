//! `multipart/form-data`, read as it comes: whatever a client sends, the bytes that are held back are bounded.
//!
//! Source: RFC 7578, RFC 2046 §5.1

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// Longest boundary.
const MAX_BOUNDARY: usize = 70;
/// Most bytes before the first boundary.
const MAX_PREAMBLE: usize = 1024;
/// Most bytes of a part's headers.
const MAX_HEADERS: usize = 8 * 1024;
/// Most parts.
const MAX_PARTS: usize = 64;

/// What comes next in a form.
#[derive(Debug, PartialEq, Eq)]
pub enum FormEvent {
    /// A field begins.
    Field {
        /// Its name.
        name: String,
        /// The name of the file that it holds.
        filename: Option<String>,
    },
    /// Some of its bytes.
    Data(Bytes),
    /// It is complete.
    EndOfField,
    /// The form is complete.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Preamble,
    AfterBoundary,
    Headers,
    FirstData,
    Data,
    End,
}

/// Reads a form; it never holds more than one chunk and a part's headers.
#[derive(Debug)]
pub struct MultipartForm {
    /// The line end and the boundary between two parts.
    delimiter: Finder<'static>,
    buffer: Bytes,
    stage: Stage,
    parts: usize,
}

impl MultipartForm {
    /// Begins with the value of `Content-Type`.
    ///
    /// Errors: the boundary is missing or not allowed
    pub fn new(content_type: &str) -> Result<Self, &'static str> {
        let boundary = parameter(content_type, "boundary")?.ok_or("the content type has no boundary")?;
        let fits = (1..=MAX_BOUNDARY).contains(&boundary.len());
        if !fits || !boundary.bytes().all(|b| (b' '..=b'~').contains(&b)) || boundary.ends_with(' ') {
            return Err("the boundary must have 1 to 70 printable characters");
        }
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first boundary may stand at the very beginning, as if a line had ended before it.
        let buffer = Bytes::from_static(b"\r\n");
        Ok(Self {
            delimiter,
            buffer,
            stage: Stage::Preamble,
            parts: 0,
        })
    }

    /// Takes the next bytes of the body.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = bytes;
        } else if !bytes.is_empty() {
            let mut joined = BytesMut::with_capacity(self.buffer.len() + bytes.len());
            joined.extend_from_slice(&self.buffer);
            joined.extend_from_slice(&bytes);
            self.buffer = joined.freeze();
        }
    }

    /// What comes next; `None` when more bytes are needed.
    ///
    /// Errors: what is wrong with the form
    pub fn next_event(&mut self) -> Result<Option<FormEvent>, &'static str> {
        loop {
            match self.stage {
                Stage::Preamble => {
                    let Some(at) = self.delimiter.find(&self.buffer) else {
                        return if self.buffer.len() > MAX_PREAMBLE {
                            Err("no boundary where the form should begin")
                        } else {
                            Ok(None)
                        };
                    };
                    self.skip(at + self.delimiter.needle().len());
                    self.stage = Stage::AfterBoundary;
                }
                Stage::AfterBoundary => match self.after_boundary()? {
                    Some(stage) => self.stage = stage,
                    None => return Ok(None),
                },
                Stage::Headers => return self.headers(),
                Stage::FirstData => {
                    // An empty part ends at once: its delimiter's line end is the one that closed the headers.
                    let short = self.delimiter.needle().get(2..).unwrap_or_default();
                    let length = short.len();
                    if self.buffer.starts_with(short) {
                        self.skip(length);
                        self.stage = Stage::AfterBoundary;
                        return Ok(Some(FormEvent::EndOfField));
                    }
                    if short.starts_with(&self.buffer) {
                        return Ok(None);
                    }
                    self.stage = Stage::Data;
                }
                Stage::Data => return Ok(self.data()),
                Stage::End => {
                    self.buffer.clear();
                    return Ok(Some(FormEvent::End));
                }
            }
        }
    }

    fn after_boundary(&mut self) -> Result<Option<Stage>, &'static str> {
        if self.buffer.starts_with(b"--") {
            return Ok(Some(Stage::End));
        }
        let blanks = self.buffer.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match self.buffer.get(blanks..) {
            _ if blanks > MAX_BOUNDARY => Err("the line of a boundary goes on"),
            Some(rest) if rest.starts_with(b"\r\n") => {
                self.skip(blanks);
                Ok(Some(Stage::Headers))
            }
            Some([] | b"\r" | b"-") | None => Ok(None),
            Some(_) => Err("the line of a boundary goes on"),
        }
    }

    /// The buffer begins with the line end of the boundary's line.
    fn headers(&mut self) -> Result<Option<FormEvent>, &'static str> {
        let window = self
            .buffer
            .get(..self.buffer.len().min(MAX_HEADERS))
            .unwrap_or_default();
        let Some(end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if self.buffer.len() >= MAX_HEADERS {
                Err("the headers of a part are too long")
            } else {
                Ok(None)
            };
        };
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err("the form has too many parts");
        }
        let headers = self.buffer.slice(..end);
        self.skip(end + 4);
        self.stage = Stage::FirstData;
        let text = std::str::from_utf8(&headers).map_err(|_| "the headers of a part are not UTF-8")?;
        field(text).map(Some)
    }

    fn data(&mut self) -> Option<FormEvent> {
        match self.delimiter.find(&self.buffer) {
            Some(0) => {
                self.skip(self.delimiter.needle().len());
                self.stage = Stage::AfterBoundary;
                Some(FormEvent::EndOfField)
            }
            Some(at) => Some(FormEvent::Data(self.buffer.split_to(at))),
            None => {
                let kept = self.delimiter_begun();
                let data = self.buffer.split_to(self.buffer.len() - kept);
                (!data.is_empty()).then_some(FormEvent::Data(data))
            }
        }
    }

    /// How many bytes at the buffer's end could be the beginning of a delimiter.
    fn delimiter_begun(&self) -> usize {
        let delimiter = self.delimiter.needle();
        let most = self.buffer.len().min(delimiter.len() - 1);
        (1..=most)
            .rev()
            .find(|length| {
                let tail = self.buffer.get(self.buffer.len() - length..).unwrap_or_default();
                delimiter.starts_with(tail)
            })
            .unwrap_or(0)
    }

    fn skip(&mut self, count: usize) {
        let _ = self.buffer.split_to(count.min(self.buffer.len()));
    }
}

fn field(headers: &str) -> Result<FormEvent, &'static str> {
    let disposition = headers
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))
        .map(|(_, value)| value.trim())
        .ok_or("a part has no Content-Disposition")?;
    let kind = disposition.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("form-data") {
        return Err("a part is no form-data");
    }
    let name = parameter(disposition, "name")?.ok_or("a part has no name")?;
    let filename = match parameter(disposition, "filename*")? {
        Some(extended) => Some(extended_value(&extended).ok_or("a part's filename* can't be read")?),
        None => parameter(disposition, "filename")?,
    };
    Ok(FormEvent::Field { name, filename })
}

/// A parameter of a header's value, unquoted; browsers write a quote in a name as `%22`.
fn parameter(value: &str, wanted: &str) -> Result<Option<String>, &'static str> {
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while !rest.trim().is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            return Err("a parameter has no value");
        };
        let name = name.trim_matches([' ', '\t', ';']);
        let (text, following) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted).ok_or("a quoted value does not end")?,
            None => {
                let (text, following) = after.split_once(';').unwrap_or((after, ""));
                (text.trim().to_owned(), following)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Ok(Some(
                text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"),
            ));
        }
        rest = following.trim_start().trim_start_matches(';');
    }
    Ok(None)
}

fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return quoted.get(at + 1..).map(|rest| (text, rest)),
            // Old browsers send a path with backslashes that escape nothing.
            '\\' => match letters.clone().next() {
                Some((_, escaped @ ('"' | '\\'))) => {
                    letters.next();
                    text.push(escaped);
                }
                _ => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    None
}

/// Source: RFC 8187 §3.2.1
fn extended_value(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::new();
    let mut left = encoded.bytes();
    while let Some(byte) = left.next() {
        if byte == b'%' {
            let digits = [left.next()?, left.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"x-y\"";
    const FORM: &[u8] = b"--x-y\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nGraphs\r\n--x-y \r\n\
        content-disposition: form-data; name=file; filename=\"a \\\"b\\\".mp4\"\r\nContent-Type: video/mp4\r\n\r\n\
        by\r\n--x-tes\r\r\n\r\n--x-y\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--x-y--\r\nepilogue";

    /// A field's name, its file name and its bytes.
    type Field = (String, Option<String>, Vec<u8>);

    fn read(form: &[u8], chunk: usize) -> Result<Vec<Field>, &'static str> {
        let mut parser = MultipartForm::new(TYPE)?;
        let mut fields: Vec<Field> = Vec::new();
        for bytes in form.chunks(chunk) {
            parser.feed(Bytes::copy_from_slice(bytes));
            while let Some(event) = parser.next_event()? {
                match event {
                    FormEvent::Field { name, filename } => fields.push((name, filename, Vec::new())),
                    FormEvent::Data(data) => fields.last_mut().unwrap().2.extend_from_slice(&data),
                    FormEvent::EndOfField => {}
                    FormEvent::End => return Ok(fields),
                }
            }
        }
        Err("not complete")
    }

    #[test]
    fn a_form_is_read_the_same_however_it_is_cut() {
        let expected = vec![
            ("title".to_owned(), None, b"Graphs".to_vec()),
            (
                "file".to_owned(),
                Some("a \"b\".mp4".to_owned()),
                b"by\r\n--x-tes\r\r\n".to_vec(),
            ),
            ("empty".to_owned(), None, Vec::new()),
        ];
        for chunk in 1..=FORM.len() {
            assert_eq!(read(FORM, chunk).as_ref(), Ok(&expected), "{chunk}");
        }
    }

    #[test]
    fn a_form_that_is_broken_is_refused() {
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        for bad in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"a",
            &long,
        ] {
            assert!(MultipartForm::new(bad).is_err(), "{bad}");
        }
        let header = format!(
            "--x-y\r\nContent-Disposition: form-data; name=a\r\nX: {}\r\n\r\n",
            "h".repeat(16 * 1024)
        );
        let many = "--x-y\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(1_001);
        let preamble = "p".repeat(100_000);
        let broken = [
            header.as_str(),
            &many,
            &preamble,
            "--x-y\r\n\r\nno headers\r\n--x-y--",
            "--x-y\r\nContent-Disposition: form-data\r\n\r\n\r\n--x-y--",
            "--x-y\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--x-y--",
            "--x-y\r\nContent-Disposition: form-data; name=a; filename*=UTF-8''%zz\r\n\r\n\r\n--x-y--",
            "--x-ymore\r\n",
        ];
        for form in broken {
            for chunk in [1, 7, form.len()] {
                let answer = read(form.as_bytes(), chunk);
                assert!(
                    answer.is_err() && answer != Err("not complete"),
                    "{form:.60} {answer:?}"
                );
            }
        }
        assert_eq!(
            read(b"--x-y\r\nContent-Disposition: form-data; name=a\r\n\r\nabc", 5),
            Err("not complete")
        );
    }

    #[test]
    fn an_extended_name_is_taken_before_the_plain_one() {
        let form = "--x-y\r\nContent-Disposition: form-data; name=f; filename=\"x\"; filename*=UTF-8''%C3%BC.mp4\r\n\r\n\r\n--x-y--";
        assert_eq!(read(form.as_bytes(), 9).unwrap()[0].1.as_deref(), Some("ü.mp4"));
    }
}

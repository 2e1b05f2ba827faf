//! AMF0, the form of commands.
//!
//! Source: Action Message Format, AMF 0

use super::RtmpError;
use bytes::BufMut;

/// How deep values may be nested.
const DEPTH: u32 = 6;
/// How many values a message may have.
const VALUES: u32 = 200;

const NUMBER: u8 = 0;
const BOOLEAN: u8 = 1;
const STRING: u8 = 2;
const OBJECT: u8 = 3;
const NULL: u8 = 5;
const UNDEFINED: u8 = 6;
const ARRAY: u8 = 8;
const END: u8 = 9;
const LIST: u8 = 10;
const DATE: u8 = 11;
const LONG_STRING: u8 = 12;

/// A value of a command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Object(Vec<(String, Value)>),
    /// Nothing, or something that no command of a publisher depends on.
    Other,
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of an object's property.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(properties) => properties.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Reads all values of a message; what follows a value of an unknown type is left out.
///
/// Errors: a value that ends too early, too many of them, or nested too deep
pub(super) fn values(message: &[u8]) -> Result<Vec<Value>, RtmpError> {
    let mut reader = Reader {
        rest: message,
        left: VALUES,
    };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        match reader.value(DEPTH)? {
            Some(value) => values.push(value),
            None => break,
        }
    }
    Ok(values)
}

struct Reader<'a> {
    rest: &'a [u8],
    left: u32,
}

const SHORT: RtmpError = RtmpError::Malformed("a command ends within a value");

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RtmpError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RtmpError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn text(&mut self, length: usize) -> Result<String, RtmpError> {
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn short_text(&mut self) -> Result<String, RtmpError> {
        let length = u16::from_be_bytes(self.array()?);
        self.text(length.into())
    }

    /// The next value; none if its type is unknown, or it is the end of an object.
    fn value(&mut self, depth: u32) -> Result<Option<Value>, RtmpError> {
        self.left = self.left.checked_sub(1).ok_or(RtmpError::TooLarge("a command"))?;
        let depth = depth
            .checked_sub(1)
            .ok_or(RtmpError::TooLarge("an object of a command"))?;
        let [kind] = self.array()?;
        let value = match kind {
            NUMBER => Value::Number(f64::from_be_bytes(self.array()?)),
            BOOLEAN => {
                self.take(1)?;
                Value::Other
            }
            STRING => Value::Text(self.short_text()?),
            LONG_STRING => {
                let length = u32::from_be_bytes(self.array()?);
                Value::Text(self.text(usize::try_from(length).map_err(|_| SHORT)?)?)
            }
            OBJECT => self.object(depth)?,
            ARRAY => {
                // The number of entries is only a hint.
                self.take(4)?;
                self.object(depth)?
            }
            LIST => {
                let count = u32::from_be_bytes(self.array()?);
                for _ in 0..count {
                    if self.value(depth)?.is_none() {
                        return Ok(None);
                    }
                }
                Value::Other
            }
            DATE => {
                self.take(10)?;
                Value::Other
            }
            NULL | UNDEFINED => Value::Other,
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn object(&mut self, depth: u32) -> Result<Value, RtmpError> {
        let mut properties = Vec::new();
        loop {
            let name = self.short_text()?;
            if name.is_empty() && self.rest.first() == Some(&END) {
                self.take(1)?;
                return Ok(Value::Object(properties));
            }
            match self.value(depth)? {
                Some(value) => properties.push((name, value)),
                None => {
                    return Err(RtmpError::Malformed(
                        "an object of a command has a value of an unknown type",
                    ));
                }
            }
        }
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.put_u8(STRING);
    put_name(out, text);
}

pub(super) fn put_number(out: &mut Vec<u8>, number: f64) {
    out.put_u8(NUMBER);
    out.put_f64(number);
}

pub(super) fn put_null(out: &mut Vec<u8>) {
    out.put_u8(NULL);
}

/// Writes an object with texts, then numbers.
pub(super) fn put_object(out: &mut Vec<u8>, texts: &[(&str, &str)], numbers: &[(&str, f64)]) {
    out.put_u8(OBJECT);
    for (name, text) in texts {
        put_name(out, name);
        put_text(out, text);
    }
    for (name, number) in numbers {
        put_name(out, name);
        put_number(out, *number);
    }
    out.extend_from_slice(&[0, 0, END]);
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.extend(name.bytes().take(length.into()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_that_were_written_are_read_again() {
        let mut out = Vec::new();
        put_text(&mut out, "connect");
        put_number(&mut out, 1.0);
        put_object(&mut out, &[("app", "live")], &[("capabilities", 31.0)]);
        put_null(&mut out);
        let read = values(&out).unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!((read[0].text(), read[1].number()), (Some("connect"), Some(1.0)));
        assert_eq!(read[2].get("app").and_then(Value::text), Some("live"));
        assert_eq!(read[3], Value::Other);
    }

    #[test]
    fn a_list_that_claims_many_values_allocates_none() {
        assert_eq!(values(&[LIST, 0xff, 0xff, 0xff, 0xff]), Err(SHORT));
        let nested: Vec<u8> = [LIST, 0, 0, 0, 1].repeat(10_000);
        assert_eq!(values(&nested), Err(RtmpError::TooLarge("an object of a command")));
        let many = [NULL].repeat(10_000);
        assert_eq!(values(&many), Err(RtmpError::TooLarge("a command")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = values(&bytes);
        }
    }
}

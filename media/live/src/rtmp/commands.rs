//! Commands of publishers, and replies to them.
//!
//! Source: RTMP 1.0 §7.2

use super::RtmpError;
use super::amf::{Value, put_null, put_number, put_object, put_text, values};

/// What a peer wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Connect {
        app: String,
    },
    CreateStream,
    Publish {
        name: String,
    },
    /// The publisher has ended its stream.
    End,
    /// To watch, which is not offered here.
    Play,
    /// Something that needs no more than an empty reply, or none.
    Other,
}

impl Command {
    /// Reads a command and the number of its reply.
    ///
    /// Errors: it has no name, or is malformed
    pub(super) fn parse(message: &[u8]) -> Result<(Self, f64), RtmpError> {
        let values = values(message)?;
        let name = values.first().and_then(Value::text);
        let name = name.ok_or(RtmpError::Malformed("a command without a name"))?;
        let transaction = values.get(1).and_then(Value::number).unwrap_or(0.0);
        let text = |n: usize| values.get(n).and_then(Value::text).unwrap_or_default().to_owned();
        let command = match name {
            "connect" => Self::Connect {
                app: values
                    .get(2)
                    .and_then(|object| object.get("app"))
                    .and_then(Value::text)
                    .unwrap_or_default()
                    .to_owned(),
            },
            "createStream" => Self::CreateStream,
            "publish" => Self::Publish { name: text(3) },
            "deleteStream" | "closeStream" | "FCUnpublish" => Self::End,
            "play" | "play2" => Self::Play,
            _ => Self::Other,
        };
        Ok((command, transaction))
    }
}

/// The reply to `connect`.
pub(super) fn connected(transaction: f64) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, "_result");
    put_number(&mut out, transaction);
    put_object(&mut out, &[("fmsVer", "FMS/3,0,1,123")], &[("capabilities", 31.0)]);
    let texts = [
        ("level", "status"),
        ("code", "NetConnection.Connect.Success"),
        ("description", "Connection succeeded."),
    ];
    put_object(&mut out, &texts, &[("objectEncoding", 0.0)]);
    out
}

/// The reply to a `connect` that is refused.
pub(super) fn not_connected(transaction: f64, description: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, "_error");
    put_number(&mut out, transaction);
    put_null(&mut out);
    let texts = [
        ("level", "error"),
        ("code", "NetConnection.Connect.Rejected"),
        ("description", description),
    ];
    put_object(&mut out, &texts, &[]);
    out
}

/// A reply with a number, or an empty one.
pub(super) fn result(transaction: f64, number: Option<f64>) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, "_result");
    put_number(&mut out, transaction);
    put_null(&mut out);
    match number {
        Some(number) => put_number(&mut out, number),
        None => put_null(&mut out),
    }
    out
}

/// A message about the stream.
pub(super) fn status(level: &str, code: &str, description: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, "onStatus");
    put_number(&mut out, 0.0);
    put_null(&mut out);
    put_object(
        &mut out,
        &[("level", level), ("code", code), ("description", description)],
        &[],
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_publishers_are_read() {
        let command = |name: &str, arguments: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            put_text(&mut out, name);
            put_number(&mut out, 4.0);
            arguments(&mut out);
            Command::parse(&out).unwrap()
        };
        let connect = command("connect", &|out| put_object(out, &[("app", "live")], &[]));
        assert_eq!(connect, (Command::Connect { app: "live".to_owned() }, 4.0));
        let publish = command("publish", &|out| {
            put_null(out);
            put_text(out, "key");
            put_text(out, "live");
        });
        assert_eq!(publish.0, Command::Publish { name: "key".to_owned() });
        assert_eq!(command("deleteStream", &put_null).0, Command::End);
        assert_eq!(command("releaseStream", &put_null).0, Command::Other);
        assert!(Command::parse(&[5]).is_err());
    }
}

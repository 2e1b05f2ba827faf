//! Reads a password: from a terminal without showing it, otherwise from standard input.

use anyhow::{Context, Result, bail, ensure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Read, Stdin, Write, stderr, stdin};

/// Reads a password from standard input up to the end of its first line.
pub(super) fn from_stdin() -> Result<String> {
    let mut line = String::new();
    stdin().read_line(&mut line).context("read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "no password on standard input");
    Ok(password.to_owned())
}

/// Asks for a password at a terminal.
pub(super) fn ask(whom: &str) -> Result<String> {
    let input = stdin();
    if !input.is_terminal() {
        bail!("cannot ask for the password of {whom} without a terminal: use --password-stdin or MOOCFLIX_TOKEN");
    }
    write!(stderr(), "Password of {whom}: ")?;
    let quiet = Quiet::begin(&input)?;
    let password = typed(&mut input.lock().bytes().map_while(Result::ok));
    drop(quiet);
    writeln!(stderr())?;
    password
}

/// Collects keys until Enter.
fn typed(keys: &mut impl Iterator<Item = u8>) -> Result<String> {
    let mut typed = Vec::new();
    for key in keys {
        match key {
            b'\r' | b'\n' => return String::from_utf8(typed).context("the password is not text"),
            3 | 4 => bail!("no password was entered"),
            8 | 127 => {
                // one key deletes one character, however many bytes it has
                while typed.pop().is_some_and(|it| it & 0xc0 == 0x80) {}
            }
            21 => typed.clear(),
            key => typed.push(key),
        }
    }
    bail!("no password was entered")
}

/// Keeps a terminal from showing what is typed. Ctrl-C arrives as a key, so that the terminal is
/// always restored.
struct Quiet<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a Stdin) -> Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // a terminal that is gone needs no restoring
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn keys_become_a_password_until_enter() {
        let typed = |keys: &str| typed(&mut keys.bytes()).ok();
        assert_eq!(typed("secret\nrest").as_deref(), Some("secret"));
        assert_eq!(
            typed("sö\u{7f}ecret\r").as_deref(),
            Some("secret"),
            "one key deletes a character, not a byte"
        );
        assert_eq!(typed("wrong\u{15}right\n").as_deref(), Some("right"));
        assert_eq!(typed("sec\u{3}ret\n"), None, "Ctrl-C ends it");
        assert_eq!(typed("sec"), None);
    }
}

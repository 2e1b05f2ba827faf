//! Common passwords, which attackers try first.
//!
//! Published lists hold mostly short passwords, which are refused for their length. The long ones follow a few
//! patterns, so this module checks the patterns instead of carrying a list.

/// Words in long common passwords, in lower case and without substitutions.
const WORDS: &[&str] = &[
    "abc",
    "access",
    "administrator",
    "admin",
    "angel",
    "autumn",
    "baseball",
    "basketball",
    "batman",
    "buster",
    "changeit",
    "changeme",
    "charlie",
    "chocolate",
    "computer",
    "default",
    "dragon",
    "flower",
    "football",
    "freedom",
    "guest",
    "hello",
    "hunter",
    "iloveyou",
    "internet",
    "jennifer",
    "jordan",
    "letmein",
    "liverpool",
    "login",
    "lovely",
    "manager",
    "master",
    "michael",
    "monkey",
    "moocflix",
    "mustang",
    "mypassword",
    "newpassword",
    "ninja",
    "passphrase",
    "passwd",
    "password",
    "pokemon",
    "princess",
    "qazwsx",
    "qwerty",
    "qwertyuiop",
    "root",
    "samsung",
    "secret",
    "shadow",
    "spring",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "temporary",
    "test",
    "testing",
    "trustno",
    "user",
    "welcome",
    "whatever",
    "winter",
    "zaq",
];

/// Sequences along the alphabet, the digits and the keyboard.
const RUNS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujm",
    "!@#$%^&*()_+",
];

/// Whether a password, given in lower case, is a common one.
pub(crate) fn holds(password: &str) -> bool {
    let password: String = password.split_whitespace().collect();
    repeats(&password) || is_runs(&password) || is_decorated_word(&password)
}

/// Whether the text is one to eight characters, repeated.
fn repeats(password: &str) -> bool {
    let chars: Vec<char> = password.chars().collect();
    (1..=8)
        .any(|unit| chars.len() >= unit * 2 && chars.iter().enumerate().all(|(at, c)| chars.get(at % unit) == Some(c)))
}

/// The fewest characters of a run.
const SHORTEST_RUN: usize = 3;

/// Whether the text consists of runs of at least three neighbours.
fn is_runs(password: &str) -> bool {
    let mut rest = password;
    while !rest.is_empty() {
        let Some(run) = longest_run(rest) else {
            return false;
        };
        rest = rest.get(run.len()..).unwrap_or_default();
    }
    true
}

/// The longest run that the text begins with.
fn longest_run(text: &str) -> Option<&str> {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let pieces: Vec<&str> = ends.filter_map(|end| text.get(..end)).skip(SHORTEST_RUN - 1).collect();
    pieces.into_iter().rev().find(|piece| {
        let backwards: String = piece.chars().rev().collect();
        RUNS.iter().any(|run| run.contains(piece) || run.contains(&backwards)) || one_char(piece)
    })
}

fn one_char(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    chars.all(|c| Some(c) == first)
}

/// Whether the text is a common word, perhaps twice, with a predictable tail (a few characters, a run, years).
fn is_decorated_word(password: &str) -> bool {
    let spelled: String = password.chars().map(plain_letter).collect();
    WORDS.iter().any(|word| {
        let Some(mut tail) = tail_after(&spelled, password, word) else {
            return false;
        };
        let plain_tail: String = tail.chars().map(plain_letter).collect();
        if let Some(second) = tail_after(&plain_tail, tail, word) {
            tail = second;
        }
        is_predictable(tail)
    })
}

/// The part of the written password after `word`; a substitution replaces one character by one.
fn tail_after<'a>(spelled: &str, written: &'a str, word: &str) -> Option<&'a str> {
    spelled.strip_prefix(word)?;
    let at = written
        .char_indices()
        .nth(word.chars().count())
        .map_or(written.len(), |(at, _)| at);
    written.get(at..)
}

fn is_predictable(tail: &str) -> bool {
    let core = tail.trim_matches(|c: char| !c.is_alphanumeric());
    let digits = core.chars().all(|c| c.is_ascii_digit());
    core.is_empty()
        || (digits && core.len() <= 4)
        || is_runs(core)
        || (digits && core.len() == 8 && (core.starts_with("19") || core.starts_with("20")))
}

/// Undoes the usual substitutions.
const fn plain_letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_patterns_are_recognised() {
        for password in [
            "passwordpassword",
            "password1234",
            "p@ssw0rd2024!",
            "password12345678",
            "password!!!!",
            "qwertyuiop123",
            "123456789012",
            "111111111111",
            "abcabcabcabc",
            "abcdefghijkl",
            "987654321098",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "iloveyou1234",
            "administrator",
            "welcome20232024",
            "changeme1234",
            "letmeinletmein1",
            "zxcvbnmasdfghjkl",
            "qwerty123456",
            "administrator1",
            "abc123456789",
            "moocflix2026",
        ] {
            assert!(holds(password), "{password}");
        }
    }

    #[test]
    fn passwords_that_merely_contain_a_common_word_are_allowed() {
        for password in [
            "correct horse battery staple",
            "password-for-the-tests",
            "a long enough password",
            "summer in the mountains",
            "test-account-of-ada",
            "kfuw-92ms-plqz",
            "learner password 1",
            "admin-password-1",
            "password74093852716",
        ] {
            assert!(!holds(password), "{password}");
        }
    }
}

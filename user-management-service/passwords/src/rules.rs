//! Which passwords are allowed (long enough, not a common one, not the address itself), and the form that is hashed.

use crate::common_passwords;
use crate::email::EmailAddress;
use unicode_normalization::UnicodeNormalization;

const MIN_CHARACTERS: usize = 12;
const MAX_BYTES: usize = 1024;

/// A password in the form that is hashed, so that every keyboard and system types the same one: composed characters
/// (NFC), and the spaces of all scripts as the plain one.
///
/// Source: RFC 8265 §4.2.2 (`OpaqueString`); a character that the profile forbids stays as it is
pub(crate) fn opaque(password: &str) -> String {
    // No character becomes more than three of its size, so the text never moves and leaves no copy in memory.
    let mut form = String::with_capacity(password.len() * 3);
    form.extend(password.chars().map(plain_space).nfc());
    form
}

/// Source: Unicode, category `Zs`
const fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// Checks a new password.
///
/// Errors: what is wrong, to be shown after the field's name
pub fn check_password(password: &str, email: &EmailAddress) -> Result<(), &'static str> {
    if password.len() > MAX_BYTES {
        return Err("must not be longer than 1,024 bytes");
    }
    let password = opaque(password);
    if password.chars().count() < MIN_CHARACTERS {
        return Err("must have at least 12 characters");
    }
    if password.len() > MAX_BYTES {
        return Err("must not be longer than 1,024 bytes");
    }
    if password.contains('\0') {
        return Err("must not contain a NUL character");
    }
    // Full-width letters and other variants don't make a common password rare.
    let lower: String = password.trim().nfkc().flat_map(char::to_lowercase).collect();
    if lower == email.key() || lower == email.local_key() {
        return Err("must not be the e-mail address");
    }
    if common_passwords::holds(&lower) {
        return Err("is a common password that attackers try first; choose another");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> EmailAddress {
        EmailAddress::parse("ada@example.org").unwrap()
    }

    #[test]
    fn length_is_counted_in_characters_from_below_and_in_bytes_from_above() {
        for (password, allowed) in [
            ("elevenbytes".to_owned(), false),
            ("twelve bytes".to_owned(), true),
            ("ünïcödé!".to_owned(), false),
            ("ünïcödé pässwörd".to_owned(), true),
            ("u\u{308}o\u{308}a\u{308}u\u{308}o\u{308}a\u{308}".to_owned(), false),
            ("kl".repeat(5) + &"7x".repeat(507), true),
            ("kl".repeat(5) + &"7x".repeat(507) + "z", false),
            ("a nul \0 inside".to_owned(), false),
        ] {
            assert_eq!(check_password(&password, &ada()).is_ok(), allowed, "{password:?}");
        }
    }

    #[test]
    fn a_password_in_any_script_is_allowed() {
        for password in [
            "正確馬電池釘書針在山上的月亮",
            "ただしいうまのでんちホチキス",
            "올바른말배터리스테이플산위의달",
            "올바른말배터리스테이플산위의달".nfd().collect::<String>().as_str(),
            "ม้าที่ถูกต้องแบตเตอรี่ลวดเย็บ",
            "सही घोड़ा बैटरी स्टेपल",
            "სწორი ცხენი ბატარეა",
            "правильная лошадь батарея",
            "σωστό άλογο μπαταρία",
            "الحصان الصحيح بطارية",
            "ｃｏｒｒｅｃｔ　ｈｏｒｓｅ　ｂａｔｔｅｒｙ",
            "😀🐴🔋📎🌙⛰🎈🧭🪁🛶🧩🎻",
            "q\u{323}\u{307}w\u{308}\u{323} e\u{32d} r\u{331} t\u{331} z z",
        ] {
            assert_eq!(check_password(password, &ada()), Ok(()), "{password:?}");
        }
    }

    #[test]
    fn a_common_password_is_refused_in_every_script() {
        for password in [
            "ｐａｓｓｗｏｒｄ１２３４",
            "Ｐａｓｓｗｏｒｄ１２３４",
            "１２３４５６７８９０１２",
            "哈哈哈哈哈哈哈哈哈哈哈哈",
            "密码密码密码密码密码密码",
            "😀😀😀😀😀😀😀😀😀😀😀😀",
        ] {
            assert!(check_password(password, &ada()).is_err(), "{password:?}");
        }
    }

    #[test]
    fn one_password_has_one_form_however_it_is_typed() {
        for (typed, form) in [
            ("Zu\u{308}rich", "Zürich"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("a\u{3000}b\u{a0}c", "a b c"),
            ("\u{212b}", "Å"),
            ("ｗｉｄｅ ﬁ ①", "ｗｉｄｅ ﬁ ①"),
            ("👩\u{200d}🔬 ❤\u{fe0f}", "👩\u{200d}🔬 ❤\u{fe0f}"),
            ("Straße ǅ", "Straße ǅ"),
        ] {
            assert_eq!(opaque(typed), form, "{typed:?}");
            assert_eq!(opaque(form), form, "{form:?}");
        }
    }

    #[test]
    fn the_address_is_not_allowed_as_a_password() {
        let email = EmailAddress::parse("Ada.Lovelace@example.org").unwrap();
        assert!(check_password("ada.lovelace@EXAMPLE.org", &email).is_err());
        assert!(check_password("Ada.Lovelace", &email).is_err());
        assert!(check_password("ada.lovelace and a bit", &email).is_ok());
    }
}

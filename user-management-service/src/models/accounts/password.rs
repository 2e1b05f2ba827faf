//! Which passwords are allowed: long enough, not a common one, not the address itself.

use super::common_passwords;
use super::email::EmailAddress;

const MIN_BYTES: usize = 12;
const MAX_BYTES: usize = 1024;

/// Checks a new password.
///
/// Errors: what is wrong, to be shown after the field's name
pub(crate) fn check_password(password: &str, email: &EmailAddress) -> Result<(), &'static str> {
    if password.len() < MIN_BYTES {
        return Err("must have at least 12 characters (bytes in UTF-8)");
    }
    if password.len() > MAX_BYTES {
        return Err("must not be longer than 1,024 bytes");
    }
    if password.contains('\0') {
        return Err("must not contain a NUL character");
    }
    let lower = password.trim().to_lowercase();
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

    #[test]
    fn length_is_counted_in_bytes_at_both_ends() {
        let email = EmailAddress::parse("ada@example.org").unwrap();
        for (password, allowed) in [
            ("elevenbytes".to_owned(), false),
            ("twelve bytes".to_owned(), true),
            ("ünïcödé!".to_owned(), true),
            ("kl".repeat(5) + &"7x".repeat(507), true),
            ("kl".repeat(5) + &"7x".repeat(507) + "z", false),
            ("a nul \0 inside".to_owned(), false),
        ] {
            assert_eq!(check_password(&password, &email).is_ok(), allowed, "{password:?}");
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

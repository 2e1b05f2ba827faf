//! Codes to join a course with: short enough to be read from a projector.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;

/// Letters and digits that nobody mistakes for each other.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ*";
/// The last character of the alphabet only fills it up to a power of two; a code with it is drawn again.
const FILLER: char = '*';
const LENGTH: usize = 8;

/// A new code: about 40 bits.
///
/// Errors: the machine has no random numbers
pub(crate) fn generate() -> Result<String, Unspecified> {
    loop {
        let mut bytes = [0; LENGTH];
        rand::fill(&mut bytes)?;
        let letters = bytes.iter().map(|byte| ALPHABET.get(usize::from(byte % 32)).copied());
        let code: String = letters.flatten().map(char::from).collect();
        if !code.contains(FILLER) {
            return Ok(code);
        }
    }
}

/// Whether what somebody typed is this code: in upper or lower case, with spaces or hyphens.
pub(crate) fn is_code(typed: &str, code: &str) -> bool {
    let plain = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    plain.map(|c| c.to_ascii_uppercase()).eq(code.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = generate().unwrap();
        assert_eq!(code.len(), LENGTH);
        assert!(is_code(&code, &code));
        assert!(is_code(
            &format!(" {}-{} ", &code[..4], &code[4..]).to_lowercase(),
            &code
        ));
        assert!(!is_code("", &code) && !is_code(&code[1..], &code) && !is_code(&format!("{code}A"), &code));
    }

    #[test]
    fn codes_differ_and_have_no_letter_that_looks_like_a_digit() {
        let codes: std::collections::BTreeSet<_> = (0..200).map(|_| generate().unwrap()).collect();
        assert_eq!(codes.len(), 200);
        assert!(
            codes
                .iter()
                .all(|code| !code.contains(['0', '1', 'I', 'L', 'O', FILLER]))
        );
    }
}

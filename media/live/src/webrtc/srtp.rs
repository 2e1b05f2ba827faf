//! Encryption of media on its way to a viewer, and of the reports in both directions.
//!
//! Source: RFC 3711, RFC 7714 (AES-GCM), RFC 5764 §4.2 (keys from DTLS)

use std::collections::BTreeMap;
use str0m::config::CryptoProvider;
use str0m::crypto;
use str0m::crypto::dtls::SrtpProfile;
use str0m::crypto::{AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher};

/// What GCM adds to a packet.
const GCM_TAG: usize = 16;
/// What HMAC-SHA1 adds to a packet.
const HMAC_TAG: usize = 10;
/// The header of a report that is not encrypted: what it is, and who sends it.
const REPORT_HEADER: usize = 8;
/// The number of a report, in 31 bits behind the mark that it is encrypted.
const INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// Reports that may come behind a newer one.
const LATE: u32 = 64;
/// Sources of reports that a peer may have.
const MOST_SOURCES: usize = 16;

/// Both directions of one session.
pub(super) struct Srtp {
    media: Cipher,
    reports: Cipher,
    /// The number of the next report.
    next: u32,
    received: Cipher,
    /// The numbers that have come, by who counts them: browsers report pictures and sound from two sources.
    seen: BTreeMap<u32, Seen>,
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Srtp")
    }
}

impl Srtp {
    /// Derives the keys from what a DTLS handshake has exported, where this is its client or its server. None if that has
    /// another length than its profile says.
    pub(super) fn new(profile: SrtpProfile, material: &[u8], is_client: bool) -> Option<Self> {
        let provider = crypto::from_feature_flags();
        let (key, salt) = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => (16, 14),
            SrtpProfile::AEAD_AES_128_GCM => (16, 12),
            SrtpProfile::AEAD_AES_256_GCM => (32, 12),
            _ => return None,
        };
        let (keys, salts) = material.split_at_checked(2 * key)?;
        let (client_key, server_key) = keys.split_at_checked(key)?;
        let (client_salt, server_salt) = salts.split_at_checked(salt)?;
        let client = Master::new(&provider, client_key, client_salt)?;
        let server = Master::new(&provider, server_key, server_salt)?;
        let (ours, theirs) = if is_client { (client, server) } else { (server, client) };
        Some(Self {
            media: ours.cipher(profile, [0, 1, 2], true)?,
            reports: ours.cipher(profile, [3, 4, 5], true)?,
            next: 0,
            received: theirs.cipher(profile, [3, 4, 5], false)?,
            seen: BTreeMap::new(),
        })
    }

    /// How many bytes encryption adds to a packet of media.
    pub(super) fn overhead(&self) -> usize {
        self.media.tag()
    }

    /// Adds a packet of media with this header and payload, encrypted. The number is that of the packet in its stream, whose
    /// lower 16 bits the header has, too.
    pub(super) fn protect(&mut self, source: u32, number: u64, header: &[u8], payload: &[&[u8]], out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(header);
        let length: usize = payload.iter().map(|it| it.len()).sum();
        match payload {
            [payload] => self.media.seal_media(source, number, (header, payload), out),
            parts => self.media.seal_media(source, number, (header, &parts.concat()), out),
        }
        debug_assert_eq!(out.len() - begin, header.len() + length + self.overhead());
    }

    /// Encrypts a report.
    pub(super) fn protect_report(&mut self, report: &[u8]) -> Option<Vec<u8>> {
        let (header, _) = report.split_first_chunk::<REPORT_HEADER>()?;
        let number = self.next & !ENCRYPTED;
        self.next = self.next.wrapping_add(1);
        let mut out = Vec::with_capacity(report.len() + GCM_TAG + INDEX);
        out.extend_from_slice(header);
        self.reports.seal_report(number, report, &mut out);
        Some(out)
    }

    /// Decrypts a report; none if it is not the peer's, or has come before.
    pub(super) fn unprotect_report(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let (report, number) = self.received.open_report(packet)?;
        let source = report.first_chunk().map(source_of)?;
        if !self.seen.contains_key(&source) && self.seen.len() >= MOST_SOURCES {
            return None;
        }
        let seen = self.seen.entry(source).or_default();
        seen.is_new(number).then_some(report)
    }
}

/// The numbers that have come: the highest one, and which of those just below it.
#[derive(Debug, Default)]
struct Seen {
    highest: Option<u32>,
    before: u64,
}

impl Seen {
    fn is_new(&mut self, number: u32) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(number);
            return true;
        };
        if number > highest {
            let by = number - highest;
            self.before = if by > LATE {
                0
            } else {
                (self.before << 1 | 1).checked_shl(by - 1).unwrap_or(0)
            };
            self.highest = Some(number);
            return true;
        }
        let behind = highest - number;
        if behind == 0 || behind > LATE {
            return false;
        }
        let bit = 1_u64 << (behind - 1);
        let is_new = self.before & bit == 0;
        self.before |= bit;
        is_new
    }
}

/// What all keys of one direction are derived from.
struct Master<'a> {
    provider: &'a CryptoProvider,
    key: &'a [u8],
    salt: [u8; 14],
}

impl<'a> Master<'a> {
    fn new(provider: &'a CryptoProvider, key: &'a [u8], given: &[u8]) -> Option<Self> {
        let mut salt = [0; 14];
        salt.get_mut(..given.len())?.copy_from_slice(given);
        Some(Self { provider, key, salt })
    }

    /// Source: RFC 3711 §4.3.3
    fn derive<const LENGTH: usize>(&self, label: u8) -> [u8; LENGTH] {
        let mut derived = [0; LENGTH];
        let mut input = [0; 16];
        for (place, byte) in input.iter_mut().zip(self.salt) {
            *place = byte;
        }
        if let Some(place) = input.get_mut(7) {
            *place ^= label;
        }
        for (chunk, round) in derived.chunks_mut(16).zip(0_u8..) {
            if let Some(last) = input.last_mut() {
                *last = round;
            }
            let mut output = [0; 32];
            if self.key.len() == 32 {
                self.provider
                    .srtp_provider
                    .srtp_aes_256_ecb_round(self.key, &input, &mut output);
            } else {
                self.provider
                    .srtp_provider
                    .srtp_aes_128_ecb_round(self.key, &input, &mut output);
            }
            for (place, byte) in chunk.iter_mut().zip(output) {
                *place = byte;
            }
        }
        derived
    }

    /// The labels are those of the key, of the authentication and of the salt.
    fn cipher(&self, profile: SrtpProfile, [key, mac, salt]: [u8; 3], encrypt: bool) -> Option<Cipher> {
        let provider = self.provider.srtp_provider;
        Some(match profile {
            SrtpProfile::AES128_CM_SHA1_80 => Cipher::Counter {
                cipher: provider.aes_128_cm_sha1_80().create_cipher(self.derive(key), encrypt),
                mac: self.derive(mac),
                salt: self.derive(salt),
            },
            SrtpProfile::AEAD_AES_128_GCM => Cipher::Gcm {
                cipher: Gcm::Short(provider.aead_aes_128_gcm().create_cipher(self.derive(key), encrypt)),
                salt: self.derive(salt),
            },
            SrtpProfile::AEAD_AES_256_GCM => Cipher::Gcm {
                cipher: Gcm::Long(provider.aead_aes_256_gcm().create_cipher(self.derive(key), encrypt)),
                salt: self.derive(salt),
            },
            _ => return None,
        })
    }
}

/// One direction of media or of reports.
enum Cipher {
    /// AES in counter mode, with HMAC-SHA1.
    Counter {
        cipher: Box<dyn Aes128CmSha1_80Cipher>,
        mac: [u8; 20],
        salt: [u8; 14],
    },
    Gcm {
        cipher: Gcm,
        salt: [u8; 12],
    },
}

enum Gcm {
    Short(Box<dyn AeadAes128GcmCipher>),
    Long(Box<dyn AeadAes256GcmCipher>),
}

impl Cipher {
    fn tag(&self) -> usize {
        match self {
            Self::Counter { .. } => HMAC_TAG,
            Self::Gcm { .. } => GCM_TAG,
        }
    }

    /// Adds the encrypted payload and its tag behind the header, which is there already.
    fn seal_media(&mut self, source: u32, number: u64, (header, payload): (&[u8], &[u8]), out: &mut Vec<u8>) {
        let begin = out.len() - header.len();
        match self {
            Self::Counter { cipher, mac, salt } => {
                append(out, payload.len(), |place| {
                    cipher.encrypt(&counter(salt, source, number), payload, place).is_ok()
                });
                let rollovers = u32::try_from(number >> 16 & 0xffff_ffff).unwrap_or(0).to_be_bytes();
                let tag = authenticate(mac, &[out.get(begin..).unwrap_or_default(), &rollovers]);
                out.extend_from_slice(&tag);
            }
            Self::Gcm { cipher, salt } => {
                let nonce = nonce(salt, source, number);
                append(out, payload.len() + GCM_TAG, |place| {
                    cipher.seal(&nonce, header, payload, place)
                });
            }
        }
    }

    fn seal_report(&mut self, number: u32, report: &[u8], out: &mut Vec<u8>) {
        let Some((header, contents)) = report.split_first_chunk::<REPORT_HEADER>() else {
            return;
        };
        let (source, index) = (source_of(header), (number | ENCRYPTED).to_be_bytes());
        match self {
            Self::Counter { cipher, mac, salt } => {
                append(out, contents.len(), |place| {
                    cipher
                        .encrypt(&counter(salt, source, number.into()), contents, place)
                        .is_ok()
                });
                out.extend_from_slice(&index);
                let tag = authenticate(mac, &[out.as_slice()]);
                out.extend_from_slice(&tag);
            }
            Self::Gcm { cipher, salt } => {
                let nonce = nonce(salt, source, number.into());
                let aside = [header.as_slice(), &index].concat();
                append(out, contents.len() + GCM_TAG, |place| {
                    cipher.seal(&nonce, &aside, contents, place)
                });
                out.extend_from_slice(&index);
            }
        }
    }

    fn open_report(&mut self, packet: &[u8]) -> Option<(Vec<u8>, u32)> {
        let (header, _) = packet.split_first_chunk::<REPORT_HEADER>()?;
        let source = source_of(header);
        match self {
            Self::Counter { cipher, mac, salt } => {
                let (signed, tag) = packet.split_at_checked(packet.len().checked_sub(HMAC_TAG)?)?;
                let (report, index) = signed.split_last_chunk::<INDEX>()?;
                let (index, contents) = (u32::from_be_bytes(*index), report.get(REPORT_HEADER..)?);
                if index & ENCRYPTED == 0 || !is_equal(&authenticate(mac, &[signed]), tag) {
                    return None;
                }
                let number = index & !ENCRYPTED;
                let mut out = header.to_vec();
                append(&mut out, contents.len(), |place| {
                    cipher
                        .decrypt(&counter(salt, source, number.into()), contents, place)
                        .is_ok()
                })
                .then_some((out, number))
            }
            Self::Gcm { cipher, salt } => {
                let (report, index) = packet.split_last_chunk::<INDEX>()?;
                let contents = report.get(REPORT_HEADER..)?;
                let length = contents.len().checked_sub(GCM_TAG)?;
                let aside = [header.as_slice(), index].concat();
                let index = u32::from_be_bytes(*index);
                if index & ENCRYPTED == 0 {
                    return None;
                }
                let number = index & !ENCRYPTED;
                let nonce = nonce(salt, source, number.into());
                let mut out = header.to_vec();
                append(&mut out, length, |place| cipher.open(&nonce, &aside, contents, place)).then_some((out, number))
            }
        }
    }
}

impl Gcm {
    fn seal(&mut self, nonce: &[u8; 12], aside: &[u8], input: &[u8], output: &mut [u8]) -> bool {
        match self {
            Self::Short(cipher) => cipher.encrypt(nonce, aside, input, output).is_ok(),
            Self::Long(cipher) => cipher.encrypt(nonce, aside, input, output).is_ok(),
        }
    }

    fn open(&mut self, nonce: &[u8; 12], aside: &[u8], input: &[u8], output: &mut [u8]) -> bool {
        match self {
            Self::Short(cipher) => cipher.decrypt(nonce, &[aside], input, output).is_ok(),
            Self::Long(cipher) => cipher.decrypt(nonce, &[aside], input, output).is_ok(),
        }
    }
}

/// Adds so many bytes, which this writes.
fn append(out: &mut Vec<u8>, length: usize, write: impl FnOnce(&mut [u8]) -> bool) -> bool {
    let begin = out.len();
    out.resize(begin + length, 0);
    write(out.get_mut(begin..).unwrap_or_default())
}

fn source_of(header: &[u8; REPORT_HEADER]) -> u32 {
    let [_, _, _, _, source @ ..] = *header;
    u32::from_be_bytes(source)
}

/// Source: RFC 7714 §8.1 and §9.1; for media the number is that of the packet in 48 bits.
fn nonce(salt: &[u8; 12], source: u32, number: u64) -> [u8; 12] {
    let number = u128::from(number & 0xffff_ffff_ffff);
    let value = u128::from(source) << 48 | number;
    let [_, _, _, _, value @ ..] = value.to_be_bytes();
    std::array::from_fn(|place| xor(salt, &value, place))
}

/// Source: RFC 3711 §4.1.1
fn counter(salt: &[u8; 14], source: u32, number: u64) -> [u8; 16] {
    let value = u128::from(source) << 64 | u128::from(number & 0xffff_ffff_ffff) << 16;
    let value = value.to_be_bytes();
    std::array::from_fn(|place| xor(salt, &value, place))
}

/// The byte at a place of both, of which the first one may be shorter.
fn xor(one: &[u8], other: &[u8], place: usize) -> u8 {
    let at = |bytes: &[u8]| bytes.get(place).copied().unwrap_or(0);
    at(one) ^ at(other)
}

fn authenticate(key: &[u8; 20], parts: &[&[u8]]) -> [u8; HMAC_TAG] {
    let whole = crypto::from_feature_flags().sha1_hmac_provider.sha1_hmac(key, parts);
    let (tag, _) = whole.split_first_chunk().unwrap_or((&[0; HMAC_TAG], &[]));
    *tag
}

/// Compares without telling by its time where a difference is.
fn is_equal(one: &[u8; HMAC_TAG], other: &[u8]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .fold(0, |found, (one, other)| found | (one ^ other))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hexadecimal digits as bytes.
    fn bytes(digits: &str) -> Vec<u8> {
        let digits: Vec<char> = digits.chars().filter(|it| !it.is_whitespace()).collect();
        let pair = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    /// Both ends of a session with the same keys in both directions.
    fn both(profile: SrtpProfile, key: &str, salt: &str) -> (Srtp, Srtp) {
        let material = [bytes(key), bytes(key), bytes(salt), bytes(salt)].concat();
        let end = |is_client| Srtp::new(profile, &material, is_client).unwrap();
        (end(true), end(false))
    }

    const KEY: &str = "e1f97a0d 3e018be0 d64fa32c 06de4139";
    const SALT: &str = "0ec675ad 498afeeb b6960b3a abe6";
    const HEADER: &str = "800f1234 decafbad cafebabe";
    const REPORT: &str = "81c8000b cafebabe abababab abababab abababab abababab";

    fn media(srtp: &mut Srtp) -> Vec<u8> {
        let mut out = Vec::new();
        srtp.protect(
            0xcafe_babe,
            0x1234,
            &bytes(HEADER),
            &[&[0xab; 10], &[0xab; 6]],
            &mut out,
        );
        out
    }

    /// Source: RFC 3711 appendix B.3
    #[test]
    fn keys_are_derived_as_the_standard_shows() {
        let (provider, key, salt) = (crypto::from_feature_flags(), bytes(KEY), bytes(SALT));
        let master = Master::new(&provider, &key, &salt).unwrap();
        assert_eq!(
            master.derive::<16>(0).to_vec(),
            bytes("c61e7a93744f39ee10734afe3ff7a087")
        );
        assert_eq!(master.derive::<14>(2).to_vec(), bytes("30cbbc08863d8c85d49db34a9ae1"));
        let mac = bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4");
        assert_eq!(master.derive::<20>(1).to_vec(), mac);
    }

    /// Source: the vectors that libsrtp is tested with
    #[test]
    fn packets_are_encrypted_as_others_encrypt_them() {
        let (mut one, _) = both(SrtpProfile::AES128_CM_SHA1_80, KEY, SALT);
        let sealed = "4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb";
        assert_eq!(media(&mut one), [bytes(HEADER), bytes(sealed)].concat());
        one.next = 1;
        let sealed = "81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798";
        assert_eq!(one.protect_report(&bytes(REPORT)).unwrap(), bytes(sealed));

        let (key, salt) = ("00010203 04050607 08090a0b 0c0d0e0f", "a0a1a2a3 a4a5a6a7 a8a9aaab");
        let (mut one, _) = both(SrtpProfile::AEAD_AES_128_GCM, key, salt);
        let sealed = "c5002ede 04cfdd2e b91159e0 880aa06e d2976826 f796b201 df3131a1 27e8a392";
        assert_eq!(media(&mut one), [bytes(HEADER), bytes(sealed)].concat());
    }

    #[test]
    fn the_other_end_reads_each_report_once_and_none_that_was_changed() {
        let (short, long) = ("00".repeat(16), "00".repeat(32));
        for (profile, key, salt) in [
            (SrtpProfile::AES128_CM_SHA1_80, &short, "00".repeat(14)),
            (SrtpProfile::AEAD_AES_128_GCM, &short, "00".repeat(12)),
            (SrtpProfile::AEAD_AES_256_GCM, &long, "00".repeat(12)),
        ] {
            let (mut one, mut other) = both(profile, key, &salt);
            let sealed: Vec<Vec<u8>> = (0..3).map(|_| one.protect_report(&bytes(REPORT)).unwrap()).collect();
            for place in 0..sealed[0].len() {
                let mut changed = sealed[0].clone();
                changed[place] ^= 1;
                assert_eq!(other.unprotect_report(&changed), None, "{profile:?} {place}");
            }
            for number in [2, 0, 1] {
                assert_eq!(
                    other.unprotect_report(&sealed[number]),
                    Some(bytes(REPORT)),
                    "{profile:?}"
                );
                assert_eq!(other.unprotect_report(&sealed[number]), None, "once");
            }
            for length in 0..sealed[0].len() {
                assert_eq!(other.unprotect_report(&sealed[0][..length]), None);
            }
        }
    }

    #[test]
    fn each_of_a_few_sources_counts_its_reports_by_itself() {
        let key = "00".repeat(16);
        let salt = "00".repeat(12);
        let (mut one, mut other) = both(SrtpProfile::AEAD_AES_128_GCM, &key, &salt);
        for source in 0..20_u8 {
            one.next = 1;
            let mut report = bytes(REPORT);
            report[7] = source;
            let sealed = one.protect_report(&report).unwrap();
            let expected = (source < 16).then_some(report);
            assert_eq!(other.unprotect_report(&sealed), expected, "{source}");
            assert_eq!(other.unprotect_report(&sealed), None);
        }
    }

    #[test]
    fn a_report_that_is_far_behind_is_taken_for_one_that_came_before() {
        let mut seen = Seen::default();
        assert!(seen.is_new(100));
        assert!(seen.is_new(164));
        assert!(!seen.is_new(100), "it came");
        assert!(seen.is_new(101));
        assert!(!seen.is_new(99), "too far behind");
        assert!(seen.is_new(400));
        assert!(seen.is_new(399) && !seen.is_new(399) && !seen.is_new(335));
    }
}

//! Tokens that differ in one field from one that an issuer has made, most of them under its right signature.
//!
//! Shape: what differs, and the token

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::issuer::{Key, now};
use e2e::random::Random;
use serde_json::{Value, json};

/// Other values for a field, none of which fits.
fn unfit() -> Vec<Value> {
    let long = "x".repeat(256);
    vec![
        Value::Null,
        json!(""),
        json!("other"),
        json!(true),
        json!([]),
        json!({}),
        json!(-1),
        json!(long),
        json!(["x", 1]),
    ]
}

/// Tokens with one field of the header changed, under the right signature.
pub(crate) fn headers(key: &Key, claims: &Value, others: &[&Key]) -> Result<Vec<(String, String)>> {
    let good = json!({"alg": key.algorithm(), "typ": "JWT", "kid": key.kid});
    let mut all = Vec::new();
    let mut push = |what: String, header: &Value| -> Result<()> {
        all.push((what, key.sign(&header.to_string(), &claims.to_string())?));
        Ok(())
    };
    for field in ["alg", "typ", "kid"] {
        let mut header = good.clone();
        header.as_object_mut().context("an object")?.remove(field);
        push(format!("without {field}"), &header)?;
        for value in unfit() {
            header[field] = value;
            push(format!("header {header}"), &header)?;
        }
    }
    for algorithm in [
        "none", "None", "HS256", "HS512", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "rs256", "RS256 ",
    ] {
        if algorithm != key.algorithm() {
            push(
                format!("alg {algorithm}"),
                &json!({"alg": algorithm, "typ": "JWT", "kid": key.kid}),
            )?;
        }
    }
    for field in [
        "jku", "jwk", "x5u", "x5c", "crit", "zip", "b64", "enc", "p2c", "nonce", "iss",
    ] {
        for value in [json!("https://eve.example/keys"), json!(["exp"]), key.public()] {
            let mut header = good.clone();
            header[field] = value;
            push(format!("header {field}"), &header)?;
        }
    }
    for other in others {
        let header = json!({"alg": other.algorithm(), "typ": "JWT", "kid": other.kid}).to_string();
        all.push((
            "another issuer's key".to_owned(),
            other.sign(&header, &claims.to_string())?,
        ));
        let header = json!({"alg": other.algorithm(), "typ": "JWT", "kid": key.kid}).to_string();
        all.push((
            "another key of this name".to_owned(),
            other.sign(&header, &claims.to_string())?,
        ));
    }
    Ok(all)
}

/// Tokens with one claim changed, under the right signature.
pub(crate) fn claims(key: &Key, kind: &str, good: &Value, others: &[&str]) -> Result<Vec<(String, String)>> {
    let (mut all, now) = (Vec::new(), now());
    let mut push = |field: &str, value: Option<Value>| -> Result<()> {
        let mut claims = good.clone();
        let what = format!("{field} {value:?}");
        match value {
            Some(value) => claims[field] = value,
            None => drop(claims.as_object_mut().context("an object")?.remove(field)),
        }
        all.push((what, key.token(kind, &claims)?));
        Ok(())
    };
    for field in ["iss", "aud", "sub", "exp", "iat"] {
        push(field, None)?;
        // Any text is a subject.
        let unfit = unfit().into_iter().filter(|value| field != "sub" || *value != "other");
        for value in unfit {
            push(field, Some(value))?;
        }
    }
    let issuer = good["iss"].as_str().context("an issuer")?;
    let shorter = issuer.trim_end_matches('/');
    let names = [
        format!("{issuer}/"),
        shorter[..shorter.len() - 1].to_owned(),
        issuer.to_uppercase(),
        format!(" {issuer}"),
    ];
    for name in names.iter().map(String::as_str).chain(others.iter().copied()) {
        push("iss", Some(json!(name)))?;
    }
    for audience in [
        json!("https://mooc.example/API"),
        json!("https://mooc.example/api/"),
        json!(["moocflix"]),
        json!([["https://mooc.example/api"]]),
        json!("moocflix"),
    ] {
        push("aud", Some(audience))?;
    }
    for value in [json!("tab\tbed"), json!(7), json!("x".repeat(256))] {
        push("sub", Some(value))?;
    }
    for at in [
        json!(now - 61),
        json!(0),
        json!("9999999999"),
        json!(1e300),
        json!(good["iat"]),
    ] {
        push("exp", Some(at))?;
    }
    for at in [json!(now + 120), json!(1e300), json!("0")] {
        push("iat", Some(at.clone()))?;
        push("nbf", Some(at.clone()))?;
        push("auth_time", Some(at))?;
    }
    all.extend(doubled(key, kind, good)?);
    Ok(all)
}

/// Tokens with a field that is there twice: readers that don't agree on one of them could be played off against each other.
fn doubled(key: &Key, kind: &str, good: &Value) -> Result<[(String, String); 2]> {
    let header = json!({"alg": key.algorithm(), "typ": kind, "kid": key.kid}).to_string();
    let claims = good.to_string().replacen('{', "{\"sub\":\"somebody else\",", 1);
    let twice = header.replacen('{', "{\"kid\":\"another\",", 1);
    Ok([
        ("a claim twice".to_owned(), key.sign(&header, &claims)?),
        (
            "a field of the header twice".to_owned(),
            key.sign(&twice, &good.to_string())?,
        ),
    ])
}

/// Tokens with another signature, or in another spelling.
pub(crate) fn signatures(random: &mut Random, good: &str, count: usize) -> Result<Vec<(String, String)>> {
    let (message, signature) = good.rsplit_once('.').context("a token")?;
    let bytes = URL_SAFE_NO_PAD.decode(signature)?;
    let mut all: Vec<_> = [
        message.to_owned(),
        format!("{message}."),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!(".{good}"),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(vec![0; bytes.len()])),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes[1..])),
        format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat())
        ),
    ]
    .into_iter()
    .map(|token| (format!("spelling {}", token.len()), token))
    .collect();
    for _ in 0..count {
        let mut token = good.as_bytes().to_vec();
        let place = usize::try_from(random.within(0..token.len() as u64))?;
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        token[place] = letters[usize::try_from(random.within(0..letters.len() as u64))?];
        let token = String::from_utf8(token)?;
        if token != good {
            all.push((format!("the letter {place}"), token));
        }
    }
    Ok(all)
}

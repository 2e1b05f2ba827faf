//! An issuer of tokens somewhere else: its keys, its documents over HTTP, and tokens of any form.

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A signing key with its name.
pub struct Key {
    /// The key's name in tokens.
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<KeyPair>),
    Ec(EcdsaKeyPair),
}

impl Key {
    /// A new RSA key, for `RS256`.
    pub fn rsa(kid: &str) -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no key"))?;
        Ok(Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(Box::new(pair)),
        })
    }

    /// A new key on the curve P-256, for `ES256`.
    pub fn ec(kid: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("no key"))?;
        Ok(Self {
            kid: kid.to_owned(),
            pair: Pair::Ec(pair),
        })
    }

    /// The algorithm that it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
        }
    }

    /// The public half, as a JSON Web Key.
    #[must_use]
    pub fn public(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": part(key.modulus().big_endian_without_leading_zero()),
                    "e": part(key.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..65])})
            }
        };
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// A token with any header and any claims.
    pub fn sign(&self, header: &str, claims: &str) -> Result<String> {
        let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let (random, refused) = (SystemRandom::new(), |_| anyhow!("the key refused"));
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)
                    .map_err(refused)?;
                signature
            }
            Pair::Ec(pair) => pair
                .sign(&random, message.as_bytes())
                .map_err(refused)?
                .as_ref()
                .to_vec(),
        };
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A token with the usual header (of this `typ`) and these claims.
    pub fn token(&self, kind: &str, claims: &Value) -> Result<String> {
        let header = json!({"alg": self.algorithm(), "typ": kind, "kid": self.kid});
        self.sign(&header.to_string(), &claims.to_string())
    }
}

/// How the issuer answers when it is asked for its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Good,
    /// With something that is no document.
    Garbage,
    /// With more bytes than anybody needs.
    Endless,
    /// With the address of another server.
    Redirect,
    /// After this many seconds.
    Slow(u64),
}

/// An issuer's server; it ends when it is dropped.
pub struct Issuer {
    /// Its address, `http://127.0.0.1:PORT`.
    pub address: String,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    name: String,
    keys: Mutex<Vec<Value>>,
    manner: Mutex<Manner>,
    fetches: AtomicUsize,
    /// What it answers to a code and to an access token, and the requests with codes.
    tokens: Mutex<Value>,
    person: Mutex<Value>,
    asked: Mutex<Vec<String>>,
}

impl Issuer {
    /// An issuer whose name is its address and this path.
    pub async fn start(path: &str, keys: &[&Key]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            name: format!("{address}{path}"),
            keys: Mutex::new(keys.iter().map(|key| key.public()).collect()),
            manner: Mutex::new(Manner::Good),
            fetches: AtomicUsize::new(0),
            tokens: Mutex::default(),
            person: Mutex::default(),
            asked: Mutex::default(),
        });
        let (mut serving, served) = (JoinSet::new(), Arc::clone(&shared));
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                open.spawn(async move { answer(stream, &shared).await });
            }
        });
        Ok(Self {
            address,
            shared,
            _serving: serving,
        })
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Replaces the keys.
    pub fn publish(&self, keys: &[&Key]) {
        let keys = keys.iter().map(|key| key.public()).collect();
        *self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Changes how it answers.
    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// What the next codes are answered with; null is a fault of the issuer.
    pub fn give(&self, tokens: Value, person: Value) {
        *self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
        *self.shared.person.lock().unwrap_or_else(PoisonError::into_inner) = person;
    }

    /// The last request with a code, its head and its body.
    #[must_use]
    pub fn asked(&self) -> String {
        let asked = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.last().cloned().unwrap_or_default()
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }
}

/// Answers one request, and ends the connection.
async fn answer(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).context("a request line")?;
    let at = |place: &str| format!("{}/{place}", shared.name.trim_end_matches('/'));
    if path.ends_with("/.well-known/openid-configuration") {
        let document = json!({
            "issuer": shared.name, "jwks_uri": at("keys"), "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"), "userinfo_endpoint": at("person"),
        });
        return reply(&mut stream, "200 OK", "", document.to_string().as_bytes()).await;
    }
    if path.ends_with("/token") || path.ends_with("/person") {
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let answers = if path.ends_with("/token") {
            let asked = format!("{head}{}", String::from_utf8_lossy(&body));
            shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            &shared.tokens
        } else {
            &shared.person
        };
        let document = answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let status = if document.is_null() {
            "503 Service Unavailable"
        } else {
            "200 OK"
        };
        return reply(&mut stream, status, "", document.to_string().as_bytes()).await;
    }
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let keys = json!({"keys": *shared.keys.lock().unwrap_or_else(PoisonError::into_inner)});
    let manner = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
    match manner {
        Manner::Good => reply(&mut stream, "200 OK", "", keys.to_string().as_bytes()).await,
        Manner::Garbage => reply(&mut stream, "200 OK", "", b"<html>Welcome</html>").await,
        Manner::Endless => reply(&mut stream, "200 OK", "", &vec![b' '; 8 << 20]).await,
        Manner::Redirect => {
            let elsewhere = format!("Location: {}/keys?again\r\n", shared.name.trim_end_matches('/'));
            reply(&mut stream, "302 Found", &elsewhere, b"").await
        }
        Manner::Slow(seconds) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            reply(&mut stream, "200 OK", "", keys.to_string().as_bytes()).await
        }
    }
}

async fn reply(stream: &mut TcpStream, status: &str, more: &str, body: &[u8]) -> Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await?;
    Ok(())
}

/// The seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    time::UtcDateTime::now().unix_timestamp()
}

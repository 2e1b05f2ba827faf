use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::Role;
use runtime::{Algorithm, AuthError, Authenticator, Issuer, Keys, NoKeys, PublicKey};
use serde_json::{Value, json};
use std::time::Duration;
use testing::{Identity, Person, Signer};

const SCHOOL: &str = "https://login.school.test/";

/// Our issuer, whose key is `key-1`, and a school's, whose key may have the same name.
struct Two {
    identity: Identity,
    school: Signer,
    authenticator: Authenticator,
}

impl Two {
    fn new(algorithms: &[Algorithm]) -> Self {
        let identity = Identity::new();
        let school = Signer::new("key-1");
        let keys = Keys::new();
        keys.publish(vec![school.public()]);
        let issuers = vec![
            identity.issuer(),
            Issuer {
                name: SCHOOL.to_owned(),
                is_at_any_address: false,
                audience: "school-moocflix".to_owned(),
                algorithms: algorithms.to_vec(),
                keys,
                external: None,
            },
        ];
        let authenticator = Authenticator::new(issuers, identity.revocations.clone(), identity.clock.clone());
        Self {
            identity,
            school,
            authenticator,
        }
    }

    fn claims(&self, issuer: &str, audience: &str) -> Value {
        let mut claims = self.identity.claims(&Person::new(Role::Learner));
        claims["iss"] = json!(issuer);
        claims["aud"] = json!(audience);
        claims
    }

    async fn accepts(&self, token: &str) -> bool {
        match self.authenticator.verify(token).await {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error, AuthError::Invalid);
                false
            }
        }
    }
}

#[tokio::test]
async fn each_issuer_has_its_own_name_audience_and_keys() {
    let two = Two::new(&[Algorithm::RS256]);
    let ours = (testing::ISSUER, testing::AUDIENCE);
    let cases = [
        (ours, Signer::shared(), true),
        ((SCHOOL, "school-moocflix"), &two.school, true),
        (ours, &two.school, false),
        ((SCHOOL, "school-moocflix"), Signer::shared(), false),
        ((SCHOOL, testing::AUDIENCE), &two.school, false),
        ((testing::ISSUER, "school-moocflix"), Signer::shared(), false),
        (("https://login.school.test", "school-moocflix"), &two.school, false),
        (("https://other.test/", "school-moocflix"), &two.school, false),
        (("", ""), &two.school, false),
    ];
    for ((issuer, audience), signer, accepted) in cases {
        let token = signer.sign(&two.claims(issuer, audience));
        assert_eq!(two.accepts(&token).await, accepted, "{issuer} {audience}");
    }
}

#[tokio::test]
async fn a_token_is_signed_with_an_algorithm_of_its_issuer() {
    let claims = |two: &Two| two.claims(SCHOOL, "school-moocflix");
    for (algorithms, accepted) in [
        (&[Algorithm::RS256][..], true),
        (&[Algorithm::ES256, Algorithm::RS256], true),
        (&[Algorithm::ES256], false),
        (&[Algorithm::RS512, Algorithm::PS256], false),
        (&[], false),
    ] {
        let two = Two::new(algorithms);
        let token = two.school.sign(&claims(&two));
        assert_eq!(two.accepts(&token).await, accepted, "{algorithms:?}");
    }
    // An issuer that were configured to share a secret would still not take a public key for one.
    let two = Two::new(&[Algorithm::RS256, Algorithm::HS256]);
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "key-1"});
    let text = [header, claims(&two)]
        .map(|it| URL_SAFE_NO_PAD.encode(it.to_string()))
        .join(".");
    let jwk = serde_json::to_value(two.school.public().jwk).unwrap();
    let modulus = jwk["n"].as_str().unwrap();
    for secret in [
        modulus.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        jwk.to_string().into_bytes(),
        Vec::new(),
    ] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes());
        assert!(!two.accepts(&format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))).await);
    }
}

fn document(keys: &[&Signer]) -> String {
    let keys: Vec<_> = keys.iter().map(|signer| signer.public().jwk).collect();
    json!({"keys": keys}).to_string()
}

#[tokio::test]
async fn keys_from_elsewhere_replace_those_before_and_a_document_without_keys_replaces_nothing() {
    let identity = Identity::new();
    let (keys, feed) = Keys::from_elsewhere();
    let issuer = Issuer::own(testing::ISSUER, testing::AUDIENCE, keys);
    let authenticator = Authenticator::new(vec![issuer], identity.revocations.clone(), identity.clock.clone());
    let (old, new) = (Signer::shared(), Signer::new("key-2"));
    let claims = identity.claims(&Person::learner());
    let (old_token, new_token) = (old.sign(&claims), new.sign(&claims));
    let accepted = async |token: &str| authenticator.verify(token).await.is_ok();

    feed.replace(document(&[old]).as_bytes()).unwrap();
    assert!(accepted(&old_token).await);
    feed.replace(document(&[old, &new]).as_bytes()).unwrap();
    assert!(accepted(&old_token).await && accepted(&new_token).await);
    feed.replace(document(&[&new]).as_bytes()).unwrap();
    assert!(accepted(&new_token).await);
    assert_eq!(authenticator.verify(&old_token).await, Err(AuthError::Invalid));

    let secret = json!({"keys": [{"kty": "oct", "kid": "key-1", "alg": "HS256", "k": "c2VjcmV0"}]}).to_string();
    let mut for_encryption = serde_json::to_value(new.public().jwk).unwrap();
    for_encryption["use"] = json!("enc");
    let mut nameless = serde_json::to_value(new.public().jwk).unwrap();
    nameless.as_object_mut().unwrap().remove("kid");
    let useless = json!({"keys": [for_encryption, nameless, {"kty": "lattice", "kid": "x"}, 7]}).to_string();
    for bad in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>", &secret, &useless] {
        assert_eq!(feed.replace(bad.as_bytes()), Err(NoKeys), "{bad}");
        assert!(accepted(&new_token).await, "{bad}");
    }
    let mixed: Value = serde_json::from_str(&document(&[old])).unwrap();
    let mixed = json!({"keys": [{"kty": "lattice", "kid": "x"}, mixed["keys"][0]]}).to_string();
    feed.replace(mixed.as_bytes()).unwrap();
    assert!(accepted(&old_token).await);
    // Keys of two kinds with one name.
    let both: Value = serde_json::from_str(&document(&[old])).unwrap();
    let point = json!({"kty": "EC", "crv": "P-256", "kid": old.kid, "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    feed.replace(json!({"keys": [point, both["keys"][0]]}).to_string().as_bytes())
        .unwrap();
    assert!(accepted(&old_token).await);
    feed.replace(br#"{"keys": []}"#).unwrap();
    assert!(!accepted(&old_token).await, "all keys are withdrawn");
}

#[tokio::test]
async fn a_token_with_an_unknown_key_wakes_the_feed_and_waits_for_it() {
    let identity = Identity::new();
    let (keys, feed) = Keys::from_elsewhere();
    let issuer = Issuer::own(testing::ISSUER, testing::AUDIENCE, keys);
    let authenticator = Authenticator::new(vec![issuer], identity.revocations.clone(), identity.clock.clone());
    let tokens: Vec<_> = (0..3).map(|_| identity.token(&Person::learner())).collect();
    let [first, second, third] = tokens.as_slice() else {
        panic!()
    };
    let brings = async {
        feed.wanted().await;
        feed.replace(document(&[Signer::shared()]).as_bytes()).unwrap();
    };
    let (one, other, ()) = tokio::join!(authenticator.verify(first), authenticator.verify(second), brings);
    assert!(one.is_ok() && other.is_ok());
    assert!(authenticator.verify(third).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_brings_nothing_holds_a_token_up_for_a_second_and_no_other_issuer_s() {
    let identity = Identity::new();
    let (keys, _feed) = Keys::from_elsewhere();
    let elsewhere = Issuer::own(SCHOOL, testing::AUDIENCE, keys);
    let issuers = vec![identity.issuer(), elsewhere];
    let authenticator = Authenticator::new(issuers, identity.revocations.clone(), identity.clock.clone());
    let start = tokio::time::Instant::now();
    assert!(authenticator.verify(&identity.token(&Person::learner())).await.is_ok());
    let stranger = Signer::new("key-9").sign(&identity.claims(&Person::learner()));
    assert_eq!(authenticator.verify(&stranger).await, Err(AuthError::Invalid));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let mut claims = identity.claims(&Person::learner());
    claims["iss"] = json!(SCHOOL);
    let token = Signer::shared().sign(&claims);
    assert_eq!(authenticator.verify(&token).await, Err(AuthError::Unavailable));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn published_keys_are_shown_with_their_names() {
    let keys = Keys::new();
    let jwk = Signer::shared().public().jwk;
    keys.publish(vec![PublicKey {
        kid: "named".to_owned(),
        jwk,
    }]);
    let shown = keys.jwks();
    assert_eq!(shown.keys.len(), 1);
    assert_eq!(shown.keys[0].common.key_id.as_deref(), Some("named"));
}

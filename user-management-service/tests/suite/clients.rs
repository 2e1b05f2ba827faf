//! Clients: other services with credentials of their own.

use crate::server::{Reply, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contracts::{ClientId, Timestamp};
use reqwest::Method;
use runtime::page::PageRequest;
use runtime::{AuthError, Principal};
use serde_json::{Value, json};
use std::time::Duration;
use testing::{Site, databases};
use user_management_service::models::accounts::actor::Actor;
use user_management_service::models::clients::client::Client as Row;
use user_management_service::models::sessions::revocation::{Refused, Revocation};
use user_management_service::models::sessions::session::TokenHash;
use user_management_service::repositories::clients::client_repository::ClientRepository;
use user_management_service::repositories::sessions::revocation_repository::RevocationRepository;
use user_management_service::{MIGRATIONS, NAME, create_client, rotate_keys};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const UNTIL: Timestamp = Timestamp::from_seconds(1_800_003_600);
const FORM: &str = "application/x-www-form-urlencoded";

/// A client with its secret.
struct Client {
    id: String,
    secret: String,
}

impl Client {
    fn of(made: &Reply) -> Self {
        let text = |name: &str| made.json[name].as_str().unwrap().to_owned();
        Self {
            id: text("client_id"),
            secret: text("client_secret"),
        }
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

impl Server {
    async fn makes_client(&self, admin: &Reply, scopes: &[&str]) -> Client {
        let body = json!({"name": "Campus", "scopes": scopes});
        let request = self.request(Method::POST, "/clients", admin.access()).json(&body);
        let made = self.send(request).await;
        assert_eq!(made.is(201).header("cache-control"), "no-store");
        Client::of(&made)
    }

    /// Sends a form with credentials in its header.
    async fn form_by(&self, client: &Client, path: &str, form: &str) -> Reply {
        let request = self.client.post(self.url(path)).header("content-type", FORM);
        self.send(request.header("authorization", client.basic()).body(form.to_owned()))
            .await
    }

    async fn client_token(&self, client: &Client) -> Reply {
        let token = self.form_by(client, "/token", "grant_type=client_credentials").await;
        assert_eq!(token.status, 200, "{token:?}");
        token
    }

    async fn verify(&self, token: &Reply) -> Result<Principal, AuthError> {
        self.identity.authenticator().verify(token.access()).await
    }
}

#[tokio::test]
async fn an_admin_makes_lists_and_deletes_clients_and_the_audit_tells() {
    let server = Server::start().await;
    let (admin, ada) = (
        server.admin("root@example.org").await,
        server.signed_in("ada@example.org").await,
    );
    let client = server
        .makes_client(&admin, &["courses:read", "content:read", "content:read"])
        .await;
    assert_eq!(client.secret.len(), 43);
    let listed = server.get("/clients", admin.access()).await;
    let item = &listed.is(200).json["items"][0];
    assert_eq!(
        (&item["client_id"], &item["name"]),
        (&json!(client.id), &json!("Campus"))
    );
    assert_eq!(item["scopes"], json!(["content:read", "courses:read"]));
    assert!(!listed.text.contains("secret"), "{listed:?}");

    let path = format!("/clients/{}", client.id);
    for (method, path) in [
        (Method::GET, "/clients".to_owned()),
        (Method::POST, "/clients".to_owned()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/secret")),
    ] {
        let refused = server.send(server.request(method.clone(), &path, ada.access())).await;
        refused.is_problem(403, "admin_required");
    }
    for (body, field) in [
        (json!({"name": "", "scopes": ["content:read"]}), "name"),
        (json!({"name": "x", "scopes": []}), "scopes"),
        (json!({"name": "x", "scopes": ["content:write"]}), "scopes"),
        (json!({"name": "x", "scopes": "content:read"}), "scopes"),
        (json!({"name": "x", "scopes": ["content:read"], "id": 1}), "id"),
    ] {
        let refused = server
            .send(server.request(Method::POST, "/clients", admin.access()).json(&body))
            .await;
        refused.is_problem(422, "invalid_request");
        assert!(refused.text.contains(field), "{refused:?}");
    }
    server.delete(&path, admin.access()).await.is(204);
    server
        .delete(&path, admin.access())
        .await
        .is_problem(404, "client_not_found");
    let renewed = server
        .send(server.request(Method::POST, &format!("{path}/secret"), admin.access()))
        .await;
    renewed.is_problem(404, "client_not_found");
    assert_eq!(server.get("/clients", admin.access()).await.json["items"], json!([]));
    let audit = server.get("/audit", admin.access()).await;
    let acts: Vec<&Value> = audit.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["act"])
        .collect();
    assert_eq!(acts[..2], ["delete_client", "create_client"]);
    assert_eq!(audit.json["items"][0]["subject"]["id"], client.id.as_str());
}

#[tokio::test]
async fn credentials_that_outlive_a_sign_in_take_a_fresh_one() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let client = server.makes_client(&admin, &["content:read"]).await;
    server.clock.advance(Duration::from_secs(601));
    let later = server.refreshed(&admin).await;
    let body = json!({"name": "Campus", "scopes": ["content:read"]});
    for path in ["/clients".to_owned(), format!("/clients/{}/secret", client.id)] {
        let request = server.request(Method::POST, &path, later.access()).json(&body);
        server.send(request).await.is_problem(401, "reauthentication_required");
    }
    server.get("/clients", later.access()).await.is(200);
    server
        .delete(&format!("/clients/{}", client.id), later.access())
        .await
        .is(204);
}

#[tokio::test]
async fn a_client_gets_a_token_for_its_scopes() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let client = server.makes_client(&admin, &["content:read", "content:access"]).await;
    let token = server.client_token(&client).await;
    assert_eq!(token.json["token_type"], "Bearer");
    assert_eq!(
        (&token.json["expires_in"], &token.json["scope"]),
        (&json!(300), &json!("content:access content:read"))
    );
    assert!(token.json.get("refresh_token").is_none() && token.json.get("user").is_none());
    assert_eq!(token.header("cache-control"), "no-store");
    let claims = token.claims();
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&json!(client.id), &json!(client.id))
    );
    assert!(claims.get("sid").is_none() && claims.get("roles").is_none());
    let Ok(Principal::Client { id, scopes, .. }) = server.verify(&token).await else {
        panic!("no client: {token:?}");
    };
    assert_eq!(id.to_string(), client.id);
    assert!(scopes.has("content:read") && !scopes.has("content:stream"));
    // It is nobody's account.
    server
        .get("/profile", token.access())
        .await
        .is_problem(403, "user_required");
    server
        .get("/clients", token.access())
        .await
        .is_problem(403, "user_required");

    let one = server
        .form_by(&client, "/token", "grant_type=client_credentials&scope=content:read")
        .await;
    assert_eq!(one.is(200).json["scope"], "content:read");
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client.id, client.secret
    );
    server.post_text("/token", FORM, &body).await.is(200);
    let more = server
        .form_by(&client, "/token", "grant_type=client_credentials&scope=content:stream")
        .await;
    more.is_oauth_error(400, "invalid_scope");
}

#[tokio::test]
async fn wrong_credentials_open_nothing() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let client = server.makes_client(&admin, &["content:read"]).await;
    let other = server.makes_client(&admin, &["content:read"]).await;
    let with = |id: &str, secret: &str| Client {
        id: id.to_owned(),
        secret: secret.to_owned(),
    };
    let zeros = "A".repeat(43);
    for wrong in [
        with(&client.id, &other.secret),
        with(&client.id, &zeros),
        with(&client.id, ""),
        with(&client.id, &format!("{}=", client.secret)),
        with("moocflix", &client.secret),
        with(&client.id.to_uppercase(), &client.secret),
        with("", &client.secret),
    ] {
        let refused = server.form_by(&wrong, "/token", "grant_type=client_credentials").await;
        refused.is_oauth_error(401, "invalid_client");
        assert!(refused.header("www-authenticate").starts_with("Basic "), "{refused:?}");
    }
    for header in ["Basic", "Basic !", "Basic YQ==", &format!("{0}, {0}", client.basic())] {
        let request = server.client.post(server.url("/token")).header("content-type", FORM);
        let request = request
            .header("authorization", header)
            .body("grant_type=client_credentials");
        let refused = server.send(request).await;
        refused.is_oauth_error(401, "invalid_client");
    }
    let none = server.post_text("/token", FORM, "grant_type=client_credentials").await;
    none.is_oauth_error(401, "invalid_client");
    let twice = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client.id, client.secret
    );
    server
        .form_by(&client, "/token", &twice)
        .await
        .is_oauth_error(400, "invalid_request");
    let another = format!("grant_type=client_credentials&client_id={}", other.id);
    server
        .form_by(&client, "/token", &another)
        .await
        .is_oauth_error(400, "invalid_request");
    let code = server
        .form_by(&client, "/token", "grant_type=authorization_code&code=1")
        .await;
    code.is_oauth_error(400, "unsupported_grant_type");
    // A person's refresh token does not make up for wrong credentials.
    let ada = server.signed_in("ada@example.org").await;
    let form = format!(
        "grant_type=refresh_token&refresh_token={}",
        ada.json["refresh_token"].as_str().unwrap()
    );
    server
        .form_by(&with(&client.id, &zeros), "/token", &form)
        .await
        .is_oauth_error(401, "invalid_client");
    server.form_by(&client, "/token", &form).await.is(200);
}

#[tokio::test]
async fn a_new_secret_replaces_the_old_one() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let before = server.makes_client(&admin, &["content:read"]).await;
    let token = server.client_token(&before).await;
    let path = format!("/clients/{}/secret", before.id);
    let renewed = server.send(server.request(Method::POST, &path, admin.access())).await;
    let after = Client::of(&renewed);
    assert_eq!((renewed.status, &after.id), (200, &before.id));
    let old = server.form_by(&before, "/token", "grant_type=client_credentials").await;
    old.is_oauth_error(401, "invalid_client");
    server.client_token(&after).await;
    assert!(
        server.verify(&token).await.is_ok(),
        "tokens live for their five minutes"
    );
}

#[tokio::test]
async fn the_tokens_of_a_deleted_client_are_refused_at_once_and_after_a_restart_and_elsewhere() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let (gone, kept) = (
        server.makes_client(&admin, &["content:read"]).await,
        server.makes_client(&admin, &["content:read"]).await,
    );
    let (token, other) = (server.client_token(&gone).await, server.client_token(&kept).await);
    let beside = server.beside().await;
    server
        .delete(&format!("/clients/{}", gone.id), admin.access())
        .await
        .is(204);
    assert_eq!(server.verify(&token).await, Err(AuthError::Revoked));
    assert!(server.verify(&other).await.is_ok());
    server
        .form_by(&gone, "/token", "grant_type=client_credentials")
        .await
        .is_oauth_error(401, "invalid_client");
    testing::until("the other node refuses it", || async {
        beside.verify(&token).await == Err(AuthError::Revoked)
    })
    .await;
    let server = server.restarted().await;
    assert_eq!(server.verify(&token).await, Err(AuthError::Revoked));
    assert!(server.verify(&other).await.is_ok());
}

#[tokio::test]
async fn whoever_holds_a_token_can_end_it() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let (client, other) = (
        server.makes_client(&admin, &["content:read"]).await,
        server.makes_client(&admin, &["content:read"]).await,
    );
    let (first, second) = (server.client_token(&client).await, server.client_token(&client).await);
    let form = format!("token={}&token_type_hint=access_token", first.access());
    server
        .form_by(&other, "/revoke", &form)
        .await
        .is_oauth_error(400, "unauthorized_client");
    server
        .post_text("/revoke", FORM, &form)
        .await
        .is_oauth_error(401, "invalid_client");
    assert!(server.verify(&first).await.is_ok());
    for _ in 0..2 {
        let ended = server.form_by(&client, "/revoke", &form).await;
        assert_eq!(
            (ended.status, ended.text.as_str(), ended.header("cache-control")),
            (200, "", "no-store")
        );
    }
    assert_eq!(server.verify(&first).await, Err(AuthError::Revoked));
    assert!(
        server.verify(&second).await.is_ok(),
        "one token ends, not all of the client"
    );

    let (ada, bob) = (
        server.signed_in("ada@example.org").await,
        server.signed_in("bob@example.org").await,
    );
    let refresh = format!(
        "client_id=moocflix&token={}",
        ada.json["refresh_token"].as_str().unwrap()
    );
    server.post_text("/revoke", FORM, &refresh).await.is(200);
    server.refresh(&ada).await.is_oauth_error(400, "invalid_grant");
    server.get("/profile", ada.access()).await.is(401);
    server
        .post_text("/revoke", FORM, &format!("token={}", bob.access()))
        .await
        .is(200);
    server.get("/profile", bob.access()).await.is(401);
    server.post_text("/revoke", FORM, "token=nothing").await.is(200);
    server
        .post_text("/revoke", FORM, "token=")
        .await
        .is_oauth_error(400, "invalid_request");
}

#[tokio::test]
async fn the_metadata_name_the_endpoints_below_the_issuer() {
    let server = Server::start().await;
    let page = async |name: &str| Site::get(&server, &format!("/.well-known/{name}")).await;
    let (plain, openid) = (
        page("oauth-authorization-server").await,
        page("openid-configuration").await,
    );
    assert_eq!(plain.is(200).json, openid.is(200).json);
    let issuer = plain.json["issuer"].as_str().unwrap();
    let ada = server.signed_in("ada@example.org").await;
    assert_eq!(ada.claims()["iss"], issuer);
    for (name, path) in [
        ("token_endpoint", "/api/v1/users/token"),
        ("revocation_endpoint", "/api/v1/users/revoke"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(plain.json[name], format!("{issuer}{path}"));
    }
    assert_eq!(
        plain.json["grant_types_supported"],
        json!(["client_credentials", "refresh_token"])
    );
}

#[tokio::test]
async fn the_command_line_makes_clients_and_keys() {
    let server = Server::start().await;
    let db = server.second_handle().await;
    let scopes = ["content:stream".to_owned()];
    let (id, secret) = create_client(&db, &server.clock, "Campus", &scopes).await.unwrap();
    let secret = secrecy::ExposeSecret::expose_secret(&secret).to_owned();
    let client = Client {
        id: id.to_string(),
        secret,
    };
    let before = server.client_token(&client).await;
    assert!(create_client(&db, &server.clock, "", &[]).await.is_err());
    let other = rotate_keys(&db, &server.clock, &[8; 32], true).await;
    assert!(other.is_err(), "a key that the server can't open");
    let (announced, from) = rotate_keys(&db, &server.clock, &[7; 32], false).await.unwrap();
    assert_eq!(from, server.clock.now() + Duration::from_secs(600));
    let server = server.restarted().await;
    assert_ne!(
        server.client_token(&client).await.token_header()["kid"],
        announced.as_str()
    );
    server.clock.advance(Duration::from_secs(600));
    let later = server.client_token(&client).await;
    assert_eq!(later.token_header()["kid"], announced.as_str());
    let (at_once, _) = rotate_keys(&db, &server.clock, &[7; 32], true).await.unwrap();
    let server = server.restarted().await;
    assert_eq!(
        server.client_token(&client).await.token_header()["kid"],
        at_once.as_str()
    );
    // Tokens of the keys before are good as long as they live.
    assert!(server.verify(&later).await.is_ok());
    assert_eq!(server.verify(&before).await, Err(AuthError::Expired));
}

/// A client's row.
fn row(name: &str) -> Row {
    Row {
        id: ClientId::generate(),
        name: name.to_owned(),
        scopes: vec!["content:access".to_owned(), "content:read".to_owned()],
        created_at: NOW,
        renewed_at: NOW,
    }
}

#[tokio::test]
async fn clients_are_kept_in_order_and_get_new_secrets() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let clients = ClientRepository::new(test.db.clone());
        let made = ["Campus", "Library", "Lab"].map(row);
        for client in &made {
            clients
                .insert(client, TokenHash([1; 32]), &Actor::machine())
                .await
                .unwrap();
        }
        let page = |after| PageRequest { limit: 2, after };
        let first = clients.page(&page(None)).await.unwrap();
        assert_eq!(first.items, made[..2], "{}", test.name);
        assert!(first.next_cursor.is_some());
        let second = clients.page(&page(Some(made[1].id))).await.unwrap();
        assert_eq!((second.items, second.next_cursor), (made[2..].to_vec(), None));
        let (id, later) = (made[0].id, NOW + Duration::from_secs(5));
        let renewed = clients
            .renew(id, TokenHash([2; 32]), &Actor::machine(), later)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((renewed.created_at, renewed.renewed_at), (NOW, later), "{}", test.name);
        assert_eq!(clients.find(id).await.unwrap(), Some((renewed, TokenHash([2; 32]))));
    }
}

#[tokio::test]
async fn a_client_that_is_gone_and_a_token_that_was_revoked_are_refused_on_both_engines() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let clients = ClientRepository::new(test.db.clone());
        let (client, machine) = (row("Campus"), Actor::machine());
        clients.insert(&client, TokenHash([1; 32]), &machine).await.unwrap();
        let times = (NOW + Duration::from_secs(1), UNTIL);
        let removed = clients.remove(client.id, &machine, times).await.unwrap().unwrap();
        assert_eq!(removed.refused, Refused::Client(client.id), "{}", test.name);
        assert!(clients.find(client.id).await.unwrap().is_none());
        assert!(clients.remove(client.id, &machine, times).await.unwrap().is_none());
        let renewed = clients.renew(client.id, TokenHash([3; 32]), &machine, NOW).await;
        assert!(renewed.unwrap().is_none());
        let token = Revocation::of_clients(Refused::Token(Uuid::now_v7()), UNTIL);
        clients.refuse(&token, NOW + Duration::from_secs(2)).await.unwrap();
        let revocations = RevocationRepository::new(test.db.clone());
        let live = revocations.live(NOW, NOW + Duration::from_secs(3)).await.unwrap();
        assert_eq!(live, [removed, token], "{}", test.name);
    }
}

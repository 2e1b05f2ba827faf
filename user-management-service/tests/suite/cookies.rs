//! The browser's way: the refresh token in a cookie that no script reads.

use crate::server::{PASSWORD, Reply, Server};
use reqwest::Method;
use serde_json::json;

async fn kept(server: &Server) -> (String, Reply) {
    server.signed_up("ada@example.org").await;
    let body = json!({"email": "ada@example.org", "password": PASSWORD, "cookie": true});
    let origin = server.public_origin();
    let request = server.client.post(server.url("/login")).header("origin", origin);
    let reply = server.send(request.json(&body)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.json.get("refresh_token").is_none(), "{reply:?}");
    (cookie(&reply), reply)
}

fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn refresh(server: &Server, cookie: &str, origin: Option<&str>) -> Reply {
    let mut request = server.client.post(server.url("/token")).header("cookie", cookie);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    server.send(request).await
}

#[tokio::test]
async fn a_page_refreshes_with_its_cookie_and_nothing_else() {
    let server = Server::start().await;
    let (first, reply) = kept(&server).await;
    let set = reply.header("set-cookie");
    assert!(first.starts_with("moocflix="), "{set}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"));
    let next = refresh(&server, &first, Some(&server.origin())).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert!(next.json.get("refresh_token").is_none());
    assert_ne!(cookie(&next), first);
    assert_eq!(server.get("/profile", next.access()).await.status, 200);
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_host() {
    let server = Server::with(|config| config.public_url = Some("https://mooc.example".to_owned())).await;
    let (cookie, reply) = kept(&server).await;
    let set = reply.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-moocflix=") && set.contains("; Secure"),
        "{set}"
    );
    assert_eq!(
        refresh(&server, &cookie, Some("https://mooc.example")).await.status,
        200
    );
}

#[tokio::test]
async fn another_site_can_not_spend_the_cookie() {
    let server = Server::start().await;
    let (cookie, _) = kept(&server).await;
    for origin in [None, Some("https://eve.example"), Some("null")] {
        let refused = refresh(&server, &cookie, origin).await;
        refused.is_oauth_error(403, "invalid_request");
        assert!(refused.headers.get("set-cookie").is_none());
        let request = server.client.post(server.url("/logout")).header("cookie", &cookie);
        let request = origin.map_or(request.try_clone().unwrap(), |origin| request.header("origin", origin));
        assert_eq!(server.send(request).await.status, 204);
    }
    assert_eq!(
        refresh(&server, &cookie, Some(&server.origin())).await.status,
        200,
        "it was not spent, nor signed out"
    );
}

#[tokio::test]
async fn logout_takes_the_cookie_away() {
    let server = Server::start().await;
    let (cookie, reply) = kept(&server).await;
    let request = server
        .client
        .post(server.url("/logout"))
        .header("cookie", &cookie)
        .header("origin", server.origin());
    let left = server.send(request).await;
    assert_eq!(left.status, 204);
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    server
        .get("/profile", reply.access())
        .await
        .is_problem(401, "unauthenticated");
    let refused = refresh(&server, &cookie, Some(&server.origin())).await;
    refused.is_oauth_error(400, "invalid_grant");
    assert!(refused.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_refresh_token_can_move_into_the_cookie() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let form = format!(
        "grant_type=refresh_token&refresh_token={}&cookie=true",
        ada.json["refresh_token"].as_str().unwrap()
    );
    let send = |origin: Option<String>| {
        let request = server.client.request(Method::POST, server.url("/token"));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone());
        server.send(match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        })
    };
    send(None).await.is_oauth_error(403, "invalid_request");
    let moved = send(Some(server.origin())).await;
    assert_eq!(moved.status, 200, "{moved:?}");
    assert!(moved.json.get("refresh_token").is_none());
    assert_eq!(
        refresh(&server, &cookie(&moved), Some(&server.origin())).await.status,
        200
    );
}

#[tokio::test]
async fn another_site_can_not_sign_a_browser_in() {
    let server = Server::start().await;
    server.signed_up("eve@example.org").await;
    let body = json!({"email": "eve@example.org", "password": PASSWORD, "cookie": true});
    for origin in [None, Some("https://eve.example"), Some("null")] {
        let request = server.client.post(server.url("/login")).json(&body);
        let refused = server
            .send(match origin {
                Some(origin) => request.header("origin", origin),
                None => request,
            })
            .await;
        refused.is_problem(403, "cross_site");
        assert!(
            refused.json["detail"].as_str().unwrap().contains("public_url"),
            "{refused:?}"
        );
        assert!(refused.headers.get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn over_http_2_the_authority_is_the_host() {
    let server = Server::start().await;
    let (cookie, _) = kept(&server).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let ask = |path: &str, origin: &str| {
        let request = client.post(server.url(path)).header("cookie", &cookie);
        server.send(request.header("origin", origin))
    };
    ask("/token", "http://eve.example")
        .await
        .is_oauth_error(403, "invalid_request");
    let left = ask("/logout", &server.origin()).await;
    assert_eq!(left.status, 204);
    assert!(left.header("set-cookie").contains("Max-Age=0"), "{:?}", left.headers);
    ask("/token", &server.origin())
        .await
        .is_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn a_target_in_absolute_form_names_the_host() {
    let server = Server::start().await;
    let (cookie, _) = kept(&server).await;
    let origin = server.origin();
    for (target, status) in [("http://eve.example", 403), (origin.as_str(), 200)] {
        let request = format!(
            "POST {target}/api/v1/users/token HTTP/1.1\r\nhost: {}\r\norigin: {origin}\r\ncookie: {cookie}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
            server.address
        );
        let mut wire = server.connect().await;
        wire.send(request.as_bytes()).await;
        let reply = wire.rest().await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {reply}");
    }
}

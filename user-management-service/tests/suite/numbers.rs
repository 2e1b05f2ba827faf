//! What the service counts.

use crate::server::{PASSWORD, Server};
use futures::future::join_all;
use serde_json::json;
use user_management_service::FACE;

#[tokio::test]
async fn every_documented_number_is_there_after_some_work() {
    let numbers = runtime::metrics::install().unwrap();
    let server = Server::with(|config| {
        config.hash_workers = 1;
        config.limits.failures_per_account = 0;
        config.limits.failures_per_address = 0;
        config.limits.signups_per_address = 2;
    })
    .await;
    server.signed_in("ada@example.org").await;
    let wrong = |n: usize| json!({"email": format!("guess-{n}@example.org"), "password": "not the password"});
    let crowd = join_all((0..400).map(|n| server.post("/login", wrong(n)))).await;
    let busy: Vec<_> = crowd.iter().filter(|reply| reply.status == 503).collect();
    assert!(
        !busy.is_empty(),
        "four hundred at once are too many for one worker and 256 places"
    );
    for reply in &busy {
        reply.is_problem(503, "busy");
        assert_eq!(reply.header("retry-after"), "1");
    }
    server.signed_up("bob@example.org").await;
    let many = json!({"email": "eve@example.org", "password": PASSWORD, "name": "Eve"});
    server.post("/signup", many).await.is_problem(429, "rate_limited");
    let left = server.post(
        "/logout",
        json!({"refresh_token": server.login("ada@example.org").await.json["refresh_token"]}),
    );
    left.await.is(204);
    let shown = numbers.render();
    for metric in FACE.metrics {
        assert!(shown.contains(metric.name), "{} is not in\n{shown}", metric.name);
    }
    for result in ["ok", "wrong", "busy"] {
        assert!(
            shown.contains(&format!("moocflix_logins_total{{result=\"{result}\"}}")),
            "{result}: {shown}"
        );
    }
    assert_eq!(
        server
            .post("/login", json!({"email": "ada@example.org", "password": PASSWORD}))
            .await
            .status,
        200
    );
    for secret in ["ada@example.org", PASSWORD] {
        assert!(!shown.contains(secret));
    }
}

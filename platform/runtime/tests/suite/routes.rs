use crate::site::{Site, Stage, table};
use contracts::Role;
use http::{Method, StatusCode};
use runtime::{Access, Table, routes};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

#[tokio::test]
async fn each_row_admits_only_the_callers_that_its_policy_names() {
    let site = Site::start().await;
    let client = reqwest::Client::new();
    let cases = [
        ("/open", [200, 200, 200, 200]),
        ("/me", [401, 200, 200, 200]),
        ("/teach", [401, 403, 200, 200]),
        ("/admin", [401, 403, 403, 200]),
    ];
    for (path, expected) in cases {
        for (role, expected) in [None, Some(Role::Learner), Some(Role::Instructor), Some(Role::Admin)]
            .into_iter()
            .zip(expected)
        {
            let mut request = client.get(site.url(path));
            if let Some(role) = role {
                request = request.bearer_auth(site.token(role));
            }
            assert_eq!(request.send().await.unwrap().status(), expected, "{path} as {role:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_says_which_role_it_takes() {
    let site = Site::start().await;
    let client = reqwest::Client::new();
    for (path, code) in [("/teach", "instructor_required"), ("/admin", "admin_required")] {
        let answer = client
            .get(site.url(path))
            .bearer_auth(site.token(Role::Learner))
            .send()
            .await
            .unwrap();
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["type"], format!("urn:moocflix:problem:{code}"));
    }
}

#[tokio::test]
async fn a_trailing_slash_makes_no_difference() {
    let site = Site::start().await;
    for path in ["/open", "/open/", "/things/?name=x", "", "/"] {
        let answer = reqwest::get(site.url(path)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(
        reqwest::get(site.url("/open//")).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_document_states_the_policy_of_each_row() {
    let site = Site::start().await;
    let (sender, _) = mpsc::unbounded_channel();
    let routes = table(
        &site.authenticator,
        Stage {
            go: Arc::new(Notify::new()),
            reached: sender,
        },
    );
    assert_eq!(routes.check(), Ok(()));
    let document = serde_json::to_value(runtime::openapi::document(&routes, "1.2.3")).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], "1.2.3");
    for row in routes.rows() {
        let operation = &document["paths"][&row.path][row.method.as_str().to_lowercase()];
        assert_eq!(
            operation["x-access"],
            row.access.as_str(),
            "{} {}",
            row.method,
            row.path
        );
        let locked = row.access != Access::Public;
        assert_eq!(operation["security"].is_array(), locked, "{} {}", row.method, row.path);
    }
    assert!(document["components"]["schemas"]["Problem"].is_object());
    assert!(document["components"]["schemas"]["Thing"].is_object());
}

#[utoipa::path(get, path = "/there", operation_id = "there", responses((status = 200)))]
async fn there() -> &'static str {
    "there"
}

#[tokio::test]
async fn a_row_that_differs_from_its_handler_s_documentation_is_found() {
    let site = Site::start().await;
    let table = || Table::<()>::new("/api", &site.authenticator);
    let right = table()
        .row(Method::GET, "/there", Access::Public, routes!(there))
        .with_state(());
    assert_eq!(right.check(), Ok(()));
    let wrong = [
        table()
            .row(Method::POST, "/there", Access::Public, routes!(there))
            .with_state(()),
        table()
            .row(Method::GET, "/here", Access::Public, routes!(there))
            .with_state(()),
        right.merge(
            table()
                .row(Method::GET, "/there", Access::Public, routes!(there))
                .with_state(()),
        ),
        table()
            .row(Method::GET, "/there", Access::Public, routes!(there))
            .row(Method::GET, "/there", Access::Admin, routes!(there))
            .with_state(()),
        Table::unguarded("/api")
            .row(Method::GET, "/there", Access::SignedIn, routes!(there))
            .with_state(()),
    ];
    for routes in wrong {
        let faults = routes.check().unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains("here")), "{faults:?}");
    }
}

#[tokio::test]
async fn an_unguarded_row_is_documented_without_a_bearer_and_without_problems() {
    let site = Site::start().await;
    let by_ticket = Access::ByService("ticket");
    let tables = [Table::new("/api", &site.authenticator), Table::unguarded("/api")];
    let documents = tables.map(|table| {
        let routes = table
            .row(Method::GET, "/there", by_ticket, routes!(there))
            .with_state(());
        assert_eq!(routes.check(), Ok(()));
        serde_json::to_value(routes.api()).unwrap()["paths"]["/api/there"]["get"].clone()
    });
    for (operation, guarded) in documents.iter().zip([true, false]) {
        assert_eq!(operation["x-access"], "ticket");
        assert_eq!(operation["security"].is_array(), guarded);
        assert_eq!(operation["responses"]["default"].is_object(), guarded);
    }
}

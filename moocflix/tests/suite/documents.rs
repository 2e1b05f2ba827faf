use crate::server::{moocflix, run};
use serde_json::Value;
use std::collections::BTreeSet;

fn printed(arguments: &[&str]) -> String {
    let output = run(moocflix().args(arguments), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_committed_document_matches_the_code() {
    let now = printed(&["openapi"]);
    assert!(
        now == include_str!("../../../openapi.json"),
        "run: cargo run -- openapi > openapi.json"
    );
}

#[test]
fn the_committed_event_schemas_match_the_code() {
    let now = printed(&["openapi", "--events"]);
    assert!(
        now == include_str!("../../../events.json"),
        "run: cargo run -- openapi --events > events.json"
    );
}

#[test]
fn the_committed_table_of_roles_and_routes_matches_the_code() {
    let now = printed(&["openapi", "--access"]);
    let page = include_str!("../../../docs/access.md");
    let (_, table) = page.split_once("-->\n").unwrap();
    assert!(
        table == now,
        "replace the table of docs/access.md by: cargo run -- openapi --access"
    );
    assert!(!now.contains("| ? |"), "a right has no description");
}

#[test]
fn each_provider_in_the_page_about_them_is_a_valid_configuration() {
    let page = include_str!("../../../docs/sign-in-providers.md");
    let blocks: Vec<_> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moocflix.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let words = [
            "config",
            "check",
            "--data-dir",
            folder.path().to_str().unwrap(),
            "--config",
        ];
        let output = run(moocflix().args(words).arg(&file), "");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (good, shown) = check(&blocks.concat());
    assert!(
        good && shown.contains("users.providers.firebase.audience = \"YOUR-PROJECT\""),
        "{shown}"
    );
    assert!(
        !shown.contains("console") && shown.contains("client_secret = \"(hidden)\""),
        "{shown}"
    );
    for (key, value, blamed) in [
        ("issuer", "\"http://login.university.example\"", "issuer"),
        ("issuer", "\"\"", "issuer"),
        ("algorithms", "[\"HS256\"]", "algorithms"),
        ("algorithms", "[]", "algorithms"),
        ("roles", "[\"staff=admin\"]", "roles"),
        ("roles", "[]", "roles"),
        ("jwks_url", "\"http://keys.example\"", "jwks_url"),
        ("scopes", "\"profile\"", "scopes"),
        ("client_id", "\"\"", "client_id"),
        ("secret", "\"\"", "secret"),
    ] {
        let kept = blocks[2].lines().filter(|line| !line.starts_with(&format!("{key} =")));
        let text = kept
            .chain([format!("{key} = {value}").as_str()])
            .collect::<Vec<_>>()
            .join("\n");
        let (good, shown) = check(&text);
        assert!(
            !good && shown.contains(&format!("users.providers.university.{blamed}")),
            "{key} = {value}: {shown}"
        );
    }
}

#[test]
fn a_route_of_one_lecture_or_course_names_the_right_that_it_takes() {
    let document: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let of_one = path.contains("/content/{video_id}") || path.contains("{course_id}");
        for (method, operation) in item.as_object().unwrap() {
            let access = operation["x-access"].as_str().unwrap();
            let is_named = access.contains(':') || access == "admin";
            assert!(is_named || !of_one, "{method} {path}");
        }
    }
}

#[test]
fn each_operation_has_a_unique_name_a_policy_and_responses() {
    let document: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "two operations are {name}");
            assert!(operation["x-access"].is_string(), "{method} {path}");
            assert!(operation["tags"].is_array(), "{method} {path}");
            assert!(
                !operation["responses"].as_object().unwrap().is_empty(),
                "{method} {path}"
            );
        }
    }
}

/// Error responses in other formats: RFC 6749 §5.2, and the readiness that a probe reads.
const NOT_PROBLEMS: [(&str, &str); 11] = [
    ("/api/v1/users/revoke", "400"),
    ("/api/v1/users/revoke", "401"),
    ("/api/v1/users/revoke", "503"),
    ("/api/v1/users/revoke", "507"),
    ("/api/v1/users/token", "400"),
    ("/api/v1/users/token", "401"),
    ("/api/v1/users/token", "403"),
    ("/api/v1/users/token", "429"),
    ("/api/v1/users/token", "503"),
    ("/api/v1/users/token", "507"),
    ("/health/ready", "503"),
];

#[test]
fn an_error_s_body_is_a_problem_document() {
    let document: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let is_error = status.starts_with('4') || status.starts_with('5');
                let exempt = NOT_PROBLEMS.contains(&(path.as_str(), status.as_str()));
                let Some(bodies) = answer["content"].as_object().filter(|_| is_error && !exempt) else {
                    continue;
                };
                let kinds: Vec<_> = bodies.keys().map(String::as_str).collect();
                assert_eq!(kinds, ["application/problem+json"], "{method} {path} {status}");
                let schema = &bodies["application/problem+json"]["schema"]["$ref"];
                // Some problems have members of their own.
                let name = schema.as_str().unwrap();
                assert!(name.ends_with("Problem"), "{method} {path} {status}: {name}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 50, "only {seen} responses were checked");
}

#[test]
fn every_reference_in_the_documents_leads_somewhere() {
    for text in [
        include_str!("../../../openapi.json"),
        include_str!("../../../events.json"),
    ] {
        references_lead_somewhere(&serde_json::from_str(text).unwrap());
    }
}

fn references_lead_somewhere(document: &Value) {
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    let pointer = to.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{to} leads nowhere");
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[test]
fn the_routes_of_the_seed_exist() {
    let document: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    for (method, path) in [
        ("post", "/api/v1/users/signup"),
        ("post", "/api/v1/users/login"),
        ("post", "/api/v1/users/logout"),
        ("post", "/api/v1/users/token"),
        ("get", "/api/v1/users/profile"),
        ("put", "/api/v1/users/profile/update"),
        ("delete", "/api/v1/users/deactivate"),
        ("post", "/api/v1/users/password/change"),
        ("get", "/api/v1/users"),
        ("get", "/.well-known/jwks.json"),
        ("post", "/api/v1/courses"),
        ("get", "/api/v1/courses/{course_id}"),
        ("put", "/api/v1/courses/{course_id}/outline"),
        ("post", "/api/v1/courses/{course_id}/enrolments"),
        ("get", "/api/v1/courses/{course_id}/members"),
        ("post", "/api/v1/content/upload"),
        ("options", "/api/v1/content/upload"),
        ("head", "/api/v1/content/upload/{video_id}"),
        ("patch", "/api/v1/content/upload/{video_id}"),
        ("delete", "/api/v1/content/upload/{video_id}"),
        ("get", "/api/v1/content"),
        ("get", "/api/v1/content/{video_id}"),
        ("patch", "/api/v1/content/{video_id}"),
        ("get", "/api/v1/content/{video_id}/stream"),
        ("get", "/api/v1/content/{video_id}/events"),
        ("delete", "/api/v1/content/{video_id}/delete"),
        ("post", "/api/v1/content/{video_id}/transcode"),
        ("get", "/api/v1/content/{video_id}/transcode"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
}

#[test]
fn there_are_at_most_a_hundred_and_twenty_keys_and_each_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(
        moocflix().args(["config", "check", "--data-dir"]).arg(folder.path()),
        "",
    );
    let keys = String::from_utf8(shown.stdout).unwrap().lines().count();
    assert!((20..=120).contains(&keys), "{keys} keys");
    for text in [
        include_str!("../../config/default.toml"),
        include_str!("../../../user-management-service/config/default.toml"),
        include_str!("../../../course-management-service/config/default.toml"),
        include_str!("../../../content-delivery-service/config/default.toml"),
        include_str!("../../../content-delivery-service/live/config/default.toml"),
        include_str!("../../../content-delivery-service/transcoding-jobs/config/default.toml"),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines
            .windows(2)
            .filter(|pair| pair[1].contains(" = ") && !pair[1].starts_with('#'))
        {
            assert!(pair[0].starts_with("# "), "{} is not explained", pair[1]);
        }
    }
}

//! Courses, made by their teachers over HTTP.

use crate::api::{Account, Answer, Api};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

/// A course of one module.
#[derive(Debug, Clone)]
pub struct Course {
    /// Its id.
    pub id: String,
    /// Its module.
    pub module: String,
    /// The module's items, one for each lecture.
    pub items: Vec<String>,
    /// The owner's token.
    token: String,
}

impl Course {
    /// Creates a course of these lectures with other fields than the usual ones, and publishes it.
    pub async fn publish(api: &Api, owner: &Account, lectures: &[&str], fields: &Value) -> Result<Self> {
        let mut body = json!({"title": "Graphs"});
        if let (Some(body), Some(fields)) = (body.as_object_mut(), fields.as_object()) {
            body.extend(fields.clone());
        }
        let mut course = Self {
            id: String::new(),
            module: String::new(),
            items: Vec::new(),
            token: owner.token.clone(),
        };
        course.id = course.made(api, "/api/v1/courses".to_owned(), &body).await?;
        course.module = course
            .made(api, course.path("/modules"), &json!({"title": "One"}))
            .await?;
        let items = course.path(&format!("/modules/{}/items", course.module));
        for lecture in lectures {
            let item = json!({"kind": "video", "content_id": lecture});
            let item = course.made(api, items.clone(), &item).await?;
            course.items.push(item);
        }
        course
            .ask(api, Method::POST, "/publish", &Value::Null)
            .await?
            .expect(200)?;
        Ok(course)
    }

    async fn made(&self, api: &Api, path: String, body: &Value) -> Result<String> {
        let made = api
            .json(Method::POST, &path, &self.token, body)
            .await?
            .expect(201)?
            .json();
        made["id"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("{path}: {made}"))
    }

    /// A path of this course.
    #[must_use]
    pub fn path(&self, end: &str) -> String {
        format!("/api/v1/courses/{}{end}", self.id)
    }

    /// A request of the owner; without a body if that is null.
    pub async fn ask(&self, api: &Api, method: Method, end: &str, body: &Value) -> Result<Answer> {
        let request = api.request(method, &self.path(end)).bearer_auth(&self.token);
        api.send(if body.is_null() { request } else { request.json(body) })
            .await
    }

    /// A request of the owner that succeeds.
    pub async fn act(&self, api: &Api, method: Method, end: &str, body: &Value) -> Result<Answer> {
        let answer = self.ask(api, method.clone(), end, body).await?;
        ensure!(
            answer.status.is_success(),
            "{method} {end}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(answer)
    }

    /// Enrols somebody by their own wish and returns the receipt.
    pub async fn enrol(&self, api: &Api, who: &Account) -> Result<String> {
        let answer = api
            .json(Method::POST, &self.path("/enrolments"), &who.token, &json!({}))
            .await?;
        ensure!(answer.status.is_success(), "{}", answer.text());
        let receipt = answer.json()["receipt"].as_str().context("a receipt")?.to_owned();
        Ok(receipt)
    }
}

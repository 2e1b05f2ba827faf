//! Somebody who signs in over and over, with the right password, on many connections.

use crate::api::Api;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// The connections; they end when this is dropped.
#[derive(Debug)]
pub struct SignIns {
    tasks: JoinSet<()>,
    answers: Arc<Mutex<BTreeMap<u16, u64>>>,
}

impl SignIns {
    /// Signs in to one account on this many connections, each again as soon as it is answered.
    #[must_use]
    pub fn begin(api: &Api, email: &str, password: &str, connections: usize) -> Self {
        let (mut tasks, answers) = (JoinSet::new(), Arc::<Mutex<BTreeMap<u16, u64>>>::default());
        let body = json!({ "email": email, "password": password });
        for _ in 0..connections {
            let (api, body, answers) = (api.clone(), body.clone(), Arc::clone(&answers));
            tasks.spawn(async move {
                // A connection that is cut is opened again.
                loop {
                    if let Ok(answer) = api.json(Method::POST, "/api/v1/users/login", "", &body).await {
                        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                        *answers.entry(answer.status.as_u16()).or_default() += 1;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        Self { tasks, answers }
    }

    /// How often each status was answered.
    #[must_use]
    pub fn answers(&self) -> BTreeMap<u16, u64> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections still sign in.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.tasks.len()
    }
}

//! Joins outlines with what the content service knows of their lectures.

use super::access_service::Asker;
use super::error::Failure;
use crate::models::outline::module::{Item, Module, State};
use crate::repositories::outline::outline_repository::{StoredItem, StoredModule};
use contracts::questions::{Lecture, Lectures};
use contracts::{UserId, VideoId};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Asks about lectures.
#[derive(Clone)]
pub(crate) struct LectureStates {
    lectures: Arc<dyn Lectures>,
}

impl LectureStates {
    pub(crate) fn new(lectures: Arc<dyn Lectures>) -> Self {
        Self { lectures }
    }

    /// A lecture that the asker may administer.
    pub(crate) async fn administered(&self, video: VideoId, asker: &Asker) -> Result<Option<Lecture>, Failure> {
        let found = self.lectures.lectures(&[video], asker.user, asker.is_admin).await?;
        Ok(found
            .into_iter()
            .find(|lecture| lecture.id == video && lecture.is_administered))
    }

    /// The lectures that are live now; none if nobody answers, because a list of courses is worth more than its badges.
    pub(crate) async fn live(&self) -> Vec<VideoId> {
        self.lectures.live().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a list of courses does not show what is live");
            Vec::new()
        })
    }

    /// The modules with their items and the items' states; one question for all of them.
    pub(crate) async fn modules(
        &self,
        modules: Vec<StoredModule>,
        items: Vec<StoredItem>,
    ) -> Result<Vec<Module>, Failure> {
        let living = items.iter().filter(|item| item.deleted_at.is_none());
        let ids: Vec<VideoId> = living.map(|item| item.content_id).collect();
        let known = if ids.is_empty() {
            Vec::new()
        } else {
            // The states are the same for everybody.
            self.lectures.lectures(&ids, UserId::from(Uuid::nil()), false).await?
        };
        let known: HashMap<VideoId, Lecture> = known.into_iter().map(|lecture| (lecture.id, lecture)).collect();
        let mut all: Vec<Module> = modules
            .into_iter()
            .map(|module| Module {
                id: module.id,
                title: module.title,
                opens_at: module.opens_at,
                items: Vec::new(),
            })
            .collect();
        for item in items {
            if let Some(module) = all.iter_mut().find(|module| module.id == item.module_id) {
                module.items.push(joined(item, &known));
            }
        }
        Ok(all)
    }
}

fn joined(item: StoredItem, known: &HashMap<VideoId, Lecture>) -> Item {
    let lecture = known.get(&item.content_id).filter(|_| item.deleted_at.is_none());
    let state = lecture.map_or(State::Deleted, |lecture| State::Known {
        status: lecture.status.clone(),
        is_playable: lecture.is_playable,
        starts_at: lecture.starts_at,
    });
    Item {
        id: item.id,
        video_id: item.content_id,
        title: item.title,
        state,
    }
}

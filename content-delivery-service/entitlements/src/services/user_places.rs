//! Places that a user can take a limited number of at the same time.

use contracts::UserId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of all users in this process; clones share them.
#[derive(Clone)]
pub struct UserPlaces {
    /// How many one user may take; 0 means any number.
    most: u32,
    taken: Arc<Mutex<HashMap<UserId, u32>>>,
}

/// A place, free again when this is dropped.
pub struct UserPlace {
    user: UserId,
    taken: Arc<Mutex<HashMap<UserId, u32>>>,
}

impl UserPlaces {
    /// Places of which each user may take so many; 0 means any number.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// Takes a place; `None` if the user has as many as allowed.
    #[must_use]
    pub fn take(&self, user: UserId) -> Option<UserPlace> {
        let mut taken = lock(&self.taken);
        let count = taken.entry(user).or_default();
        if self.most > 0 && *count >= self.most {
            return None;
        }
        *count += 1;
        Some(UserPlace {
            user,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<UserId, u32>>) -> MutexGuard<'_, HashMap<UserId, u32>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_as_many_places_as_allowed_and_a_place_given_up_is_free() {
        let (places, user) = (UserPlaces::new(2), UserId::generate());
        let first = places.take(user).unwrap();
        let _second = places.take(user).unwrap();
        assert!(places.take(user).is_none());
        assert!(places.take(UserId::generate()).is_some());
        drop(first);
        assert!(places.take(user).is_some());
        assert_eq!(
            places.taken.lock().unwrap().len(),
            1,
            "nothing is kept of those who left"
        );
        let any = UserPlaces::new(0);
        let many: Vec<_> = (0..100).map_while(|_| any.take(user)).collect();
        assert_eq!(many.len(), 100);
    }
}

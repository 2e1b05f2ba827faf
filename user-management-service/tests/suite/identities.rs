//! People of other issuers in the database, on SQLite and on PostgreSQL.

use backing::db::Db;
use contracts::questions::ExternalIdentity;
use contracts::{Role, Roles, Timestamp};
use futures::future::join_all;
use std::collections::BTreeSet;
use std::time::Duration;
use testing::databases;
use user_management_service::models::accounts::actor::Actor;
use user_management_service::repositories::accounts::user_repository::UserRepository;
use user_management_service::repositories::identities::identity_repository::{IdentityRepository, OF_IDENTITY, Terms};
use user_management_service::repositories::sessions::session_repository::SessionRepository;
use user_management_service::{MIGRATIONS, NAME};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const UNTIL: Timestamp = Timestamp::from_seconds(1_800_003_600);
const LIFE: Duration = Duration::from_secs(30 * 86_400);

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn people(db: &Db) -> IdentityRepository {
    let terms = Terms {
        signup_role: Role::Learner,
        session_life: LIFE,
        longest_access: Duration::from_secs(3_600),
    };
    IdentityRepository::new(db.clone(), terms)
}

/// Somebody whose token was issued at `NOW`.
fn somebody(subject: &str) -> ExternalIdentity {
    ExternalIdentity {
        issuer: "https://school.example".to_owned(),
        subject: subject.to_owned(),
        issued_at: NOW,
        auth_time: None,
        email: None,
        name: None,
        roles: None,
    }
}

fn at(identity: &ExternalIdentity, issued_at: Timestamp) -> ExternalIdentity {
    ExternalIdentity {
        issued_at,
        ..identity.clone()
    }
}

#[tokio::test]
async fn a_person_who_comes_many_times_at_once_gets_one_account() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let (people, ada) = (people(&fresh.db), somebody("ada"));
        let found = join_all((0..16).map(|_| people.account_of(&ada, NOW))).await;
        let found: Vec<_> = found.into_iter().map(|account| account.unwrap().unwrap()).collect();
        let ids: BTreeSet<_> = found
            .iter()
            .map(|account| (account.user_id, account.session_id))
            .collect();
        assert_eq!(ids.len(), 1, "{}: {found:?}", fresh.name);
        let elsewhere = ExternalIdentity {
            issuer: "https://other.example".to_owned(),
            ..ada.clone()
        };
        for other in [elsewhere, somebody("Ada")] {
            let other = people.account_of(&other, NOW).await.unwrap().unwrap();
            assert_ne!(other.user_id, found[0].user_id);
        }
        let user = people.user_of(&ada, NOW).await.unwrap();
        assert_eq!(
            (user.id, user.email, user.password_hash),
            (found[0].user_id, None, None)
        );
        let of = backing::args![ada.issuer.as_str(), ada.subject.as_str()];
        fresh.reads_by_index("an identity", OF_IDENTITY, of).await;
    }
}

#[tokio::test]
async fn an_address_is_taken_from_the_first_token_if_nobody_has_it() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let (people, users) = (people(&fresh.db), UserRepository::new(fresh.db.clone()));
        let with = |subject: &str, email: &str| ExternalIdentity {
            email: Some(email.to_owned()),
            name: Some(" Ada Lovelace ".to_owned()),
            ..somebody(subject)
        };
        let racing: Vec<_> = (0..8).map(|n| with(&n.to_string(), "Ada@example.org")).collect();
        let found = join_all(racing.iter().map(|identity| people.account_of(identity, NOW))).await;
        let ids: BTreeSet<_> = found
            .into_iter()
            .map(|account| account.unwrap().unwrap().user_id)
            .collect();
        assert_eq!(ids.len(), 8);
        let owner = users.by_email_key("ada@example.org").await.unwrap().unwrap();
        assert!(owner.email_verified && ids.contains(&owner.id), "{owner:?}");
        for (email, name) in [("no address", "Ada Lovelace"), ("ADA@EXAMPLE.ORG", "Ada Lovelace")] {
            let user = people.user_of(&with(email, email), NOW).await.unwrap();
            assert_eq!((user.email.as_deref(), user.name.as_str()), (None, name));
        }
        // Accounts without an address are listed, after those with one.
        let all = users.list("", "", 100).await.unwrap();
        assert_eq!(all.len(), 10);
        let mut after = String::new();
        let mut listed = BTreeSet::new();
        while let Some(user) = users.list("", &after, 1).await.unwrap().pop() {
            after = user.email_key();
            listed.insert(user.id);
        }
        assert_eq!(listed.len(), 10);
    }
}

#[tokio::test]
async fn the_end_of_a_sign_in_refuses_the_tokens_that_were_issued_until_then() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let (people, ada) = (people(&fresh.db), somebody("ada"));
        let (users, sessions) = (
            UserRepository::new(fresh.db.clone()),
            SessionRepository::new(fresh.db.clone()),
        );
        let first = people.account_of(&ada, NOW).await.unwrap().unwrap();
        sessions.end(first.session_id, later(10), UNTIL).await.unwrap();
        for issued_at in [NOW, later(10)] {
            assert_eq!(people.account_of(&at(&ada, issued_at), later(11)).await.unwrap(), None);
        }
        let second = people
            .account_of(&at(&ada, later(11)), later(12))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(second.user_id, first.user_id);
        assert_ne!(second.session_id, first.session_id);
        assert_eq!(
            people.account_of(&ada, later(13)).await.unwrap(),
            None,
            "the old one stays refused"
        );

        users.end_sessions(first.user_id, later(20), UNTIL).await.unwrap();
        assert_eq!(people.account_of(&at(&ada, later(11)), later(21)).await.unwrap(), None);
        // Sign-ins that ended long ago are forgotten, but not what they refuse.
        sessions.forget(later(1_000_000)).await.unwrap();
        assert_eq!(people.account_of(&at(&ada, later(11)), later(22)).await.unwrap(), None);
        let third = people
            .account_of(&at(&ada, later(21)), later(23))
            .await
            .unwrap()
            .unwrap();
        sessions.forget(later(1_000_000)).await.unwrap();
        assert_eq!(people.account_of(&at(&ada, later(20)), later(24)).await.unwrap(), None);

        // A sign-in that has only run out refuses nothing.
        let after = later(24) + LIFE;
        let fourth = people.account_of(&at(&ada, later(30)), after).await.unwrap().unwrap();
        assert_ne!(fourth.session_id, third.session_id);
        users.deactivate(first.user_id, after, UNTIL).await.unwrap();
        assert_eq!(people.account_of(&at(&ada, after), after).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_sign_out_refuses_the_token_at_hand_although_the_issuers_clock_is_ahead() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let (people, sessions) = (people(&fresh.db), SessionRepository::new(fresh.db.clone()));
        let (ada, ahead) = (somebody("ada"), at(&somebody("ada"), later(30)));
        people.account_of(&ada, NOW).await.unwrap().unwrap();
        let first = people.account_of(&ahead, later(1)).await.unwrap().unwrap();
        sessions.end(first.session_id, later(2), UNTIL).await.unwrap();
        for issued_at in [NOW, later(10), later(30)] {
            assert_eq!(people.account_of(&at(&ada, issued_at), later(3)).await.unwrap(), None);
        }
        let second = people
            .account_of(&at(&ada, later(31)), later(32))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(second.session_id, first.session_id);
        assert_eq!(
            people.account_of(&ahead, later(33)).await.unwrap(),
            None,
            "{}",
            fresh.name
        );
    }
}

#[tokio::test]
async fn mapped_roles_come_and_go_with_the_tokens_and_others_stay() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let (people, users) = (people(&fresh.db), UserRepository::new(fresh.db.clone()));
        let says = |seconds: u64, roles: &[Role]| ExternalIdentity {
            roles: Some(roles.iter().copied().collect()),
            ..at(&somebody("ada"), later(seconds))
        };
        let has = async |identity: ExternalIdentity| -> Roles {
            people.account_of(&identity, later(1_000)).await.unwrap().unwrap().roles
        };
        let both: Roles = [Role::Learner, Role::Instructor].into_iter().collect();
        assert_eq!(has(says(0, &[Role::Instructor])).await, both);
        assert_eq!(has(says(10, &[])).await, Role::Learner.into());
        assert_eq!(has(says(20, &[Role::Instructor])).await, both);
        assert_eq!(has(says(10, &[])).await, both, "an older token changes nothing");
        assert_eq!(
            has(at(&somebody("ada"), later(30))).await,
            both,
            "nor does one of a time without a mapping"
        );

        // Neither does an older token against a newer one that changed nothing, and in one second the loss counts.
        let other = |seconds: u64, roles: &[Role]| ExternalIdentity {
            subject: "bob".to_owned(),
            ..says(seconds, roles)
        };
        assert_eq!(has(other(50, &[])).await, Role::Learner.into());
        assert_eq!(has(other(40, &[Role::Instructor])).await, Role::Learner.into());
        assert_eq!(has(other(60, &[Role::Instructor])).await, both);
        assert_eq!(has(other(80, &[Role::Instructor])).await, both);
        assert_eq!(has(other(70, &[])).await, both);
        assert_eq!(has(other(80, &[])).await, Role::Learner.into());
        assert_eq!(has(other(80, &[Role::Instructor])).await, Role::Learner.into());

        let id = people
            .user_of(&says(20, &[Role::Instructor]), later(1_000))
            .await
            .unwrap()
            .id;
        let admin: Roles = [Role::Learner, Role::Admin].into_iter().collect();
        users
            .set_roles(&Actor::machine(), id, &admin, later(40), UNTIL)
            .await
            .unwrap();
        assert_eq!(
            has(says(50, &[Role::Instructor])).await,
            admin,
            "what was taken away here stays away"
        );
        assert_eq!(has(says(60, &[])).await, admin, "what was given here stays");
    }
}

//! What other services ask about people, on both engines.

use contracts::questions::{Addressee, Directory as _};
use contracts::{Role, Timestamp, UserId};
use passwords::email::EmailAddress;
use std::time::Duration;
use testing::databases;
use user_management_service::models::accounts::user::NewUser;
use user_management_service::repositories::accounts::user_repository::UserRepository;
use user_management_service::{Directory, MIGRATIONS, NAME};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

async fn made(users: &UserRepository, email: &str, role: Role) -> UserId {
    let new = NewUser {
        id: UserId::generate(),
        email: Some(EmailAddress::parse(email).unwrap()),
        email_verified: false,
        name: format!("Name of {email}"),
        roles: role.into(),
        password_hash: Some("hash".to_owned()),
    };
    users.insert(&new, None, NOW).await.unwrap().id
}

#[tokio::test]
async fn addresses_are_answered_in_their_order_and_only_active_accounts_count() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let (users, directory) = (UserRepository::new(test.db.clone()), Directory::new(test.db.clone()));
        let ada = made(&users, "Ada@Example.org", Role::Learner).await;
        let eve = made(&users, "jörg@bücher.example", Role::Learner).await;
        let gone = made(&users, "gone@example.org", Role::Learner).await;
        users.deactivate(gone, NOW, NOW + Duration::from_secs(1)).await.unwrap();
        let asked = [
            "ada@EXAMPLE.org",
            "nobody@example.org",
            "nonsense",
            " jo\u{308}rg@bu\u{308}cher.example ",
            "gone@example.org",
            "ada@example.org\0",
            "ada@example.org",
        ];
        let asked: Vec<String> = asked.map(str::to_owned).to_vec();
        let expected = [
            Addressee::Person(ada),
            Addressee::NoAccount,
            Addressee::NoAddress,
            Addressee::Person(eve),
            Addressee::NoAccount,
            Addressee::NoAddress,
            Addressee::Person(ada),
        ];
        let before = test.db.statements();
        assert_eq!(directory.at_addresses(&asked).await.unwrap(), expected, "{}", test.name);
        assert_eq!(test.db.statements() - before, 1);
        assert_eq!(directory.at_addresses(&[]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn people_are_found_by_their_ids_with_names_roles_and_whether_they_are_active() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let (users, directory) = (UserRepository::new(test.db.clone()), Directory::new(test.db.clone()));
        let ada = made(&users, "ada@example.org", Role::Instructor).await;
        let gone = made(&users, "gone@example.org", Role::Learner).await;
        users.deactivate(gone, NOW, NOW + Duration::from_secs(1)).await.unwrap();
        let mut found = directory.people(&[gone, UserId::generate(), ada]).await.unwrap();
        found.sort_by_key(|person| person.id);
        assert_eq!(found.iter().map(|person| person.id).collect::<Vec<_>>(), [ada, gone]);
        assert_eq!(found[0].name, "Name of ada@example.org");
        assert!(found[0].roles.may_teach() && found[0].is_active && !found[1].is_active);
        assert_eq!(directory.people(&[]).await.unwrap(), []);
    }
}

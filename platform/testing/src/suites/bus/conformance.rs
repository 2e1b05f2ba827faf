//! The behaviour of every bus, for any adapter; each scenario gets two instances on one URL.

use super::instances::{Answer, Pair, events, outgoing, until};
use crate::sure;
use async_trait::async_trait;
use backing::bus::{After, Handler, Outgoing, Refused, dead_letters};
use backing::db::Tx;
use contracts::events::{CONTENT_TOPIC, USERS_TOPIC};
use contracts::{Event, EventId, UserId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

const GROUP: &str = "first";
const OTHER: &str = "second";

fn is_about(event: &Event, user: UserId) -> bool {
    event.subject == Uuid::from(user)
}

/// Two groups with two members each.
pub async fn each_group_handles_each_event_once_and_in_order_per_aggregate(pair: &Pair) {
    let mut members = Vec::new();
    for group in [GROUP, OTHER] {
        members.push(pair.one.join(group, "one", |_| Answer::Take).await);
        members.push(pair.two.join(group, "two", |_| Answer::Take).await);
    }
    let users: Vec<UserId> = (0..5).map(|_| UserId::generate()).collect();
    let mut all: Vec<Event> = users.iter().flat_map(|user| events(*user, 20)).collect();
    all.sort_by_key(|event| event.sequence);
    for (n, batch) in all.chunks(7).enumerate() {
        let publisher = if n % 2 == 0 { &pair.one } else { &pair.two };
        publisher.publish(batch).await;
    }
    for group in [GROUP, OTHER] {
        pair.one.idle(group).await;
        assert_eq!(pair.one.effects(group).await.len(), 100, "{}", pair.name);
        for user in &users {
            let numbers = pair.one.sequences(group, *user).await;
            assert!(numbers.into_iter().eq(1..=20), "{}: out of order", pair.name);
        }
    }
    for member in members {
        member.leave().await;
    }
}

/// Nothing is lost while nobody works.
pub async fn events_wait_for_a_group_whose_members_are_away(pair: &Pair) {
    let user = UserId::generate();
    pair.one.subscribe(GROUP).await;
    pair.one.publish(&events(user, 3)).await;
    assert!(pair.one.effects(GROUP).await.is_empty(), "{}", pair.name);
    assert_eq!(sure(pair.one.bus.lag().await)[0].events, 3, "{}", pair.name);
    let _member = pair.two.join(GROUP, "two", |_| Answer::Take).await;
    pair.two.idle(GROUP).await;
    assert_eq!(pair.two.sequences(GROUP, user).await, [1, 2, 3], "{}", pair.name);
}

/// An orderly end in the middle of the work.
pub async fn a_member_that_leaves_hands_over_its_events(pair: &Pair) {
    let leaving = pair
        .one
        .join(GROUP, "one", |_| Answer::TakeAfter(Duration::from_millis(10)))
        .await;
    let user = UserId::generate();
    pair.one.publish(&events(user, 30)).await;
    until("the first member is at work", async || {
        !pair.one.effects(GROUP).await.is_empty()
    })
    .await;
    leaving.leave().await;
    let before = pair.one.effects(GROUP).await.len();
    assert!(before < 30, "{}: it left too late", pair.name);
    let _staying = pair.two.join(GROUP, "two", |_| Answer::Take).await;
    pair.two.idle(GROUP).await;
    let effects = pair.two.effects(GROUP).await;
    let by_two = effects.iter().filter(|(member, ..)| member == "two").count();
    assert_eq!((effects.len(), by_two), (30, 30 - before), "{}", pair.name);
    let numbers = pair.two.sequences(GROUP, user).await;
    assert!(numbers.into_iter().eq(1..=30), "{}: out of order", pair.name);
}

/// A sudden end in the middle of an event.
pub async fn a_member_that_vanishes_during_an_event_releases_it(pair: &Pair) {
    let begun = Arc::new(Notify::new());
    let begin = Arc::clone(&begun);
    let vanishing = pair
        .one
        .join(GROUP, "one", move |event| match event.sequence {
            2 => {
                begin.notify_one();
                Answer::Hang
            }
            _ => Answer::Take,
        })
        .await;
    let user = UserId::generate();
    pair.one.publish(&events(user, 3)).await;
    begun.notified().await;
    drop(vanishing);
    let _staying = pair.two.join(GROUP, "two", |_| Answer::Take).await;
    pair.two.idle(GROUP).await;
    let effects = pair.two.effects(GROUP).await;
    let members: Vec<&str> = effects.iter().map(|(member, ..)| member.as_str()).collect();
    assert_eq!(members, ["one", "two", "two"], "{}", pair.name);
    assert_eq!(pair.two.sequences(GROUP, user).await, [1, 2, 3], "{}", pair.name);
}

/// `Refused::Never`.
pub async fn a_permanently_refused_event_becomes_a_dead_letter_at_once(pair: &Pair) {
    let (user, other) = (UserId::generate(), UserId::generate());
    let _member = pair
        .one
        .join(GROUP, "one", move |event| {
            if is_about(event, user) && event.sequence == 2 {
                Answer::Refuse(Refused::Never("poison", "can't be".to_owned()))
            } else {
                Answer::Take
            }
        })
        .await;
    let poisoned = events(user, 3);
    pair.one.publish(&poisoned).await;
    pair.one.publish(&events(other, 2)).await;
    pair.one.idle(GROUP).await;
    assert_eq!(pair.one.sequences(GROUP, user).await, [1, 3], "{}", pair.name);
    assert_eq!(pair.one.sequences(GROUP, other).await, [1, 2], "{}", pair.name);
    let letters = sure(dead_letters::list(&pair.two.db).await);
    assert_eq!(letters.len(), 1, "{}", pair.name);
    let letter = &letters[0];
    assert_eq!(
        (letter.consumer.as_str(), letter.event_id, letter.subject),
        (GROUP, poisoned[1].id, Uuid::from(user))
    );
    assert_eq!(
        (letter.code.as_str(), letter.reason.as_str(), letter.attempts),
        ("poison", "can't be", 1)
    );
    assert_eq!(letter.event, outgoing(&poisoned[1]).bytes, "{}", pair.name);
    // a repetition does not bring it back
    pair.one.publish(&poisoned).await;
    pair.one.idle(GROUP).await;
    assert_eq!(pair.one.sequences(GROUP, user).await, [1, 3], "{}", pair.name);
    assert_eq!(sure(dead_letters::list(&pair.one.db).await).len(), 1);
}

/// `Refused::Later`, again and again.
pub async fn an_event_that_is_postponed_too_often_becomes_a_dead_letter(pair: &Pair) {
    let (user, tries) = (UserId::generate(), Arc::new(Mutex::new(0)));
    let tried = Arc::clone(&tries);
    let _member = pair
        .one
        .join(GROUP, "one", move |event| {
            if is_about(event, user) && event.sequence == 1 {
                *sure(tried.lock()) += 1;
                return Answer::Refuse(Refused::Later("not yet".to_owned()));
            }
            Answer::Take
        })
        .await;
    pair.one.publish(&events(user, 2)).await;
    let others = events(UserId::generate(), 200);
    let mut others = others.iter();
    loop {
        let before = *sure(tries.lock());
        // another aggregate continues, which shows that the refused one had its turn
        let Some(other) = others.next() else {
            unreachable!("never a dead letter")
        };
        pair.one.publish(std::slice::from_ref(other)).await;
        until("others continue", async || {
            pair.one.effects(GROUP).await.iter().any(|(_, id, ..)| *id == other.id)
        })
        .await;
        let handled = pair.one.sequences(GROUP, user).await;
        if !sure(dead_letters::list(&pair.one.db).await).is_empty() {
            break;
        }
        assert!(handled.is_empty(), "{}: overtaken", pair.name);
        assert!(before < 17, "{}: never a dead letter", pair.name);
        pair.clock.advance(Duration::from_secs(61));
    }
    pair.one.idle(GROUP).await;
    assert_eq!(*sure(tries.lock()), 16, "{}", pair.name);
    let letter = sure(dead_letters::list(&pair.one.db).await).remove(0);
    assert_eq!(
        (letter.code.as_str(), letter.reason.as_str(), letter.attempts),
        ("tried_too_often", "not yet", 16)
    );
    assert_eq!(pair.one.sequences(GROUP, user).await, [2], "{}", pair.name);
}

/// A refusal and a panic roll back.
pub async fn a_refused_event_leaves_nothing_behind(pair: &Pair) {
    let well = Arc::new(AtomicBool::new(false));
    let now_well = Arc::clone(&well);
    let panicking = UserId::generate();
    let _member = pair
        .one
        .join(GROUP, "one", move |event| {
            if now_well.load(Ordering::SeqCst) {
                Answer::Take
            } else if is_about(event, panicking) {
                Answer::Panic
            } else {
                Answer::Refuse(Refused::Later("not yet".to_owned()))
            }
        })
        .await;
    let refused = UserId::generate();
    for user in [panicking, refused] {
        pair.one.publish(&events(user, 1)).await;
    }
    until("both are postponed", async || {
        let sql = "SELECT COUNT(*) FROM deliveries WHERE attempt > 0";
        let count: Option<(i64,)> = sure(pair.one.db.read().one(sql, Vec::new()).await);
        count == Some((2,))
    })
    .await;
    assert!(pair.one.effects(GROUP).await.is_empty(), "{}", pair.name);
    well.store(true, Ordering::SeqCst);
    pair.clock.advance(Duration::from_secs(61));
    pair.one.idle(GROUP).await;
    for user in [panicking, refused] {
        assert_eq!(pair.one.sequences(GROUP, user).await, [1], "{}", pair.name);
    }
}

/// Nobody else takes an event meanwhile.
pub async fn a_slow_handler_keeps_its_event(pair: &Pair) {
    let slow = UserId::generate();
    let answer = move |event: &Event| {
        if is_about(event, slow) {
            Answer::TakeAfter(Duration::from_millis(1_500))
        } else {
            Answer::Take
        }
    };
    let _one = pair.one.join(GROUP, "one", answer).await;
    let _two = pair.two.join(GROUP, "two", answer).await;
    pair.one.publish(&events(slow, 2)).await;
    let quick = UserId::generate();
    pair.two.publish(&events(quick, 2)).await;
    pair.one.idle(GROUP).await;
    assert_eq!(pair.one.sequences(GROUP, slow).await, [1, 2], "{}", pair.name);
    assert_eq!(pair.one.sequences(GROUP, quick).await, [1, 2], "{}", pair.name);
    assert!(sure(dead_letters::list(&pair.one.db).await).is_empty());
}

/// A kind of a newer version.
pub async fn an_unknown_kind_is_skipped(pair: &Pair) {
    let _member = pair.one.join(GROUP, "one", |_| Answer::Take).await;
    let user = UserId::generate();
    let all = events(user, 3);
    let mut batch: Vec<Outgoing> = all.iter().map(outgoing).collect();
    let json = sure(String::from_utf8(batch[1].bytes.to_vec()));
    batch[1].bytes = json.replace("user.deactivated", "user.promoted").into();
    sure(pair.one.bus.publish(USERS_TOPIC, &batch).await);
    pair.one.idle(GROUP).await;
    assert_eq!(pair.one.sequences(GROUP, user).await, [1, 3], "{}", pair.name);
    assert!(sure(dead_letters::list(&pair.one.db).await).is_empty());
}

/// Garbage.
pub async fn bytes_that_are_no_event_become_a_dead_letter(pair: &Pair) {
    let _member = pair.one.join(GROUP, "one", |_| Answer::Take).await;
    let garbage = Outgoing {
        key: UserId::generate().into(),
        id: EventId::generate(),
        bytes: vec![0, 159, 146, 150].into(),
    };
    sure(pair.one.bus.publish(USERS_TOPIC, &[garbage]).await);
    pair.one.idle(GROUP).await;
    let letter = sure(dead_letters::list(&pair.one.db).await).remove(0);
    assert_eq!(
        (letter.code.as_str(), letter.event),
        ("unreadable", vec![0, 159, 146, 150])
    );
}

/// Repetitions, by either instance, before and after the effect.
pub async fn an_event_published_again_has_no_further_effect(pair: &Pair) {
    let user = UserId::generate();
    let all = events(user, 3);
    for instance in [&pair.one, &pair.two] {
        instance.subscribe(GROUP).await;
        instance.publish(&all).await;
    }
    let _member = pair.two.join(GROUP, "two", |_| Answer::Take).await;
    pair.two.idle(GROUP).await;
    for instance in [&pair.one, &pair.two] {
        instance.publish(&all[1..]).await;
        instance.idle(GROUP).await;
    }
    assert_eq!(pair.one.sequences(GROUP, user).await, [1, 2, 3], "{}", pair.name);
}

/// A dead letter, twice.
pub async fn a_replayed_dead_letter_has_its_effect_once(pair: &Pair) {
    let well = Arc::new(AtomicBool::new(false));
    let now_well = Arc::clone(&well);
    let _member = pair
        .one
        .join(GROUP, "one", move |_| {
            if now_well.load(Ordering::SeqCst) {
                Answer::Take
            } else {
                Answer::Refuse(Refused::Never("poison", String::new()))
            }
        })
        .await;
    let user = UserId::generate();
    pair.one.publish(&events(user, 2)).await;
    pair.one.idle(GROUP).await;
    let letters = sure(dead_letters::list(&pair.two.db).await);
    assert_eq!(letters.len(), 2, "{}", pair.name);
    let now = pair.clock.now();
    // still poison: it becomes a dead letter again
    assert!(sure(dead_letters::replay(&pair.two.db, &letters[0], now).await));
    pair.one.idle(GROUP).await;
    assert_eq!(sure(dead_letters::list(&pair.two.db).await).len(), 2, "{}", pair.name);
    well.store(true, Ordering::SeqCst);
    for letter in &letters {
        assert!(sure(dead_letters::replay(&pair.two.db, letter, now).await));
        assert!(!sure(dead_letters::replay(&pair.two.db, letter, now).await));
    }
    pair.one.idle(GROUP).await;
    assert!(sure(dead_letters::list(&pair.two.db).await).is_empty());
    let mut numbers = pair.one.sequences(GROUP, user).await;
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2], "{}", pair.name);
}

/// `After`.
pub async fn effects_in_memory_follow_the_commit(pair: &Pair) {
    struct Following(Arc<Mutex<Vec<i64>>>);
    #[async_trait]
    impl Handler for Following {
        async fn apply(&self, _: &mut Tx, event: &Event) -> Result<After, Refused> {
            let (seen, sequence) = (Arc::clone(&self.0), event.sequence);
            let both = [sequence * 10, sequence * 10 + 1].map(|n| {
                let seen = Arc::clone(&seen);
                After::then(move || sure(seen.lock()).push(n))
            });
            let [first, second] = both;
            Ok(first.and(second))
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let _member = pair.one.join_with(GROUP, Arc::new(Following(Arc::clone(&seen)))).await;
    let all = events(UserId::generate(), 2);
    pair.one.publish(&all).await;
    pair.one.idle(GROUP).await;
    assert_eq!(*sure(seen.lock()), [10, 11, 20, 21], "{}", pair.name);
    pair.one.publish(&all).await;
    pair.one.idle(GROUP).await;
    assert_eq!(sure(seen.lock()).len(), 4, "{}: a repetition", pair.name);
}

/// Several listeners in one process, and one of another topic.
pub async fn a_broadcast_reaches_every_listener_of_its_topic(pair: &Pair) {
    let users = pair.one.listen(USERS_TOPIC).await;
    let again = pair.one.listen(USERS_TOPIC).await;
    let content = pair.one.listen(CONTENT_TOPIC).await;
    let mut listeners = [users.events.listen(), users.events.listen(), again.events.listen()];
    let mut elsewhere = content.events.listen();
    let all = events(UserId::generate(), 5);
    pair.one.publish(&all).await;
    for listener in &mut listeners {
        for event in &all {
            let heard = tokio::time::timeout(Duration::from_secs(60), listener.recv()).await;
            assert_eq!(sure(sure(heard)), *event, "{}", pair.name);
        }
    }
    assert!(elsewhere.try_recv().is_err(), "{}: another topic's event", pair.name);
    for listening in [users, again, content] {
        listening.member.leave().await;
    }
}

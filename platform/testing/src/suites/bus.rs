//! The conformance suite of buses: scenarios with two instances on one URL.
//!
//! [`bus_conforms!`](crate::bus_conforms) makes a test of each scenario.

pub mod conformance;
mod instances;
mod load;

pub use instances::{Answer, Instance, Listening, MIGRATIONS, Member, Pair, Recorder, events, outgoing, pairs, until};
pub use load::{Load, effects, waiting};

/// Makes a test of each scenario of the suite; the expression opens two instances on one URL, where no other events are.
#[macro_export]
macro_rules! bus_conforms {
    ($buses:expr) => {
        $crate::bus_conforms! { $buses =>
            each_group_handles_each_event_once_and_in_order_per_aggregate,
            events_wait_for_a_group_whose_members_are_away,
            a_member_that_leaves_hands_over_its_events,
            a_member_that_vanishes_during_an_event_releases_it,
            a_permanently_refused_event_becomes_a_dead_letter_at_once,
            an_event_that_is_postponed_too_often_becomes_a_dead_letter,
            a_refused_event_leaves_nothing_behind,
            a_slow_handler_keeps_its_event,
            an_unknown_kind_is_skipped,
            bytes_that_are_no_event_become_a_dead_letter,
            an_event_published_again_has_no_further_effect,
            a_replayed_dead_letter_has_its_effect_once,
            effects_in_memory_follow_the_commit,
            a_broadcast_reaches_every_listener_of_its_topic,
        }
    };
    ($buses:expr => $($scenario:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $scenario() {
            for pair in $crate::suites::bus::pairs(|| $buses).await {
                Box::pin($crate::suites::bus::conformance::$scenario(&pair)).await;
            }
        }
    )*};
}

//! The embedded bus passes the bus suite on each engine, and survives kills.

mod conformance;
mod instances;
mod killed;

use backing::bus::EmbeddedBus;
use instances::pairs;
use std::sync::Arc;

macro_rules! conforms {
    ($($scenario:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $scenario() {
            for pair in pairs(|| Arc::new(EmbeddedBus::new())).await {
                Box::pin(conformance::$scenario(&pair)).await;
            }
        }
    )*};
}

conforms! {
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

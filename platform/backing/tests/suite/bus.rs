//! The embedded bus passes the suite of every bus, on each engine, and survives being killed.

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
    a_member_that_leaves_hands_its_events_over,
    a_member_that_vanishes_in_the_middle_of_an_event_gives_it_back,
    an_event_that_is_refused_for_ever_is_given_up_at_once,
    an_event_that_is_put_off_too_often_is_given_up,
    a_refused_event_leaves_nothing_behind,
    a_slow_handler_keeps_its_event,
    an_unknown_kind_is_passed_by,
    bytes_that_are_no_event_are_given_up,
    an_event_that_is_published_again_has_no_further_effect,
    a_dead_letter_that_is_replayed_has_its_effect_once,
    what_follows_an_effect_happens_after_its_commit,
    a_broadcast_reaches_every_listener_of_its_topic,
}

//! From each error to status and stable code.

use crate::metric;
use crate::rooms::RoomError;
use crate::sessions::OpenError;
use backing::DbError;
use contracts::questions::Unanswered;
use contracts::questions::live::Refused;
use http::StatusCode as S;
use http::header::WWW_AUTHENTICATE;
use live::webrtc::OfferError;
use runtime::Problem;

/// The reply to somebody who may not publish or watch.
pub(crate) fn refused(why: Refused) -> Problem {
    let problem = |status, code| problem(status, code, why.to_string());
    match why {
        Refused::Unauthenticated => {
            problem(S::UNAUTHORIZED, "unauthenticated").header(WWW_AUTHENTICATE, "Bearer realm=\"moocflix\"")
        }
        Refused::NotFound => problem(S::NOT_FOUND, "video_not_found"),
        Refused::NotEntitled => problem(S::FORBIDDEN, "not_entitled"),
        Refused::Deleted => problem(S::GONE, "video_deleted"),
        Refused::Ended => problem(S::CONFLICT, "live_ended"),
        Refused::NotLive => problem(S::CONFLICT, "not_live").retry_after(2),
        Refused::TooManySessions => problem(S::TOO_MANY_REQUESTS, "too_many_sessions"),
        Refused::Crowded => problem(S::TOO_MANY_REQUESTS, "too_many_sessions").retry_after(10),
        Refused::QuotaExceeded => problem(S::FORBIDDEN, "quota_exceeded"),
        Refused::StorageFull => problem(S::INSUFFICIENT_STORAGE, "storage_full"),
        Refused::Full => problem(S::SERVICE_UNAVAILABLE, "webrtc_full").retry_after(30),
    }
}

/// The reply where the door does not answer.
pub(crate) fn unanswered(error: &Unanswered) -> Problem {
    tracing::warn!(%error, "a request about a live lecture has to be repeated");
    let detail = "something that this needs does not answer; try again";
    problem(S::SERVICE_UNAVAILABLE, "unavailable", detail.to_owned()).retry_after(1)
}

/// The reply to a ticket that is no good.
pub(crate) fn ticket_refused() -> Problem {
    let detail = "the ticket was used, has run out, or is for something else; ask again where you got it";
    problem(S::UNAUTHORIZED, "ticket_refused", detail.to_owned())
}

/// The reply where the node of a lecture can't be looked up.
pub(crate) fn lost(error: &DbError) -> Problem {
    tracing::error!(%error, "the node of a lecture could not be looked up");
    Problem::internal()
}

/// The reply where no session is opened.
pub(crate) fn not_opened(error: &OpenError) -> Problem {
    let problem = |status, code| problem(status, code, error.to_string());
    match error {
        OpenError::NotReady => problem(S::SERVICE_UNAVAILABLE, "unavailable").retry_after(1),
        OpenError::Full => refused(Refused::Full),
        OpenError::NotLive => problem(S::CONFLICT, "not_live").retry_after(2),
        OpenError::Offer(OfferError::Malformed(_)) => problem(S::BAD_REQUEST, "malformed_sdp"),
        OpenError::Offer(OfferError::Unacceptable(_)) => problem(S::UNPROCESSABLE_ENTITY, "unsupported_offer"),
        OpenError::Room(RoomError::Ended) => problem(S::CONFLICT, "live_ended"),
        OpenError::Room(RoomError::Database(error)) => {
            tracing::error!(%error, "a lecture could not be begun");
            Problem::internal()
        }
    }
}

fn problem(status: S, code: &'static str, detail: String) -> Problem {
    metrics::counter!(metric::REFUSED, "code" => code).increment(1);
    Problem::new(status, code, detail)
}

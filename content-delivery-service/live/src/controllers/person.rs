//! A person, as the door knows them.

use contracts::questions::live::Bearer;
use runtime::Caller;

pub(crate) fn person(caller: Caller) -> Bearer {
    Bearer {
        user: caller.user_id,
        session: caller.session_id,
        roles: caller.roles,
        version: caller.version,
    }
}

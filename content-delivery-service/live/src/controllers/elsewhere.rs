//! Lectures that another node holds: clients are sent there with a ticket, and come here with one.

use super::errors;
use super::state::Api;
use crate::metric;
use crate::nodes::{Nodes, Pass};
use contracts::VideoId;
use runtime::Problem;
use url::Url;

/// Where a client goes on if another node holds the lecture.
pub(crate) async fn way(api: &Api, video: VideoId, pass: Pass) -> Result<Option<Url>, Problem> {
    let Some(nodes) = &api.nodes else {
        return Ok(None);
    };
    let found = nodes.holder(video).await;
    let Some(node) = found.map_err(|error| errors::lost(&error))? else {
        return Ok(None);
    };
    let (end, kind) = match pass {
        Pass::Publish(..) => ("whip", "publisher"),
        Pass::Watch(_) => ("whep", "viewer"),
    };
    let url = nodes.way(&node, (video, end), pass).ok_or_else(Problem::internal)?;
    metrics::counter!(metric::SENT_ELSEWHERE, "kind" => kind).increment(1);
    Ok(Some(url))
}

/// What the ticket of a client allows that another node has sent here.
pub(crate) fn redeem(api: &Api, ticket: &str) -> Result<Pass, Problem> {
    let pass = api.nodes.as_ref().and_then(|nodes| nodes.redeem(ticket));
    pass.ok_or_else(errors::ticket_refused)
}

/// The address of a session. Where the server has an address of its own, it is named, since what a gateway leads to may be
/// another node.
pub(crate) fn location(api: &Api, path: &str, by_ticket: bool) -> String {
    let here = api.nodes.as_ref().filter(|_| by_ticket).map(Nodes::address);
    let own = api.address.as_deref().or(here).unwrap_or_default();
    format!("{own}{path}")
}

//! Recordings of live lectures: what they lack is planned, their segments are joined, and encoders read them.

mod join_job;
mod plan_job;
mod source;

pub(crate) use join_job::JoinJob;
pub(crate) use plan_job::PlanJob;
pub(crate) use source::Recordings;

//! The promises of MoocFlix, one file for each, tested on the real binary as its users use it.

mod clients;
mod command_line;
mod contract;
mod course_rights;
mod course_watch;
mod deleted;
mod frames;
mod full_disk;
mod killed;
mod memory;
mod metrics;
mod names;
mod policies;
mod postgres;
mod process;
mod siege_media;
mod siege_memory;
mod siege_sign_ins;
mod siege_uploads;
mod slow;
mod strangers;
mod transcoding;
mod version_before;
mod watch;
mod wrong_input;

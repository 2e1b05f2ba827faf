//! Tests of the binary as operators and programs use it: processes, signals, files, sockets, and ffmpeg under its guard.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod byte_ranges;
#[cfg(test)]
mod codecs;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod folders;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod references;
#[cfg(test)]
mod server;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod survey;

//! The binary as operators and programs see it: processes, signals, files, sockets.

mod accounts;
mod configuration;
mod documents;
mod folders;
mod server;
mod serving;
mod shutdown;

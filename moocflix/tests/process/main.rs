//! The binary as operators and programs see it: processes, signals, files, sockets.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod folders;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod server;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod shutdown;

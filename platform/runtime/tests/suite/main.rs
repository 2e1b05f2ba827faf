//! The runtime as a client sees it, over sockets, and as an operator configures it.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod config;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod fast_path;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod live_files;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tokens;

//! The runtime as a client sees it: over sockets.

mod bodies;
mod connections;
mod problems;
mod routes;
mod shutdown;
mod site;
mod tokens;

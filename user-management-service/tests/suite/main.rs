//! Every route over HTTP, on a real server with a real database, and every repository method on both engines.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod admins;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod cookies;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod refreshing;
#[cfg(test)]
mod repositories;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sessions;

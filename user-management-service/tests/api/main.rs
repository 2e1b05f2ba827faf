//! The service's door: every route over HTTP, on a real server with a real database.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod admins;
#[cfg(test)]
mod cookies;
#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod refreshing;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sessions;

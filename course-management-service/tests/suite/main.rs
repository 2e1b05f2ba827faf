//! Every route over HTTP on both engines, and every repository method.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod courses;
#[cfg(test)]
mod enrolments;
#[cfg(test)]
mod events;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lectures;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod live;
#[cfg(test)]
mod members;
#[cfg(test)]
mod outline;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod repositories;
#[cfg(test)]
mod server;
#[cfg(test)]
mod world;

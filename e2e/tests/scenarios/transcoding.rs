//! Lectures that need encoding become a ladder, piece by piece, whatever happens on the way.

mod budgets;
mod caged;
mod crowd;
mod faults;
mod forms;
mod killed;
mod tall;
mod workers;

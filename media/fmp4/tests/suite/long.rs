//! Three hours.

//! The sources that can't be cut as they are, each recognised for what it is.

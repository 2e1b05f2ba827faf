//! (first version: signatures alone)

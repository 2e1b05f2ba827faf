//! Takes tasks about stored sources and makes them playable.

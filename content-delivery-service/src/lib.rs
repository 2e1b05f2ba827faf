//! Takes lectures in, makes them playable and streams them to those who may watch.

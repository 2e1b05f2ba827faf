//! What the services agree on: ids, object keys, events and the questions they ask each other.

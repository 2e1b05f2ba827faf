//! The one binary: MoocFlix roles and commands.

fn main() {}

//! A program that is only the guard, like the command `moocflix encoder-child`.

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
enum Program {
    EncoderChild(sandbox::GuardArgs),
}

fn main() -> ExitCode {
    match Program::parse() {
        Program::EncoderChild(args) => sandbox::stand_guard(&args),
    }
}

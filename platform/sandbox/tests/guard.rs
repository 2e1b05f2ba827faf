//! A program that is only the guard, like the command `moocflix encoder-child`.

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
enum Program {
    EncoderChild(sandbox::GuardArgs),
}

fn main() -> ExitCode {
    let Program::EncoderChild(args) = Program::parse();
    sandbox::stand_guard(&args)
}

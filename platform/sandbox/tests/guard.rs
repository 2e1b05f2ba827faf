//! A program that is nothing but the guard, as `moocflix encoder-child` is one of MoocFlix's commands.

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

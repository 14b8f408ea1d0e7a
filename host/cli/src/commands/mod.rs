//! One file for each command.

mod bench_infer;
mod bitstream;
mod compile;
mod completions;
mod cuckoo;
mod demo;
mod devices;
mod doctor;
mod explore;
mod firmware;
mod hierarchy;
mod infer;
mod man;
mod mine;
mod model;
mod model_build;
mod plan;
mod selftest;
mod serve;
mod sim;
mod solve;
mod stick;
mod verify;
mod verilog;

use crate::arguments::{BenchCommand, Command};
use crate::context::Context;
use crate::failure::{Failure, Verdict};

pub use bench_infer::Workload;

/// Version of every JSON answer; it changes when a field changes its meaning or goes.
const JSON_SCHEMA_VERSION: u32 = 1;

/// Does what the command line asks.
pub fn run(command: &Command, context: &mut Context) -> Result<Verdict, Failure> {
    match command {
        Command::Demo(arguments) => demo::run(arguments, context),
        Command::Infer(arguments) => infer::run(arguments, context),
        Command::Sim(arguments) => sim::run(arguments, context),
        Command::Hierarchy(arguments) => hierarchy::run(arguments, context),
        Command::Model(arguments) => model::run(arguments, context),
        Command::Compile(arguments) => compile::run(arguments, context),
        Command::Bench(arguments) => match &arguments.command {
            BenchCommand::Infer(arguments) => bench_infer::run(arguments, context),
        },
        Command::Serve(arguments) => serve::run(arguments, context),
        Command::Verify(arguments) => verify::run(arguments, context),
        Command::Verilog(arguments) => verilog::run(arguments, context),
        Command::Solve(arguments) => solve::run(arguments, context),
        Command::Mine(arguments) => mine::run(arguments, context),
        Command::Cuckoo(command) => cuckoo::run(command, context),
        Command::Plan(command) => plan::run(command, context),
        Command::Explore(arguments) => explore::run(arguments, context),
        Command::Devices(arguments) => devices::run(arguments, context),
        Command::Stick(arguments) => stick::run(arguments, context),
        Command::Bitstream(command) => bitstream::run(command, context),
        Command::Flash(arguments) => bitstream::run_flash(arguments, context),
        Command::Firmware(arguments) => firmware::run(arguments, context),
        Command::Doctor(arguments) => doctor::run(arguments, context),
        Command::Selftest(arguments) => selftest::run(arguments, context),
        Command::Completions(arguments) => completions::run(arguments, context),
        Command::Man(arguments) => man::run(arguments, context),
    }
}

//! Arguments of the commands that look after devices.

use clap::Args;
use myelin_driver::Selector;

/// Arguments of `myelin devices`.
#[derive(Args, Debug)]
pub struct DevicesArguments {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin doctor`.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin selftest`.
#[derive(Args, Debug)]
pub struct SelftestArguments {
    /// What to test; `myelin devices` lists what there is.
    #[arg(long, value_name = "SELECTOR", default_value = "cpu")]
    pub device: Selector,
    /// Pictures to recognise, 1 to 899.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=899))]
    pub pictures: u16,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

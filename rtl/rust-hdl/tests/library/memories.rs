//! RAMs and ROMs.

use super::*;

pub(super) fn widgets() -> Vec<(&'static str, Run)> {
    vec![
        (
            "RAM<Bits<8>, 4>",
            run(|| {
                bench!(
                    RAM<Bits<8>, 4>,
                    RAM::default(),
                    clocks(read_clock, write_clock),
                    inputs(read_address, write_address, write_data, write_enable),
                    outputs(read_data)
                )
            }),
        ),
        (
            "RAM<Bits<8>, 4> in one clock",
            run(|| {
                bench!(
                    OneClockRam,
                    OneClockRam::new(words(37)),
                    clocks(clock),
                    inputs(read_address, write_address, write_data, write_enable),
                    outputs(read_data)
                )
            }),
        ),
        (
            "RAM<Signed<12>, 3> in one clock",
            run(|| {
                bench!(
                    OneClockSignedRam,
                    OneClockSignedRam::default(),
                    clocks(clock),
                    inputs(read_address, write_address, write_data, write_enable),
                    outputs(read_data)
                )
            }),
        ),
        (
            "ROM<Bits<8>, 4>",
            run(|| bench!(ROM<Bits<8>, 4>, ROM::from(words(29)), clocks(), inputs(address), outputs(data))),
        ),
        (
            "SyncROM<Bits<16>, 4>",
            run(|| {
                bench!(SyncROM<Bits<16>, 4>, SyncROM::from(words(4099)), clocks(clock), inputs(address), outputs(data))
            }),
        ),
    ]
}

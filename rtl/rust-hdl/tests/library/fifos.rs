//! FIFOs of one clock, and their halves.

use super::*;

pub(super) fn widgets() -> Vec<(&'static str, Run)> {
    vec![
        (
            "SynchronousFIFO<Bits<8>, 4, 5, 1>",
            run(|| {
                bench!(
                    SynchronousFIFO<Bits<8>, 4, 5, 1>,
                    SynchronousFIFO::default(),
                    clocks(clock),
                    inputs(read, write, data_in),
                    outputs(data_out, empty, almost_empty, underflow, full, almost_full, overflow)
                )
            }),
        ),
        (
            "SynchronousFIFO<Signed<20>, 3, 4, 4>",
            run(|| {
                bench!(
                    SynchronousFIFO<Signed<20>, 3, 4, 4>,
                    SynchronousFIFO::default(),
                    clocks(clock),
                    inputs(read, write, data_in),
                    outputs(data_out, empty, almost_empty, underflow, full, almost_full, overflow)
                )
            }),
        ),
        (
            "FIFOReadLogic<Bits<8>, 4, 5, 2>",
            run(|| {
                bench!(
                    FIFOReadLogic<Bits<8>, 4, 5, 2>,
                    FIFOReadLogic::default(),
                    clocks(clock),
                    inputs(read, write_address_delayed, ram_read_data),
                    outputs(data_out, empty, almost_empty, underflow, ram_read_address, read_address_out, fill_level)
                )
            }),
        ),
        (
            "FIFOWriteLogic<Bits<8>, 4, 5, 2>",
            run(|| {
                bench!(
                    FIFOWriteLogic<Bits<8>, 4, 5, 2>,
                    FIFOWriteLogic::default(),
                    clocks(clock),
                    inputs(write, data_in, read_address),
                    outputs(
                        full,
                        almost_full,
                        overflow,
                        ram_write_address,
                        ram_write_data,
                        ram_write_enable,
                        write_address_delayed,
                        fill_level
                    )
                )
            }),
        ),
        (
            "RegisterFIFO<Bits<16>>",
            run(|| {
                bench!(
                    RegisterFIFO<Bits<16>>,
                    RegisterFIFO::default(),
                    clocks(clock),
                    inputs(data_in, write, read),
                    outputs(data_out, full, empty)
                )
            }),
        ),
        (
            "FIFOReducer<8, 4, false>",
            run(|| {
                bench!(FIFOReducer<8, 4, false>, FIFOReducer::default(), clocks(clock),
                inputs(data_in, empty, full), outputs(read, data_out, write))
            }),
        ),
        (
            "FIFOReducer<8, 4, true>",
            run(|| {
                bench!(FIFOReducer<8, 4, true>, FIFOReducer::default(), clocks(clock),
                inputs(data_in, empty, full), outputs(read, data_out, write))
            }),
        ),
        (
            "FIFOReducerN<32, 4> (most significant first)",
            run(|| {
                bench!(FIFOReducerN<32, 4>, FIFOReducerN::new(WordOrder::MostSignificantFirst), clocks(clock),
                inputs(data_in, empty, full), outputs(read, data_out, write))
            }),
        ),
        (
            "FIFOReducerN<64, 16> (least significant first)",
            run(|| {
                bench!(FIFOReducerN<64, 16>, FIFOReducerN::new(WordOrder::LeastSignificantFirst), clocks(clock),
                inputs(data_in, empty, full), outputs(read, data_out, write))
            }),
        ),
        (
            "FIFOExpanderN<4, 32> (most significant first)",
            run(|| {
                bench!(FIFOExpanderN<4, 32>, FIFOExpanderN::new(WordOrder::MostSignificantFirst), clocks(clock),
                inputs(data_in, empty, full), outputs(read, data_out, write))
            }),
        ),
        (
            "FIFOExpanderN<16, 64> (least significant first)",
            run(|| {
                bench!(FIFOExpanderN<16, 64>, FIFOExpanderN::new(WordOrder::LeastSignificantFirst), clocks(clock),
                inputs(data_in, empty, full), outputs(read, data_out, write))
            }),
        ),
        (
            "FIFOExpanderN<32, 128>",
            run(|| {
                bench!(FIFOExpanderN<32, 128>, FIFOExpanderN::new(WordOrder::MostSignificantFirst), clocks(clock),
                inputs(data_in, empty, full), outputs(read, write))
            }),
        ),
    ]
}

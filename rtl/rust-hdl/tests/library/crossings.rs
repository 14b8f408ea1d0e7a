//! What crosses clocks.

use super::*;

pub(super) fn widgets() -> Vec<(&'static str, Run)> {
    vec![
        (
            "SyncSender<Bits<8>>",
            run(|| {
                bench!(
                    SyncSender<Bits<8>>,
                    SyncSender::default(),
                    clocks(clock),
                    inputs(sig_in, ack_in, send),
                    outputs(sig_cross, flag_out, busy)
                )
            }),
        ),
        (
            "SyncReceiver<Bits<8>>",
            run(|| {
                bench!(
                    SyncReceiver<Bits<8>>,
                    SyncReceiver::default(),
                    clocks(clock),
                    inputs(sig_cross, flag_in),
                    outputs(sig_out, ack_out, update)
                )
            }),
        ),
        (
            "VectorSynchronizer<Bits<8>>",
            run(|| {
                bench!(
                    VectorSynchronizer<Bits<8>>,
                    VectorSynchronizer::default(),
                    clocks(clock_in, clock_out),
                    inputs(sig_in, send),
                    outputs(busy, sig_out, update)
                )
            }),
        ),
        (
            "VectorSynchronizer<Bits<8>> in one clock",
            run(|| {
                bench!(
                    OneClockSynchronizer,
                    OneClockSynchronizer::default(),
                    clocks(clock),
                    inputs(sig_in, send),
                    outputs(busy, sig_out, update)
                )
            }),
        ),
        (
            "AsynchronousFIFO<Bits<8>, 4, 5, 1>",
            run(|| {
                bench!(
                    AsynchronousFIFO<Bits<8>, 4, 5, 1>,
                    AsynchronousFIFO::default(),
                    clocks(read_clock, write_clock),
                    inputs(read, write, data_in),
                    outputs(data_out, empty, full)
                )
            }),
        ),
        (
            "AsynchronousFIFO<Bits<8>, 4, 5, 1> in one clock",
            run(|| {
                bench!(
                    OneClockFifo,
                    OneClockFifo::default(),
                    clocks(clock),
                    inputs(read, write, data_in),
                    outputs(data_out, empty, full, overflow, underflow, read_fill, write_fill)
                )
            }),
        ),
        (
            "CrossWidenFIFO<8, 3, 4, 32, 3, 4>",
            run(|| {
                bench!(CrossWidenFIFO<8, 3, 4, 32, 3, 4>, CrossWidenFIFO::default(), clocks(read_clock, write_clock),
                inputs(data_in, write, read), outputs(data_out, empty, full))
            }),
        ),
        (
            "CrossWidenFIFO<8, 3, 4, 32, 3, 4> in one clock",
            run(|| {
                bench!(
                    OneClockWiden,
                    OneClockWiden::default(),
                    clocks(clock),
                    inputs(data_in, write, read),
                    outputs(data_out, empty, full)
                )
            }),
        ),
        (
            "CrossNarrowFIFO<32, 3, 4, 8, 3, 4> in one clock",
            run(|| {
                bench!(
                    OneClockNarrow,
                    OneClockNarrow::default(),
                    clocks(clock),
                    inputs(data_in, write, read),
                    outputs(data_out, empty, full)
                )
            }),
        ),
    ]
}

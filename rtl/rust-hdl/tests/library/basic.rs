//! Flip-flops, edges, shots, strobes and other small widgets.

use super::*;

pub(super) fn widgets() -> Vec<(&'static str, Run)> {
    vec![
        ("DFF<Bits<8>>", run(|| bench!(DFF<Bits<8>>, DFF::default(), clocks(clock), inputs(d), outputs(q)))),
        ("DFF<Signed<6>>", run(|| bench!(DFF<Signed<6>>, DFF::default(), clocks(clock), inputs(d), outputs(q)))),
        (
            "EdgeDFF<Bits<8>>",
            run(|| bench!(EdgeDFF<Bits<8>>, EdgeDFF::new(0xa5.into()), clocks(clk), inputs(d), outputs(q))),
        ),
        (
            "DFFWithInit<Bits<8>>",
            run(|| bench!(DFFWithInit<Bits<8>>, DFFWithInit::new(0x5a.into()), clocks(clock), inputs(d), outputs(q))),
        ),
        (
            "EdgeDetector (rising)",
            run(|| {
                bench!(EdgeDetector, EdgeDetector::new(true), clocks(clock), inputs(input_signal), outputs(edge_signal))
            }),
        ),
        (
            "EdgeDetector (falling)",
            run(|| {
                bench!(
                    EdgeDetector,
                    EdgeDetector::new(false),
                    clocks(clock),
                    inputs(input_signal),
                    outputs(edge_signal)
                )
            }),
        ),
        (
            "BitSynchronizer",
            run(|| {
                bench!(BitSynchronizer, BitSynchronizer::default(), clocks(clock), inputs(sig_in), outputs(sig_out))
            }),
        ),
        (
            "Shot<8>",
            run(|| {
                let shot = Shot::new(1000, Duration::from_millis(20));
                bench!(Shot<8>, shot, clocks(clock), inputs(trigger), outputs(active, fired))
            }),
        ),
        (
            "Strobe<8>",
            run(|| bench!(Strobe<8>, Strobe::new(1000, 100.0), clocks(clock), inputs(enable), outputs(strobe))),
        ),
        (
            "Pulser",
            run(|| {
                let pulser = Pulser::new(10_000, 500.0, Duration::from_millis(1));
                bench!(Pulser, pulser, clocks(clock), inputs(enable), outputs(pulse))
            }),
        ),
        (
            "PulseWidthModulator<6>",
            run(|| {
                let pwm = PulseWidthModulator::default();
                bench!(PulseWidthModulator<6>, pwm, clocks(clock), inputs(enable, threshold), outputs(active))
            }),
        ),
        ("AutoReset", run(|| bench!(AutoReset, AutoReset::default(), clocks(clock), inputs(), outputs(reset)))),
        (
            "DelayLine<Bits<8>, 8, 3>",
            run(|| {
                bench!(
                    DelayLine<Bits<8>, 8, 3>,
                    DelayLine::default(),
                    clocks(clock),
                    inputs(data_in, delay),
                    outputs(data_out)
                )
            }),
        ),
        ("LFSRSimple", run(|| bench!(LFSRSimple, LFSRSimple::default(), clocks(clock), inputs(strobe), outputs(num)))),
        (
            "MultiplyAccumulateSymmetricFiniteImpulseResponseFilter<3>",
            run(|| {
                type Filter = MultiplyAccumulateSymmetricFiniteImpulseResponseFilter<3>;
                let filter = Filter::new(&[1, -2, 3, -2, 1]);
                bench!(Filter, filter, clocks(clock), inputs(data_in, strobe_in), outputs(data_out, strobe_out, busy))
            }),
        ),
        (
            "Accum<8, 12, 3>",
            run(
                || bench!(Accum<8, 12, 3>, Accum::new(5), clocks(clock), inputs(strobe_in, data_in), outputs(strobe_out, data_out)),
            ),
        ),
        (
            "TristateBuffer<Bits<8>>",
            run(|| {
                let buffer = TristateBuffer::default();
                bench!(TristateBuffer<Bits<8>>, buffer, clocks(), inputs(write_enable, write_data), outputs(read_data))
            }),
        ),
        (
            "RegisteredEdgeTristate<8>",
            run(|| {
                let buffer = RegisteredEdgeTristate::default();
                bench!(
                    RegisteredEdgeTristate<8>,
                    buffer,
                    clocks(clock),
                    inputs(write_enable, write_data),
                    outputs(read_data)
                )
            }),
        ),
        (
            "OpenDrainBuffer",
            run(|| {
                let buffer = OpenDrainBuffer::default();
                bench!(OpenDrainBuffer, buffer, clocks(), inputs(control.drive_low), outputs(control.line_state))
            }),
        ),
    ]
}

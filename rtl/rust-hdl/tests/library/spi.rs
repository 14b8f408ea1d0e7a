//! SPI masters, slaves and multiplexers.

use super::*;

pub(super) fn widgets() -> Vec<(&'static str, Run)> {
    vec![
        (
            "SPIMaster<16>",
            run(|| {
                bench!(
                    SPIMaster<16>,
                    SPIMaster::new(config()),
                    clocks(clock),
                    inputs(data_outbound, start_send, continued_transaction, wires.miso),
                    outputs(data_inbound, transfer_done, busy, wires.mosi, wires.msel, wires.mclk)
                )
                // Beyond its register rust-hdl's simulator panics.
                .with_input("bits_outbound", 0..=16, |spi, word| spi.bits_outbound.next = word.into())
            }),
        ),
        (
            "SPIMasterDynamicMode<16>",
            run(|| {
                bench!(
                    SPIMasterDynamicMode<16>,
                    SPIMasterDynamicMode::new(config().into()),
                    clocks(clock),
                    inputs(data_outbound, start_send, continued_transaction, wires.miso),
                    outputs(data_inbound, transfer_done, busy, wires.mosi, wires.msel, wires.mclk)
                )
                // Beyond its register rust-hdl's simulator panics.
                .with_input("bits_outbound", 0..=16, |spi, word| spi.bits_outbound.next = word.into())
            }),
        ),
        (
            "SPISlave<16> (bus clock idle)",
            run(|| {
                bench!(
                    SPISlave<16>,
                    SPISlave::new(config()),
                    clocks(clock),
                    inputs(wires.mosi, wires.msel, disabled, start_send, data_outbound, continued_transaction),
                    outputs(wires.miso, busy, data_inbound, transfer_done)
                )
                // More bus clocks than bits make rust-hdl's simulator panic; the pair below clocks it rightly.
                .with_input("wires.mclk", 0..=0, |spi, _| spi.wires.mclk.next = false)
                .with_input("bits", 1..=15, |spi, word| spi.bits.next = word.into())
            }),
        ),
        (
            "SPIMaster<16> and SPISlave<16> joined",
            long_run(|| {
                bench!(
                    SpiPair,
                    SpiPair::default(),
                    clocks(clock),
                    inputs(data, send, reply, load),
                    outputs(received, done, busy, answered, answer)
                )
            }),
        ),
        (
            "MuxSlaves<4, 2>",
            run(|| {
                bench!(MuxSlaves<4, 2>, MuxSlaves::default(), clocks(),
                inputs(from_master.mosi, from_master.msel, from_master.mclk, sel), outputs(from_master.miso))
                .with_input("to_slaves[0].miso", 0..=1, |mux, word| mux.to_slaves[0].miso.next = word == 1)
                .with_input("to_slaves[1].miso", 0..=1, |mux, word| mux.to_slaves[1].miso.next = word == 1)
                .with_input("to_slaves[2].miso", 0..=1, |mux, word| mux.to_slaves[2].miso.next = word == 1)
                .with_input("to_slaves[3].miso", 0..=1, |mux, word| mux.to_slaves[3].miso.next = word == 1)
                .with_output("to_slaves[0].mosi", |mux| mux.to_slaves[0].mosi.val().to_word())
                .with_output("to_slaves[0].msel", |mux| mux.to_slaves[0].msel.val().to_word())
                .with_output("to_slaves[0].mclk", |mux| mux.to_slaves[0].mclk.val().to_word())
                .with_output("to_slaves[1].mosi", |mux| mux.to_slaves[1].mosi.val().to_word())
                .with_output("to_slaves[1].msel", |mux| mux.to_slaves[1].msel.val().to_word())
                .with_output("to_slaves[1].mclk", |mux| mux.to_slaves[1].mclk.val().to_word())
                .with_output("to_slaves[2].mosi", |mux| mux.to_slaves[2].mosi.val().to_word())
                .with_output("to_slaves[2].msel", |mux| mux.to_slaves[2].msel.val().to_word())
                .with_output("to_slaves[2].mclk", |mux| mux.to_slaves[2].mclk.val().to_word())
                .with_output("to_slaves[3].mosi", |mux| mux.to_slaves[3].mosi.val().to_word())
                .with_output("to_slaves[3].msel", |mux| mux.to_slaves[3].msel.val().to_word())
                .with_output("to_slaves[3].mclk", |mux| mux.to_slaves[3].mclk.val().to_word())
            }),
        ),
        (
            "MuxMasters<2, 1>",
            run(|| {
                bench!(MuxMasters<2, 1>, MuxMasters::default(), clocks(),
                inputs(to_bus.miso, sel), outputs(to_bus.mosi, to_bus.msel, to_bus.mclk))
                .with_input("from_masters[0].mosi", 0..=1, |mux, word| mux.from_masters[0].mosi.next = word == 1)
                .with_input("from_masters[0].msel", 0..=1, |mux, word| mux.from_masters[0].msel.next = word == 1)
                .with_input("from_masters[0].mclk", 0..=1, |mux, word| mux.from_masters[0].mclk.next = word == 1)
                .with_input("from_masters[1].mosi", 0..=1, |mux, word| mux.from_masters[1].mosi.next = word == 1)
                .with_input("from_masters[1].msel", 0..=1, |mux, word| mux.from_masters[1].msel.next = word == 1)
                .with_input("from_masters[1].mclk", 0..=1, |mux, word| mux.from_masters[1].mclk.next = word == 1)
                .with_output("from_masters[0].miso", |mux| mux.from_masters[0].miso.val().to_word())
                .with_output("from_masters[1].miso", |mux| mux.from_masters[1].miso.val().to_word())
            }),
        ),
    ]
}

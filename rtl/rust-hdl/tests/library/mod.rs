//! rust-hdl's widgets, each with its bench.

mod one_clock;

use std::time::Duration;

use myelin_rust_hdl::{Bench, Word, bench};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::accum::Accum;
use rust_hdl_widgets::edge_ff::EdgeDFF;
use rust_hdl_widgets::fifo::fifo_logic::{FIFOReadLogic, FIFOWriteLogic};
use rust_hdl_widgets::i2c::i2c_controller::{I2CController, I2CControllerCmd};
use rust_hdl_widgets::i2c::i2c_driver::{I2CDriver, I2CDriverCmd};
use rust_hdl_widgets::prelude::*;
use rust_hdl_widgets::registered_edge_tristate::RegisteredEdgeTristate;
use rust_hdl_widgets::sdram::cmd::{SDRAMCommand, SDRAMCommandDecoder, SDRAMCommandEncoder};

use crate::common::{Compared, Failure, compare};
use one_clock::*;

/// Cycles of each of the three stimuli.
const CYCLES: usize = 1500;
const SEED: u64 = 0x5eed;

/// A comparison to be run.
pub type Run = Box<dyn Fn() -> Result<Compared, Failure>>;

fn run<B: Block + 'static>(make: fn() -> Bench<B>) -> Run {
    Box::new(move || compare(&make, SEED, CYCLES))
}

/// For blocks that take hundreds of cycles for one transfer.
fn long_run<B: Block + 'static>(make: fn() -> Bench<B>) -> Run {
    Box::new(move || compare(&make, SEED, 10 * CYCLES))
}

fn config() -> SPIConfig {
    SPIConfig { clock_speed: 48_000_000, cs_off: true, mosi_off: false, speed_hz: 1_000_000, cpha: true, cpol: false }
}

fn i2c() -> I2CConfig {
    I2CConfig { delay_time: Duration::from_nanos(400), clock_speed_hz: 10_000_000 }
}

fn timings() -> MemoryTimings {
    MemoryTimings::fast_boot_sim(50e6)
}

fn words<const N: usize>(seed: u64) -> impl Iterator<Item = Bits<N>> {
    (0..13u64).map(move |index| Bits::from_word(index.wrapping_mul(seed)))
}

/// Every widget, by its type.
pub fn widgets() -> Vec<(&'static str, Run)> {
    [basic(), memories(), fifos(), crossings(), spi(), i2c_and_sdram()].into_iter().flatten().collect()
}

fn basic() -> Vec<(&'static str, Run)> {
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

fn memories() -> Vec<(&'static str, Run)> {
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

fn fifos() -> Vec<(&'static str, Run)> {
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

fn crossings() -> Vec<(&'static str, Run)> {
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

fn spi() -> Vec<(&'static str, Run)> {
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

fn i2c_and_sdram() -> Vec<(&'static str, Run)> {
    vec![
        (
            "I2CDriver",
            run(|| {
                bench!(
                    I2CDriver,
                    I2CDriver::new(i2c()),
                    clocks(clock),
                    inputs(i2c.sda.line_state, i2c.scl.line_state, run),
                    outputs(i2c.sda.drive_low, i2c.scl.drive_low, busy, error, read_bit, read_valid)
                )
                .with_input("cmd", 0..=6, |driver, word| {
                    use I2CDriverCmd::*;
                    driver.cmd.next = [Noop, SendStart, SendTrue, SendFalse, SendStop, GetBit, Restart][word as usize];
                })
            }),
        ),
        (
            "I2CController",
            run(|| {
                bench!(
                    I2CController,
                    I2CController::new(i2c()),
                    clocks(clock),
                    inputs(i2c.sda.line_state, i2c.scl.line_state, run, write_data_in),
                    outputs(i2c.sda.drive_low, i2c.scl.drive_low, busy, error, read_data_out, read_valid, ack, nack)
                )
                .with_input("cmd", 0..=6, |controller, word| {
                    use I2CControllerCmd::*;
                    let commands = [Noop, BeginWrite, Write, BeginRead, Read, EndTransmission, ReadLast];
                    controller.cmd.next = commands[word as usize];
                })
            }),
        ),
        (
            "I2CTarget",
            run(|| {
                bench!(
                    I2CTarget,
                    I2CTarget::default(),
                    clocks(clock),
                    inputs(i2c.sda.line_state, i2c.scl.line_state, active, to_bus, write_enable),
                    outputs(i2c.sda.drive_low, i2c.scl.drive_low, from_bus, bus_write, stop, ack, nack, write_ok)
                )
            }),
        ),
        (
            "I2CController, I2CTestBus<2> and I2CTestTarget joined",
            long_run(|| {
                // Data around the target's address, which it would hardly ever meet among all.
                bench!(
                    I2cPair,
                    I2cPair::default(),
                    clocks(clock),
                    inputs(run),
                    outputs(busy, error, read_data_out, read_valid, ack, nack)
                )
                .with_input("write_data_in", 0x52..=0x53, |pair, word| pair.write_data_in.next = word.into())
                .with_input("cmd", 0..=6, |pair, word| {
                    use I2CControllerCmd::*;
                    let commands = [Noop, BeginWrite, Write, BeginRead, Read, EndTransmission, ReadLast];
                    pair.cmd.next = commands[word as usize];
                })
            }),
        ),
        (
            "I2CTestBus<2>",
            run(|| {
                bench!(I2CTestBus<2>, I2CTestBus::default(), clocks(), inputs(), outputs())
                    .with_input("endpoints[0].sda.drive_low", 0..=1, |bus, word| {
                        bus.endpoints[0].sda.drive_low.next = word == 1
                    })
                    .with_input("endpoints[0].scl.drive_low", 0..=1, |bus, word| {
                        bus.endpoints[0].scl.drive_low.next = word == 1
                    })
                    .with_input("endpoints[1].sda.drive_low", 0..=1, |bus, word| {
                        bus.endpoints[1].sda.drive_low.next = word == 1
                    })
                    .with_input("endpoints[1].scl.drive_low", 0..=1, |bus, word| {
                        bus.endpoints[1].scl.drive_low.next = word == 1
                    })
                    .with_output("endpoints[0].sda.line_state", |bus| bus.endpoints[0].sda.line_state.val().to_word())
                    .with_output("endpoints[0].scl.line_state", |bus| bus.endpoints[0].scl.line_state.val().to_word())
                    .with_output("endpoints[1].sda.line_state", |bus| bus.endpoints[1].sda.line_state.val().to_word())
                    .with_output("endpoints[1].scl.line_state", |bus| bus.endpoints[1].scl.line_state.val().to_word())
            }),
        ),
        (
            "SDRAMCommandEncoder",
            run(|| {
                bench!(
                    SDRAMCommandEncoder,
                    SDRAMCommandEncoder::default(),
                    clocks(),
                    inputs(),
                    outputs(ras_not, cas_not, we_not, cs_not)
                )
                .with_input("cmd", 0..=7, |encoder, word| {
                    use SDRAMCommand::*;
                    let commands = [LoadModeRegister, AutoRefresh, Precharge, BurstTerminate, Write, Read, Active, NOP];
                    encoder.cmd.next = commands[word as usize];
                })
            }),
        ),
        (
            "SDRAMCommandDecoder",
            run(|| {
                bench!(
                    SDRAMCommandDecoder,
                    SDRAMCommandDecoder::default(),
                    clocks(),
                    inputs(ras_not, cas_not, we_not, cs_not),
                    outputs()
                )
                .with_output("cmd", |decoder| decoder.cmd.val() as u64)
            }),
        ),
        (
            "SDRAMBaseController<5, 5, 64, 16>",
            run(|| {
                bench!(SDRAMBaseController<5, 5, 64, 16>, SDRAMBaseController::new(3, timings(), OutputBuffer::Wired),
                clocks(clock),
                inputs(data_in, write_not_read, cmd_strobe, cmd_address, sdram.read_data),
                outputs(busy, data_out, data_valid, error, sdram.we_not, sdram.cas_not, sdram.ras_not, sdram.cs_not,
                    sdram.bank, sdram.address, sdram.write_data, sdram.write_enable))
            }),
        ),
        (
            "SDRAMBurstController<5, 5, 4, 16>",
            run(|| {
                bench!(SDRAMBurstController<5, 5, 4, 16>, SDRAMBurstController::new(3, timings(), OutputBuffer::DelayTwo),
                clocks(clock),
                inputs(data_in, write_not_read, cmd_strobe, cmd_address, sdram.read_data),
                outputs(busy, data_out, data_valid, data_strobe, error, sdram.we_not, sdram.cas_not, sdram.ras_not,
                    sdram.cs_not, sdram.bank, sdram.address, sdram.write_data, sdram.write_enable))
            }),
        ),
        (
            "SDRAMFIFOController<5, 5, 4, 16, 12>",
            run(|| {
                type Controller = SDRAMFIFOController<5, 5, 4, 16, 12>;
                bench!(
                    Controller,
                    Controller::new(3, timings(), OutputBuffer::Wired),
                    clocks(clock, ram_clock),
                    inputs(data_in, write, read, sdram.read_data),
                    outputs(full, data_out, empty)
                )
            }),
        ),
        (
            "SDRAMOnChipBuffer<16>",
            run(|| {
                bench!(
                    SDRAMOnChipBuffer<16>,
                    SDRAMOnChipBuffer::default(),
                    clocks(buf_in.clk),
                    inputs(
                        buf_in.we_not,
                        buf_in.cas_not,
                        buf_in.ras_not,
                        buf_in.cs_not,
                        buf_in.bank,
                        buf_in.address,
                        buf_in.write_data,
                        buf_in.write_enable,
                        buf_out.read_data
                    ),
                    outputs(
                        buf_in.read_data,
                        buf_out.we_not,
                        buf_out.cas_not,
                        buf_out.ras_not,
                        buf_out.cs_not,
                        buf_out.bank,
                        buf_out.address,
                        buf_out.write_data,
                        buf_out.write_enable
                    )
                )
            }),
        ),
    ]
}

//! Widgets in a block around them: those of several clocks with one, masters with their slaves.

use rust_hdl_core::prelude::*;
use std::time::Duration;

use rust_hdl_widgets::i2c::i2c_controller::{I2CController, I2CControllerCmd};
use rust_hdl_widgets::prelude::*;

#[derive(LogicBlock)]
pub struct OneClockRam {
    pub clock: Signal<In, Clock>,
    pub read_address: Signal<In, Bits<4>>,
    pub read_data: Signal<Out, Bits<8>>,
    pub write_address: Signal<In, Bits<4>>,
    pub write_data: Signal<In, Bits<8>>,
    pub write_enable: Signal<In, Bit>,
    ram: RAM<Bits<8>, 4>,
}

impl OneClockRam {
    pub fn new(words: impl Iterator<Item = Bits<8>>) -> Self {
        Self {
            clock: Default::default(),
            read_address: Default::default(),
            read_data: Default::default(),
            write_address: Default::default(),
            write_data: Default::default(),
            write_enable: Default::default(),
            ram: RAM::from(words),
        }
    }
}

impl Logic for OneClockRam {
    #[hdl_gen]
    fn update(&mut self) {
        self.ram.read_clock.next = self.clock.val();
        self.ram.write_clock.next = self.clock.val();
        self.ram.read_address.next = self.read_address.val();
        self.ram.write_address.next = self.write_address.val();
        self.ram.write_data.next = self.write_data.val();
        self.ram.write_enable.next = self.write_enable.val();
        self.read_data.next = self.ram.read_data.val();
    }
}

#[derive(LogicBlock, Default)]
pub struct OneClockSignedRam {
    pub clock: Signal<In, Clock>,
    pub read_address: Signal<In, Bits<3>>,
    pub read_data: Signal<Out, Signed<12>>,
    pub write_address: Signal<In, Bits<3>>,
    pub write_data: Signal<In, Signed<12>>,
    pub write_enable: Signal<In, Bit>,
    ram: RAM<Signed<12>, 3>,
}

impl Logic for OneClockSignedRam {
    #[hdl_gen]
    fn update(&mut self) {
        self.ram.read_clock.next = self.clock.val();
        self.ram.write_clock.next = self.clock.val();
        self.ram.read_address.next = self.read_address.val();
        self.ram.write_address.next = self.write_address.val();
        self.ram.write_data.next = self.write_data.val();
        self.ram.write_enable.next = self.write_enable.val();
        self.read_data.next = self.ram.read_data.val();
    }
}

#[derive(LogicBlock, Default)]
pub struct OneClockSynchronizer {
    pub clock: Signal<In, Clock>,
    pub sig_in: Signal<In, Bits<8>>,
    pub send: Signal<In, Bit>,
    pub busy: Signal<Out, Bit>,
    pub sig_out: Signal<Out, Bits<8>>,
    pub update: Signal<Out, Bit>,
    inside: VectorSynchronizer<Bits<8>>,
}

impl Logic for OneClockSynchronizer {
    #[hdl_gen]
    fn update(&mut self) {
        self.inside.clock_in.next = self.clock.val();
        self.inside.clock_out.next = self.clock.val();
        self.inside.sig_in.next = self.sig_in.val();
        self.inside.send.next = self.send.val();
        self.busy.next = self.inside.busy.val();
        self.sig_out.next = self.inside.sig_out.val();
        self.update.next = self.inside.update.val();
    }
}

#[derive(LogicBlock, Default)]
pub struct OneClockFifo {
    pub clock: Signal<In, Clock>,
    pub read: Signal<In, Bit>,
    pub write: Signal<In, Bit>,
    pub data_in: Signal<In, Bits<8>>,
    pub data_out: Signal<Out, Bits<8>>,
    pub empty: Signal<Out, Bit>,
    pub full: Signal<Out, Bit>,
    pub overflow: Signal<Out, Bit>,
    pub underflow: Signal<Out, Bit>,
    pub read_fill: Signal<Out, Bits<5>>,
    pub write_fill: Signal<Out, Bits<5>>,
    inside: AsynchronousFIFO<Bits<8>, 4, 5, 1>,
}

impl Logic for OneClockFifo {
    #[hdl_gen]
    fn update(&mut self) {
        self.inside.read_clock.next = self.clock.val();
        self.inside.write_clock.next = self.clock.val();
        self.inside.read.next = self.read.val();
        self.inside.write.next = self.write.val();
        self.inside.data_in.next = self.data_in.val();
        self.data_out.next = self.inside.data_out.val();
        self.empty.next = self.inside.empty.val();
        self.full.next = self.inside.full.val();
        self.overflow.next = self.inside.overflow.val();
        self.underflow.next = self.inside.underflow.val();
        self.read_fill.next = self.inside.read_fill.val();
        self.write_fill.next = self.inside.write_fill.val();
    }
}

#[derive(LogicBlock, Default)]
pub struct OneClockWiden {
    pub clock: Signal<In, Clock>,
    pub data_in: Signal<In, Bits<8>>,
    pub write: Signal<In, Bit>,
    pub read: Signal<In, Bit>,
    pub data_out: Signal<Out, Bits<32>>,
    pub empty: Signal<Out, Bit>,
    pub full: Signal<Out, Bit>,
    inside: CrossWidenFIFO<8, 3, 4, 32, 3, 4>,
}

impl Logic for OneClockWiden {
    #[hdl_gen]
    fn update(&mut self) {
        self.inside.read_clock.next = self.clock.val();
        self.inside.write_clock.next = self.clock.val();
        self.inside.read.next = self.read.val();
        self.inside.write.next = self.write.val();
        self.inside.data_in.next = self.data_in.val();
        self.data_out.next = self.inside.data_out.val();
        self.empty.next = self.inside.empty.val();
        self.full.next = self.inside.full.val();
    }
}

#[derive(LogicBlock)]
pub struct OneClockNarrow {
    pub clock: Signal<In, Clock>,
    pub data_in: Signal<In, Bits<32>>,
    pub write: Signal<In, Bit>,
    pub read: Signal<In, Bit>,
    pub data_out: Signal<Out, Bits<8>>,
    pub empty: Signal<Out, Bit>,
    pub full: Signal<Out, Bit>,
    inside: CrossNarrowFIFO<32, 3, 4, 8, 3, 4>,
}

impl Default for OneClockNarrow {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            data_in: Default::default(),
            write: Default::default(),
            read: Default::default(),
            data_out: Default::default(),
            empty: Default::default(),
            full: Default::default(),
            inside: CrossNarrowFIFO::new(WordOrder::LeastSignificantFirst),
        }
    }
}

impl Logic for OneClockNarrow {
    #[hdl_gen]
    fn update(&mut self) {
        self.inside.read_clock.next = self.clock.val();
        self.inside.write_clock.next = self.clock.val();
        self.inside.read.next = self.read.val();
        self.inside.write.next = self.write.val();
        self.inside.data_in.next = self.data_in.val();
        self.data_out.next = self.inside.data_out.val();
        self.empty.next = self.inside.empty.val();
        self.full.next = self.inside.full.val();
    }
}

/// A master and a slave on one wire bundle: whole transfers, which random wires never make.
#[derive(LogicBlock)]
pub struct SpiPair {
    pub clock: Signal<In, Clock>,
    pub data: Signal<In, Bits<16>>,
    pub send: Signal<In, Bit>,
    pub reply: Signal<In, Bits<16>>,
    pub load: Signal<In, Bit>,
    pub received: Signal<Out, Bits<16>>,
    pub done: Signal<Out, Bit>,
    pub busy: Signal<Out, Bit>,
    pub answer: Signal<Out, Bits<16>>,
    pub answered: Signal<Out, Bit>,
    master: SPIMaster<16>,
    slave: SPISlave<16>,
}

impl Default for SpiPair {
    fn default() -> Self {
        let config = SPIConfig {
            clock_speed: 48_000_000,
            cs_off: true,
            mosi_off: false,
            speed_hz: 1_000_000,
            cpha: true,
            cpol: false,
        };
        Self {
            clock: Default::default(),
            data: Default::default(),
            send: Default::default(),
            reply: Default::default(),
            load: Default::default(),
            received: Default::default(),
            done: Default::default(),
            busy: Default::default(),
            answer: Default::default(),
            answered: Default::default(),
            master: SPIMaster::new(config),
            slave: SPISlave::new(config),
        }
    }
}

impl Logic for SpiPair {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, master, slave);
        SPIWiresMaster::join(&mut self.master.wires, &mut self.slave.wires);
        self.master.bits_outbound.next = 4.into();
        self.master.data_outbound.next = self.data.val();
        self.master.start_send.next = self.send.val();
        self.master.continued_transaction.next = false;
        self.slave.disabled.next = false;
        self.slave.start_send.next = self.load.val();
        self.slave.data_outbound.next = self.reply.val();
        self.slave.bits.next = 4.into();
        self.slave.continued_transaction.next = false;
        self.received.next = self.slave.data_inbound.val();
        self.done.next = self.slave.transfer_done.val();
        self.busy.next = self.slave.busy.val();
        self.answer.next = self.master.data_inbound.val();
        self.answered.next = self.master.transfer_done.val();
    }
}

/// A controller and a target on one open-drain bus: whole transfers.
#[derive(LogicBlock)]
pub struct I2cPair {
    pub clock: Signal<In, Clock>,
    pub cmd: Signal<In, I2CControllerCmd>,
    pub run: Signal<In, Bit>,
    pub write_data_in: Signal<In, Bits<8>>,
    pub busy: Signal<Out, Bit>,
    pub error: Signal<Out, Bit>,
    pub read_data_out: Signal<Out, Bits<8>>,
    pub read_valid: Signal<Out, Bit>,
    pub ack: Signal<Out, Bit>,
    pub nack: Signal<Out, Bit>,
    controller: I2CController,
    target: I2CTestTarget,
    bus: I2CTestBus<2>,
}

impl Default for I2cPair {
    fn default() -> Self {
        let config = I2CConfig { delay_time: Duration::from_nanos(400), clock_speed_hz: 10_000_000 };
        Self {
            clock: Default::default(),
            cmd: Default::default(),
            run: Default::default(),
            write_data_in: Default::default(),
            busy: Default::default(),
            error: Default::default(),
            read_data_out: Default::default(),
            read_valid: Default::default(),
            ack: Default::default(),
            nack: Default::default(),
            controller: I2CController::new(config),
            target: I2CTestTarget::new(0x53),
            bus: Default::default(),
        }
    }
}

impl Logic for I2cPair {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, controller, target);
        I2CBusDriver::join(&mut self.controller.i2c, &mut self.bus.endpoints[0]);
        I2CBusDriver::join(&mut self.target.i2c, &mut self.bus.endpoints[1]);
        self.controller.cmd.next = self.cmd.val();
        self.controller.run.next = self.run.val();
        self.controller.write_data_in.next = self.write_data_in.val();
        self.busy.next = self.controller.busy.val();
        self.error.next = self.controller.error.val();
        self.read_data_out.next = self.controller.read_data_out.val();
        self.read_valid.next = self.controller.read_valid.val();
        self.ack.next = self.controller.ack.val();
        self.nack.next = self.controller.nack.val();
    }
}

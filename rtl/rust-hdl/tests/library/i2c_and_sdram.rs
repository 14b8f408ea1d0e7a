//! I2C and SDRAM.

use super::*;

pub(super) fn widgets() -> Vec<(&'static str, Run)> {
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

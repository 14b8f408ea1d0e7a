// Myelin stick on a ULX3S (LFE5U-85F): clock, reset and pins around `stick_system` and its tensor cell.
`default_nettype none
module stick_ecp5 (
    input  wire clk_25_i,
    input  wire serial_rx_i,
    output wire serial_tx_o,
    output wire flash_select_n_o,
    output wire flash_data_o,
    input  wire flash_data_i,
    output wire flash_hold_n_o,
    output wire flash_protect_n_o,
    output wire program_n_o,
    output wire radio_o,
    output wire [7:0] leds_o
);
  // 25 MHz / @CLKI_DIV@ x @CLKFB_DIV@; the oscillator of the PLL at @CLKOP_DIV@ times that.
  wire clock, locked;
  (* ICP_CURRENT="12" *) (* LPF_RESISTOR="8" *) (* MFG_ENABLE_FILTEROPAMP="1" *) (* MFG_GMCREF_SEL="2" *)
  EHXPLLL #(
      .PLLRST_ENA("DISABLED"), .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"),
      .OUTDIVIDER_MUXA("DIVA"), .OUTDIVIDER_MUXB("DIVB"), .OUTDIVIDER_MUXC("DIVC"), .OUTDIVIDER_MUXD("DIVD"),
      .CLKI_DIV(@CLKI_DIV@), .CLKOP_ENABLE("ENABLED"), .CLKOP_DIV(@CLKOP_DIV@), .CLKOP_CPHASE(@CPHASE@),
      .CLKOP_FPHASE(0), .FEEDBK_PATH("CLKOP"), .CLKFB_DIV(@CLKFB_DIV@)
  ) pll (
      .RST(1'b0), .STDBY(1'b0), .CLKI(clk_25_i), .CLKOP(clock), .CLKFB(clock), .CLKINTFB(),
      .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1), .PHASELOADREG(1'b1),
      .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0), .LOCK(locked)
  );

  reg [7:0] warm_q = 0;
  reg power_on_q = 1, reload_q = 0;
  reg locked_q = 0, locked_qq = 0;
  wire reset, reload;
  always @(posedge clock) begin
    {locked_qq, locked_q} <= {locked_q, locked};
    if (!locked_qq) warm_q <= 0;
    else if (reset) begin
      warm_q <= 8'd120;
      power_on_q <= 0;
      reload_q <= reload;
    end else if (!warm_q[7]) warm_q <= warm_q + 8'd1;
  end
  assign program_n_o = ~reload_q;

  // The serial line has no relation to the clock.
  reg rx_q = 1, rx_qq = 1;
  always @(posedge clock) {rx_qq, rx_q} <= {rx_q, serial_rx_i};

  wire flash_clock;
  USRMCLK user_clock (.USRMCLKI(flash_clock), .USRMCLKTS(1'b0));
  assign flash_hold_n_o = 1'b1;
  assign flash_protect_n_o = 1'b1;
  // Held high, or the radio's processor takes the board over.
  assign radio_o = 1'b1;

  wire tensor_reset;
  // A register: the cell's many loads are far from the system.
  reg cell_reset_n_q = 0;
  always @(posedge clock) cell_reset_n_q <= warm_q[7] & ~tensor_reset;

@WIRES@
  stick_system system (
      .clk_i(clock), .rst_ni(warm_q[7]), .power_on_i(power_on_q), .reset_o(reset), .reload_o(reload), .leds_o(leds_o),
      .serial_rx_i(rx_qq), .serial_tx_o(serial_tx_o),
      .flash_select_n_o(flash_select_n_o), .flash_clock_o(flash_clock), .flash_data_o(flash_data_o),
      .flash_data_i(flash_data_i), .tensor_reset_o(tensor_reset)@SYSTEM@
  );
  tensor_cell cell_0 (
      .clk_i(clock), .rst_ni(cell_reset_n_q)@CELL@
  );
endmodule

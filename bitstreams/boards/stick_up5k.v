// Myelin stick on an iCEBreaker (iCE40UP5K): clock, reset and pins around `stick_system`.
`default_nettype none
module stick_up5k (
    input  wire clk_12_i,
    input  wire serial_rx_i,
    output wire serial_tx_o,
    output wire flash_select_n_o,
    output wire flash_clock_o,
    output wire flash_data_o,
    input  wire flash_data_i,
    output wire led_red_n_o,
    output wire led_green_n_o
);
  // 12 MHz x 54 / 32 = 20.25 MHz; the oscillator of the PLL at 648 MHz.
  wire clock, locked;
  SB_PLL40_PAD #(
      .FEEDBACK_PATH("SIMPLE"), .DIVR(4'd0), .DIVF(7'd53), .DIVQ(3'd5), .FILTER_RANGE(3'd1)
  ) pll (
      .PACKAGEPIN(clk_12_i), .PLLOUTGLOBAL(clock), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0)
  );

  // Block RAM may not be read for 3 us after configuration: 128 clocks are 6 us. Later resets are short.
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
  SB_WARMBOOT boot (.BOOT(reload_q), .S1(1'b0), .S0(1'b0));

  // The serial line has no relation to the clock.
  reg rx_q = 1, rx_qq = 1;
  always @(posedge clock) {rx_qq, rx_q} <= {rx_q, serial_rx_i};

  wire [7:0] leds;
  stick_system system (
      .clk_i(clock), .rst_ni(warm_q[7]), .power_on_i(power_on_q), .reset_o(reset), .reload_o(reload), .leds_o(leds),
      .serial_rx_i(rx_qq), .serial_tx_o(serial_tx_o),
      .flash_select_n_o(flash_select_n_o), .flash_clock_o(flash_clock_o), .flash_data_o(flash_data_o),
      .flash_data_i(flash_data_i)
  );
  assign led_green_n_o = ~leds[0];
  assign led_red_n_o = ~leds[1];
endmodule

// The module multiplier_pair as one iCE40 SB_MAC16: two signed 8x8 multipliers with a register
// behind each. For synthesis in place of the emitted multiplier_pair.v, to which it is equal. Yosys must see
// it last (read_verilog -lib multiplier_pair.v, synth_ice40 -dsp, read_verilog -overwrite this, flatten):
// its pass that packs DSP blocks spoils the ones that are there already.
module multiplier_pair (
  input wire clk_i,
  input wire signed [7:0] activation_i,
  input wire signed [7:0] weight_0_i,
  input wire signed [7:0] weight_1_i,
  output wire signed [15:0] product_0_o,
  output wire signed [15:0] product_1_o
);
  SB_MAC16 #(
    .NEG_TRIGGER(1'b0),
    .C_REG(1'b0),
    .A_REG(1'b0),
    .B_REG(1'b0),
    .D_REG(1'b0),
    .TOP_8x8_MULT_REG(1'b1),
    .BOT_8x8_MULT_REG(1'b1),
    .PIPELINE_16x16_MULT_REG1(1'b0),
    .PIPELINE_16x16_MULT_REG2(1'b0),
    .TOPOUTPUT_SELECT(2'b10),
    .TOPADDSUB_LOWERINPUT(2'b00),
    .TOPADDSUB_UPPERINPUT(1'b0),
    .TOPADDSUB_CARRYSELECT(2'b00),
    .BOTOUTPUT_SELECT(2'b10),
    .BOTADDSUB_LOWERINPUT(2'b00),
    .BOTADDSUB_UPPERINPUT(1'b0),
    .BOTADDSUB_CARRYSELECT(2'b00),
    .MODE_8x8(1'b1),
    .A_SIGNED(1'b1),
    .B_SIGNED(1'b1)
  ) mac (
    .CLK(clk_i),
    .CE(1'b1),
    .A({weight_1_i, weight_0_i}),
    .B({activation_i, activation_i}),
    .C(16'd0),
    .D(16'd0),
    .AHOLD(1'b0),
    .BHOLD(1'b0),
    .CHOLD(1'b0),
    .DHOLD(1'b0),
    .IRSTTOP(1'b0),
    .IRSTBOT(1'b0),
    .ORSTTOP(1'b0),
    .ORSTBOT(1'b0),
    .OLOADTOP(1'b0),
    .OLOADBOT(1'b0),
    .ADDSUBTOP(1'b0),
    .ADDSUBBOT(1'b0),
    .OHOLDTOP(1'b0),
    .OHOLDBOT(1'b0),
    .CI(1'b0),
    .ACCUMCI(1'b0),
    .SIGNEXTIN(1'b0),
    .O({product_1_o, product_0_o}),
    .CO(),
    .ACCUMCO(),
    .SIGNEXTOUT()
  );
endmodule

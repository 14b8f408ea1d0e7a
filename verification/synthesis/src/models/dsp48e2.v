// DSP48E2 as far as our netlists use it, from the rules of UG579 (UltraScale DSP48E2 Slice).
//
// Modelled: A and B direct with up to one register each, C and D ignored but for C with up to one
// register, the 27x18 signed multiplier with register M, the adder Z + M with Z = 0, P, C or PCIN,
// register P, PCOUT. Control (INMODE, OPMODE, ALUMODE, CARRYINSEL, CARRYIN) constant and unregistered.
// Enables and synchronous resets of the registers modelled. Any other use answers x on all of P.
module DSP48E2 #(
  parameter integer ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, BCASCREG = 1, BREG = 1,
  parameter integer CARRYINREG = 1, CARRYINSELREG = 1, CREG = 1, DREG = 1, INMODEREG = 1, MREG = 1,
  parameter integer OPMODEREG = 1, PREG = 1,
  parameter AMULTSEL = "A", BMULTSEL = "B", A_INPUT = "DIRECT", B_INPUT = "DIRECT", PREADDINSEL = "A",
  parameter USE_MULT = "MULTIPLY", USE_SIMD = "ONE48", USE_PATTERN_DETECT = "NO_PATDET",
  parameter USE_WIDEXOR = "FALSE", XORSIMD = "XOR24_48_96",
  parameter AUTORESET_PATDET = "NO_RESET", AUTORESET_PRIORITY = "RESET",
  parameter SEL_MASK = "MASK", SEL_PATTERN = "PATTERN",
  parameter [47:0] MASK = 48'h3FFFFFFFFFFF, PATTERN = 48'd0, RND = 48'd0,
  parameter [3:0] IS_ALUMODE_INVERTED = 4'd0,
  parameter [4:0] IS_INMODE_INVERTED = 5'd0,
  parameter [8:0] IS_OPMODE_INVERTED = 9'd0,
  parameter IS_CARRYIN_INVERTED = 1'b0, IS_CLK_INVERTED = 1'b0, IS_RSTALLCARRYIN_INVERTED = 1'b0,
  parameter IS_RSTALUMODE_INVERTED = 1'b0, IS_RSTA_INVERTED = 1'b0, IS_RSTB_INVERTED = 1'b0,
  parameter IS_RSTCTRL_INVERTED = 1'b0, IS_RSTC_INVERTED = 1'b0, IS_RSTD_INVERTED = 1'b0,
  parameter IS_RSTINMODE_INVERTED = 1'b0, IS_RSTM_INVERTED = 1'b0, IS_RSTP_INVERTED = 1'b0
) (
  output wire [29:0] ACOUT,
  output wire [17:0] BCOUT,
  output wire CARRYCASCOUT, MULTSIGNOUT, OVERFLOW, PATTERNBDETECT, PATTERNDETECT, UNDERFLOW,
  output wire [3:0] CARRYOUT,
  output wire [47:0] P, PCOUT,
  output wire [7:0] XOROUT,
  input wire [29:0] A, ACIN,
  input wire [3:0] ALUMODE,
  input wire [17:0] B, BCIN,
  input wire [47:0] C, PCIN,
  input wire CARRYCASCIN, CARRYIN,
  input wire [2:0] CARRYINSEL,
  input wire CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM, CEP, CLK,
  input wire [26:0] D,
  input wire [4:0] INMODE,
  input wire MULTSIGNIN,
  input wire [8:0] OPMODE,
  input wire RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP
);
  wire clk = CLK ^ IS_CLK_INVERTED;
  // An unconnected reset or enable is z: a reset then does nothing, an enable enables.
  wire rsta = (RSTA ^ IS_RSTA_INVERTED) === 1'b1;
  wire rstb = (RSTB ^ IS_RSTB_INVERTED) === 1'b1;
  wire rstc = (RSTC ^ IS_RSTC_INVERTED) === 1'b1;
  wire rstm = (RSTM ^ IS_RSTM_INVERTED) === 1'b1;
  wire rstp = (RSTP ^ IS_RSTP_INVERTED) === 1'b1;
  reg [29:0] a_q = 0;
  reg [17:0] b_q = 0;
  reg [47:0] c_q = 0;
  reg signed [44:0] m_q = 0;
  reg [47:0] p_q = 0;
  always @(posedge clk) if (rsta) a_q <= 0; else if (CEA2 !== 1'b0) a_q <= A;
  always @(posedge clk) if (rstb) b_q <= 0; else if (CEB2 !== 1'b0) b_q <= B;
  always @(posedge clk) if (rstc) c_q <= 0; else if (CEC !== 1'b0) c_q <= C;
  wire [29:0] a = AREG == 0 ? A : a_q;
  wire [17:0] b = BREG == 0 ? B : b_q;
  wire [47:0] c = CREG == 0 ? C : c_q;
  wire signed [44:0] product = $signed(a[26:0]) * $signed(b);
  always @(posedge clk) if (rstm) m_q <= 0; else if (CEM !== 1'b0) m_q <= product;
  wire signed [44:0] m = MREG == 0 ? product : m_q;

  wire [8:0] opmode = OPMODE ^ IS_OPMODE_INVERTED;
  wire [4:0] inmode = INMODE ^ IS_INMODE_INVERTED;
  wire [3:0] alumode = ALUMODE ^ IS_ALUMODE_INVERTED;
  reg [47:0] z;
  always @* case (opmode[6:4])
    3'b000: z = 48'd0;
    3'b001: z = PCIN;
    3'b010: z = p_q;
    3'b011: z = c;
    default: z = 48'bx;
  endcase
  wire [47:0] sum = z + {{3{m[44]}}, m};
  always @(posedge clk) if (rstp) p_q <= 0; else if (CEP !== 1'b0) p_q <= sum;

  // W = 0 and X, Y = M; multiply A2 by B2 (or the registers bypassed); add; no carry.
  wire modelled = AREG <= 1 && BREG <= 1 && AMULTSEL == "A" && BMULTSEL == "B"
    && A_INPUT == "DIRECT" && B_INPUT == "DIRECT" && USE_MULT == "MULTIPLY" && USE_SIMD == "ONE48"
    && opmode[8:7] === 2'b00 && opmode[3:0] === 4'b0101 && inmode === 5'd0 && alumode === 4'd0
    && CARRYINSEL === 3'd0 && (CARRYIN ^ IS_CARRYIN_INVERTED) === 1'b0
    && !(opmode[6:4] === 3'b010 && PREG == 0);
  assign P = !modelled ? 48'bx : PREG == 0 ? sum : p_q;
  assign PCOUT = P;
  assign ACOUT = 30'bx;
  assign BCOUT = 18'bx;
  assign {CARRYCASCOUT, MULTSIGNOUT, OVERFLOW, PATTERNBDETECT, PATTERNDETECT, UNDERFLOW} = 6'bx;
  assign CARRYOUT = 4'bx;
  assign XOROUT = 8'bx;
endmodule

// Weight-stationary systolic array, one module for each processing element.
// The same design as src/designs/systolic.rs, written by hand.

module pe #(
    parameter SUM_BITS = 21
) (
    input  wire                       clk_i,
    input  wire signed [7:0]          activation_i,
    input  wire signed [7:0]          weight_i,
    input  wire                       load_i,
    input  wire                       swap_i,
    input  wire signed [SUM_BITS-1:0] partial_sum_i,
    output reg  signed [7:0]          activation_o,
    output reg  signed [7:0]          weight_o,
    output reg                        load_o,
    output reg                        swap_o,
    output reg  signed [SUM_BITS-1:0] partial_sum_o
);
`ifdef KEEP_MODULES
    /* verilator no_inline_module */
`endif
    reg signed [7:0]  weight_q;
    reg signed [15:0] product_q;

    always @(posedge clk_i) begin
        if (load_i) weight_o <= weight_i;
        if (swap_i) weight_q <= weight_o;
        product_q     <= activation_i * weight_q;
        partial_sum_o <= partial_sum_i + {{(SUM_BITS-16){product_q[15]}}, product_q};
        activation_o  <= activation_i;
        load_o        <= load_i;
        swap_o        <= swap_i;
    end
endmodule

module source (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire [31:0] neighbour_i,
    output reg  [31:0] state_o
);
    always @(posedge clk_i)
        if (!rst_ni) state_o <= 32'd1;
        else state_o <= {state_o[18:0], state_o[31:19]} + (neighbour_i ^ 32'h7f4a7c15);
endmodule

module sink #(
    parameter SUM_BITS = 21
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire [SUM_BITS-1:0] value_i,
    output reg  [31:0]         signature_o
);
    always @(posedge clk_i)
        if (!rst_ni) signature_o <= 32'd0;
        else signature_o <= {signature_o[30:0], signature_o[31]} ^ {{(32-SUM_BITS){1'b0}}, value_i};
endmodule

module systolic #(
    parameter ROWS = 16,
    parameter COLUMNS = 16,
    parameter SUM_BITS = 21
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    output wire [32*COLUMNS-1:0] signature_o
);
    wire [31:0]                activation_state [0:ROWS];
    wire [31:0]                weight_state     [0:COLUMNS];
    wire signed [7:0]          activation       [0:ROWS-1][0:COLUMNS];
    wire                       load             [0:ROWS-1][0:COLUMNS];
    wire                       swap             [0:ROWS-1][0:COLUMNS];
    wire signed [7:0]          weight           [0:ROWS][0:COLUMNS-1];
    wire signed [SUM_BITS-1:0] partial_sum      [0:ROWS][0:COLUMNS-1];

    // In reset, phase 0: every element takes what comes, so all are filled with known values.
    reg [2:0] phase;
    always @(posedge clk_i)
        if (!rst_ni) phase <= 3'd0;
        else phase <= phase + 3'd1;

    assign activation_state[0] = 32'h9e3779b9;
    assign weight_state[0]     = 32'h9e3779b9;

    genvar row, column;
    generate
        for (row = 0; row < ROWS; row = row + 1) begin : rows
            source source (.clk_i(clk_i), .rst_ni(rst_ni), .neighbour_i(activation_state[row]),
                           .state_o(activation_state[row + 1]));
            assign activation[row][0] = activation_state[row + 1][7:0];
            if (row == 0) begin : first
                assign load[row][0] = phase < 3'd2;
                assign swap[row][0] = phase == 3'd0 || phase == 3'd4;
            end else begin : next
                reg load_q, swap_q;
                always @(posedge clk_i) begin
                    load_q <= load[row - 1][0];
                    swap_q <= swap[row - 1][0];
                end
                assign load[row][0] = load_q;
                assign swap[row][0] = swap_q;
            end
            for (column = 0; column < COLUMNS; column = column + 1) begin : columns
                pe #(.SUM_BITS(SUM_BITS)) pe (
                    .clk_i(clk_i),
                    .activation_i(activation[row][column]), .activation_o(activation[row][column + 1]),
                    .load_i(load[row][column]), .load_o(load[row][column + 1]),
                    .swap_i(swap[row][column]), .swap_o(swap[row][column + 1]),
                    .weight_i(weight[row][column]), .weight_o(weight[row + 1][column]),
                    .partial_sum_i(partial_sum[row][column]), .partial_sum_o(partial_sum[row + 1][column]));
            end
        end
        for (column = 0; column < COLUMNS; column = column + 1) begin : edges
            source source (.clk_i(clk_i), .rst_ni(rst_ni), .neighbour_i(weight_state[column]),
                           .state_o(weight_state[column + 1]));
            assign weight[0][column]      = weight_state[column + 1][7:0];
            assign partial_sum[0][column] = {SUM_BITS{1'b0}};
            sink #(.SUM_BITS(SUM_BITS)) sink (.clk_i(clk_i), .rst_ni(rst_ni),
                                              .value_i(partial_sum[ROWS][column]),
                                              .signature_o(signature_o[32*column +: 32]));
        end
    endgenerate
endmodule

// Weight-stationary systolic array in one module: arrays and loops.
// The same design as src/designs/systolic.rs, written by hand.

module systolic #(
    parameter ROWS = 16,
    parameter COLUMNS = 16,
    parameter SUM_BITS = 21
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    output wire [32*COLUMNS-1:0] signature_o
);
    reg [2:0]                 phase;
    reg [31:0]                activation_state [0:ROWS-1];
    reg [31:0]                weight_state     [0:COLUMNS-1];
    reg [31:0]                signature        [0:COLUMNS-1];
    reg                       load_row         [0:ROWS-1];
    reg                       swap_row         [0:ROWS-1];
    reg signed [7:0]          activation       [0:ROWS-1][0:COLUMNS-1];
    reg                       load             [0:ROWS-1][0:COLUMNS-1];
    reg                       swap             [0:ROWS-1][0:COLUMNS-1];
    reg signed [7:0]          shadow           [0:ROWS-1][0:COLUMNS-1];
    reg signed [7:0]          weight           [0:ROWS-1][0:COLUMNS-1];
    reg signed [15:0]         product          [0:ROWS-1][0:COLUMNS-1];
    reg signed [SUM_BITS-1:0] partial_sum      [0:ROWS-1][0:COLUMNS-1];

    // In reset, phase 0: every element takes what comes, so all are filled with known values.
    wire load_first = phase < 3'd2;
    wire swap_first = phase == 3'd0 || phase == 3'd4;

    integer r, c;
    always @(posedge clk_i) begin
        phase <= rst_ni ? phase + 3'd1 : 3'd0;
        for (r = 0; r < ROWS; r = r + 1) begin
            if (!rst_ni) activation_state[r] <= 32'd1;
            else activation_state[r] <= {activation_state[r][18:0], activation_state[r][31:19]}
                + ((r == 0 ? 32'h9e3779b9 : activation_state[r == 0 ? 0 : r - 1]) ^ 32'h7f4a7c15);
            load_row[r] <= r == 0 ? load_first : load_row[r == 0 ? 0 : r - 1];
            swap_row[r] <= r == 0 ? swap_first : swap_row[r == 0 ? 0 : r - 1];
        end
        for (c = 0; c < COLUMNS; c = c + 1) begin
            if (!rst_ni) weight_state[c] <= 32'd1;
            else weight_state[c] <= {weight_state[c][18:0], weight_state[c][31:19]}
                + ((c == 0 ? 32'h9e3779b9 : weight_state[c == 0 ? 0 : c - 1]) ^ 32'h7f4a7c15);
            if (!rst_ni) signature[c] <= 32'd0;
            else signature[c] <= {signature[c][30:0], signature[c][31]}
                ^ {{(32-SUM_BITS){1'b0}}, partial_sum[ROWS-1][c]};
        end
        for (r = 0; r < ROWS; r = r + 1) begin
            for (c = 0; c < COLUMNS; c = c + 1) begin
                if (c == 0 ? (r == 0 ? load_first : load_row[r == 0 ? 0 : r - 1]) : load[r][c == 0 ? 0 : c - 1])
                    shadow[r][c] <= r == 0 ? weight_state[c][7:0] : shadow[r == 0 ? 0 : r - 1][c];
                if (c == 0 ? (r == 0 ? swap_first : swap_row[r == 0 ? 0 : r - 1]) : swap[r][c == 0 ? 0 : c - 1])
                    weight[r][c] <= shadow[r][c];
                load[r][c] <= c == 0 ? (r == 0 ? load_first : load_row[r == 0 ? 0 : r - 1])
                    : load[r][c == 0 ? 0 : c - 1];
                swap[r][c] <= c == 0 ? (r == 0 ? swap_first : swap_row[r == 0 ? 0 : r - 1])
                    : swap[r][c == 0 ? 0 : c - 1];
                activation[r][c] <= c == 0 ? activation_state[r][7:0] : activation[r][c == 0 ? 0 : c - 1];
                product[r][c] <= $signed(c == 0 ? activation_state[r][7:0] : activation[r][c == 0 ? 0 : c - 1])
                    * weight[r][c];
                partial_sum[r][c] <= (r == 0 ? {SUM_BITS{1'b0}} : partial_sum[r == 0 ? 0 : r - 1][c])
                    + {{(SUM_BITS-16){product[r][c][15]}}, product[r][c]};
            end
        end
    end

    genvar i;
    generate
        for (i = 0; i < COLUMNS; i = i + 1) begin : outputs
            assign signature_o[32*i +: 32] = signature[i];
        end
    endgenerate
endmodule

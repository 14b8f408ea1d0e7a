// Weight-stationary systolic array in one module, written for the simulator: blocking assignments
// in place, from the last element to the first, so that nothing is copied.
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
    // Row 0 and column 0 are what enters at the edges.
    reg [2:0]                 phase;
    reg [31:0]                activation_state [0:ROWS];
    reg [31:0]                weight_state     [0:COLUMNS];
    reg [31:0]                signature        [0:COLUMNS];
    reg signed [7:0]          activation       [0:ROWS][0:COLUMNS];
    reg                       load             [0:ROWS][0:COLUMNS];
    reg                       swap             [0:ROWS][0:COLUMNS];
    reg signed [7:0]          shadow           [0:ROWS][0:COLUMNS];
    reg signed [7:0]          weight           [0:ROWS][0:COLUMNS];
    reg signed [15:0]         product          [0:ROWS][0:COLUMNS];
    reg signed [SUM_BITS-1:0] partial_sum      [0:ROWS][0:COLUMNS];

    integer r, c;
    always @(posedge clk_i) begin
        for (c = 1; c <= COLUMNS; c = c + 1)
            signature[c] = rst_ni ? {signature[c][30:0], signature[c][31]}
                ^ {{(32-SUM_BITS){1'b0}}, partial_sum[ROWS][c]} : 32'd0;
        for (r = ROWS; r > 0; r = r - 1) begin
            for (c = 1; c <= COLUMNS; c = c + 1) partial_sum[r][c] = partial_sum[r - 1][c] + product[r][c];
            for (c = 1; c <= COLUMNS; c = c + 1) product[r][c] = activation[r][c - 1] * weight[r][c];
            for (c = 1; c <= COLUMNS; c = c + 1) weight[r][c] = swap[r][c - 1] ? shadow[r][c] : weight[r][c];
            for (c = 1; c <= COLUMNS; c = c + 1) shadow[r][c] = load[r][c - 1] ? shadow[r - 1][c] : shadow[r][c];
            for (c = COLUMNS; c > 0; c = c - 1) activation[r][c] = activation[r][c - 1];
            for (c = COLUMNS; c > 0; c = c - 1) load[r][c] = load[r][c - 1];
            for (c = COLUMNS; c > 0; c = c - 1) swap[r][c] = swap[r][c - 1];
        end
        for (r = ROWS; r > 1; r = r - 1) begin
            load[r][0] = load[r - 1][0];
            swap[r][0] = swap[r - 1][0];
        end
        phase = rst_ni ? phase + 3'd1 : 3'd0;
        load[1][0] = phase < 3'd2;
        swap[1][0] = phase == 3'd0 || phase == 3'd4;
        for (r = ROWS; r > 0; r = r - 1) begin
            activation_state[r] = rst_ni ? {activation_state[r][18:0], activation_state[r][31:19]}
                + ((r == 1 ? 32'h9e3779b9 : activation_state[r - 1]) ^ 32'h7f4a7c15) : 32'd1;
            activation[r][0] = activation_state[r][7:0];
        end
        for (c = COLUMNS; c > 0; c = c - 1) begin
            weight_state[c] = rst_ni ? {weight_state[c][18:0], weight_state[c][31:19]}
                + ((c == 1 ? 32'h9e3779b9 : weight_state[c - 1]) ^ 32'h7f4a7c15) : 32'd1;
            shadow[0][c] = weight_state[c][7:0];
        end
        for (c = 1; c <= COLUMNS; c = c + 1) partial_sum[0][c] = {SUM_BITS{1'b0}};
    end

    genvar i;
    generate
        for (i = 0; i < COLUMNS; i = i + 1) begin : outputs
            assign signature_o[32*i +: 32] = signature[i + 1];
        end
    endgenerate
endmodule

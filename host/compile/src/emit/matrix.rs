//! Array stages: CONVs and the DRAINs of their sinks.

use super::assembler::{ArrayRegisters, Assembler, PostRegisters, Span};
use super::post::PostWalk;
use super::{Layout, limited};
use crate::error::{CompileError, Place};
use crate::network::{Finish, Matrix, Sink, Stage};
use crate::pack::Packed;
use crate::reduction::{Pass, RowsLie, Walk, reduction};
use crate::tile::{PixelTile, pixel_tiles};
use myelin_isa::{Architecture, Header, Instruction, PostOperands, array_descriptor as at};

/// Output channels that share a CONV, with their weights and biases.
struct ColumnTile {
    pass: Pass,
    walk: Walk,
    first: usize,
    count: usize,
    weight_base: u16,
    bias_word: u16,
}

pub(super) fn emit(
    stage: &Stage,
    matrix: &Matrix,
    layout: &Layout,
    packed: &mut Packed,
    assembler: &mut Assembler,
) -> Result<(), CompileError> {
    let depth = layout.architecture.accumulator_depth() as usize;
    let window = stage.sinks.first().and_then(|sink| sink.window);
    let pixels =
        pixel_tiles(matrix.output, window, depth).expect("invariant: windows that do not fit have been split off");
    // Positions in a row are signed, with two bits more than lane addresses.
    let row_lanes_max = 2 * u64::from(layout.architecture.activation_lanes()) - 1;
    check_limits(matrix, layout.architecture, row_lanes_max, &stage.place)?;
    let columns = column_tiles(matrix, layout, packed, &stage.place)?;
    for tile in pixels.iter() {
        for column in &columns {
            assembler.count_tile(&stage.place)?;
            let half = assembler.take_half();
            convolve(matrix, &tile, column, half, layout, assembler, &stage.place)?;
            for sink in &stage.sinks {
                drain(sink, &tile, column, half, layout, assembler, &stage.place)?;
            }
        }
    }
    Ok(())
}

/// Packs the layer's weights and biases.
fn column_tiles(
    matrix: &Matrix,
    layout: &Layout,
    packed: &mut Packed,
    place: &Place,
) -> Result<Vec<ColumnTile>, CompileError> {
    let columns = layout.architecture.columns() as usize;
    let mut tiles = Vec::new();
    for (pass, walk) in reduction(matrix, RowsLie::Together, layout.architecture) {
        limited(place, "lanes of a run", walk.run_lanes, 0xffff)?;
        limited(place, "kernel columns", walk.kernel_columns, 0xff)?;
        limited(place, "kernel rows", walk.kernel_rows, 0xff)?;
        let outputs = matrix.group_outputs();
        let (start, end) = (pass.first_group * outputs, (pass.first_group + pass.groups) * outputs);
        for first in (start..end).step_by(columns) {
            let count = columns.min(end - first);
            let weight_base = packed.push_weights(matrix, (pass, walk), first, count, place)?;
            let bias_word = packed.push_biases(&matrix.biases[first..first + count], place)?;
            tiles.push(ColumnTile { pass, walk, first, count, weight_base, bias_word });
        }
    }
    Ok(tiles)
}

/// Sizes that the fields of CONV hold, whatever the tile; `row_lanes_max` is the most for a row.
pub(crate) fn check_limits(
    matrix: &Matrix,
    architecture: &Architecture,
    row_lanes_max: u64,
    place: &Place,
) -> Result<(), CompileError> {
    let shape = matrix.input.shape;
    limited(place, "input rows with padding", shape.height + 2 * matrix.padding[0], 0x7fff)?;
    limited(place, "row stride", matrix.strides[0], 0x7fff)?;
    limited(place, "row dilation", matrix.dilation[0], 0x7fff)?;
    // The last chunk of a run may look beyond its end.
    let row_lanes = (shape.width + 2 * matrix.padding[1]) * matrix.input.pitch + architecture.rows() as usize;
    limited(place, "lanes of an input row with padding", row_lanes, row_lanes_max)?;
    Ok(())
}

fn convolve(
    matrix: &Matrix,
    tile: &PixelTile,
    column: &ColumnTile,
    half: u8,
    layout: &Layout,
    assembler: &mut Assembler,
    place: &Place,
) -> Result<(), CompileError> {
    let (input, walk) = (matrix.input, column.walk);
    let row_lanes = input.shape.width * input.pitch;
    let first_channel = input.offset + column.pass.first_group * matrix.group_inputs();
    let x_start = (tile.columns.start * matrix.strides[1]) as i64 - matrix.padding[1] as i64;
    let x_start = x_start * input.pitch as i64 + first_channel as i64;
    let y_start = (tile.rows.start * matrix.strides[0]) as i64 - matrix.padding[0] as i64;
    // The row may lie outside the map: addresses wrap, and nothing is read there.
    let row_address = i64::from(layout.addresses[input.buffer.0]) + y_start * row_lanes as i64;
    let instruction = Instruction::Convolve {
        header: Header::default(),
        half,
        accumulate: false,
        row_address: row_address as u32,
        x_start: x_start as i32,
        y_start: y_start as i16,
        weight_base: column.weight_base,
    };
    let registers = array_registers(matrix, tile, &walk, place)?;
    let reach = (matrix.kernel[0] - 1) * matrix.dilation[0] + 1;
    let last = y_start + ((tile.rows.count - 1) * matrix.strides[0] + reach) as i64;
    let (first, end) = (y_start.max(0) as usize, last.clamp(0, input.shape.height as i64) as usize);
    let reads = layout.rows(input, first.min(end), end - first.min(end));
    assembler.push_array(&registers, instruction, vec![reads], vec![Span::half(half)]);
    Ok(())
}

fn array_registers(
    matrix: &Matrix,
    tile: &PixelTile,
    walk: &Walk,
    place: &Place,
) -> Result<ArrayRegisters, CompileError> {
    let input = matrix.input;
    let row_lanes = input.shape.width * input.pitch;
    let [row_stride, column_stride] = matrix.strides;
    let (rows, columns) = (tile.rows.count, tile.columns.count);
    // A step that is never taken may be anything.
    let step = |taken: bool, lanes: usize| taken.then_some(lanes as u32);
    let mut registers: ArrayRegisters = [None; at::COUNT as usize];
    let mut set = |index: u8, value: Option<u32>| registers[usize::from(index)] = value;
    set(at::PIXELS, Some(columns as u32 | (rows as u32) << 16));
    let chunks = limited(place, "chunks of a run", walk.chunks, 0xffff)?;
    set(at::KERNEL, Some(chunks | (walk.kernel_columns as u32) << 16 | (walk.kernel_rows as u32) << 24));
    set(at::LIMITS, Some(input.shape.height as u32 | (walk.run_lanes as u32) << 16));
    set(at::ROW_STEP, step(rows > 1, row_stride.wrapping_mul(row_lanes)));
    set(at::KERNEL_ROW_STEP, step(walk.kernel_rows > 1, matrix.dilation[0].wrapping_mul(row_lanes)));
    let (row_stride, row_dilation) = (row_stride as u32, matrix.dilation[0] as u32);
    set(at::Y_STEPS, (rows > 1 || walk.kernel_rows > 1).then_some(row_stride | row_dilation << 16));
    set(at::COLUMN_STEP, step(columns > 1, column_stride * input.pitch));
    set(at::KERNEL_COLUMN_STEP, step(walk.kernel_columns > 1, walk.kernel_column_step));
    set(at::X_LIMIT, Some(walk.x_limit as u32));
    Ok(registers)
}

fn drain(
    sink: &Sink,
    tile: &PixelTile,
    column: &ColumnTile,
    half: u8,
    layout: &Layout,
    assembler: &mut Assembler,
    place: &Place,
) -> Result<(), CompileError> {
    let destination = sink.destination;
    let row_lanes = destination.shape.width * destination.pitch;
    let width = tile.columns.count;
    let mut walk = PostWalk {
        output: [tile.result_rows.count, tile.result_columns.count],
        column_step: 1,
        row_step: width,
        destination_column_step: destination.pitch,
        destination_row_step: row_lanes,
        ..PostWalk::of(sink.finish)
    };
    let mut source = 0i64;
    if let Some(window) = sink.window {
        let (y, x) = (window.start(0, tile.result_rows.start), window.start(1, tile.result_columns.start));
        // Of the map down to the tile's end, though only the tile is read: what lies before it, no window sees.
        let limits = [tile.rows.start + tile.rows.count, tile.columns.start + width];
        walk = walk.over(&window, [y, x], limits, [1, width]);
        // Negative where the first window hangs over the edge: those elements are left out.
        source = (y - tile.rows.start as i64) * width as i64 + x - tile.columns.start as i64;
    }
    if let Finish::Raw { planes } = sink.finish {
        walk.outer = planes as usize;
        walk.destination_outer_step = destination.shape.lanes();
    }
    let registers: PostRegisters = walk.registers(layout.architecture, place)?;
    let first = tile.result_rows.start * row_lanes + tile.result_columns.start * destination.pitch + column.first;
    let operands = PostOperands {
        half,
        raw: sink.finish.is_raw(),
        look_up: sink.finish.table().is_some(),
        lane_count: column.count as u8,
        source: source as u32,
        destination: layout.address(destination) + first as u32,
        bias_word: column.bias_word,
    };
    let writes = layout.rows(destination, tile.result_rows.start, tile.result_rows.count);
    let instruction = Instruction::Drain { header: Header::default(), operands };
    assembler.hold_table(sink.finish.table());
    assembler.push_post(&registers, instruction, vec![Span::half(half)], vec![writes]);
    Ok(())
}

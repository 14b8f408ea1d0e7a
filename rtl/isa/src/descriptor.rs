//! The fields of the array and post units' descriptors: one decoding for everything that executes programs in software.

use crate::registers::{array_descriptor, post_descriptor};

const fn low(register: u32) -> u32 {
    register & 0xffff
}

const fn high(register: u32) -> u32 {
    register >> 16
}

const fn signed(half: u32) -> i32 {
    half as u16 as i16 as i32
}

/// What a CONV walks: the fields of [`array_descriptor`], which has their meaning. Any registers decode; what
/// [`ArrayDescriptor::counts`] lists must not be 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArrayDescriptor {
    /// Output columns of the tile, 16 bits.
    pub output_columns: u32,
    /// Output rows of the tile, 16 bits.
    pub output_rows: u32,
    /// Chunks in a run, 16 bits.
    pub chunks: u32,
    /// Runs in a kernel row, 8 bits.
    pub kernel_columns: u32,
    /// Kernel rows, 8 bits.
    pub kernel_rows: u32,
    /// Input rows, 16 bits: rows outside `0..y_limit` are padding.
    pub y_limit: i32,
    /// Lanes in a run, 16 bits: those beyond are padding.
    pub run_lanes: u32,
    /// Lanes from an output row's input row to the next one's, modulo 2^32.
    pub row_step: u32,
    /// Lanes from a kernel row's input row to the next one's, modulo 2^32.
    pub kernel_row_step: u32,
    /// Input rows from output row to output row, 16 bits.
    pub y_row_step: i32,
    /// Input rows from kernel row to kernel row, 16 bits.
    pub y_kernel_step: i32,
    /// Lanes from output column to output column.
    pub column_step: i32,
    /// Lanes from run to run in a kernel row.
    pub kernel_column_step: i32,
    /// Lanes in an input row: those outside `0..x_limit` are padding.
    pub x_limit: i32,
}

impl ArrayDescriptor {
    /// The fields of a unit's registers.
    pub const fn from_registers(registers: &[u32; array_descriptor::COUNT as usize]) -> ArrayDescriptor {
        use array_descriptor as at;
        let [pixels, kernel, limits, y_steps] = [
            registers[at::PIXELS as usize],
            registers[at::KERNEL as usize],
            registers[at::LIMITS as usize],
            registers[at::Y_STEPS as usize],
        ];
        ArrayDescriptor {
            output_columns: low(pixels),
            output_rows: high(pixels),
            chunks: low(kernel),
            kernel_columns: high(kernel) & 0xff,
            kernel_rows: high(kernel) >> 8,
            y_limit: low(limits) as i32,
            run_lanes: high(limits),
            row_step: registers[at::ROW_STEP as usize],
            kernel_row_step: registers[at::KERNEL_ROW_STEP as usize],
            y_row_step: low(y_steps) as i32,
            y_kernel_step: high(y_steps) as i32,
            column_step: registers[at::COLUMN_STEP as usize] as i32,
            kernel_column_step: registers[at::KERNEL_COLUMN_STEP as usize] as i32,
            x_limit: registers[at::X_LIMIT as usize] as i32,
        }
    }

    /// What must be at least 1, with names for people.
    pub const fn counts(&self) -> [(&'static str, u32); 5] {
        [
            ("output columns", self.output_columns),
            ("output rows", self.output_rows),
            ("chunks", self.chunks),
            ("kernel columns", self.kernel_columns),
            ("kernel rows", self.kernel_rows),
        ]
    }
}

/// What a DRAIN, ELTW or POOL walks: the fields of [`post_descriptor`], which has their meaning. Any registers decode; what
/// [`PostDescriptor::counts`] lists must not be 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PostDescriptor {
    /// Window columns, 8 bits.
    pub window_columns: u32,
    /// Window rows, 8 bits.
    pub window_rows: u32,
    /// Channel chunks or planes, 16 bits.
    pub outer_count: u32,
    /// Output columns, 16 bits.
    pub output_columns: u32,
    /// Output rows, 16 bits.
    pub output_rows: u32,
    /// Rows of the source map, 16 bits.
    pub y_limit: i32,
    /// Columns of the source map, 16 bits.
    pub x_limit: i32,
    /// Source row of the first window element, 16 bits and sign.
    pub y_start: i32,
    /// Source column of the first window element, 16 bits and sign.
    pub x_start: i32,
    /// Source rows from output row to output row, 16 bits.
    pub y_stride: i32,
    /// Source columns from output column to output column, 16 bits.
    pub x_stride: i32,
    /// Source step from window column to window column; steps are modulo 2^32.
    pub window_column_step: u32,
    /// From window row to window row.
    pub window_row_step: u32,
    /// From output column to output column.
    pub column_step: u32,
    /// From output row to output row.
    pub row_step: u32,
    /// Of the outer loop.
    pub outer_step: u32,
    /// Destination step from output column to output column.
    pub destination_column_step: u32,
    /// From output row to output row.
    pub destination_row_step: u32,
    /// Of the outer loop.
    pub destination_outer_step: u32,
    /// Shift of the requantisation, 0 to 31.
    pub shift: u32,
    /// Least result.
    pub low: i8,
    /// Greatest result.
    pub high: i8,
}

impl PostDescriptor {
    /// The fields of a unit's registers.
    pub const fn from_registers(registers: &[u32; post_descriptor::COUNT as usize]) -> PostDescriptor {
        use post_descriptor as at;
        let [window, pixels, limits, start, strides, requantise] = [
            registers[at::WINDOW as usize],
            registers[at::PIXELS as usize],
            registers[at::LIMITS as usize],
            registers[at::START as usize],
            registers[at::STRIDES as usize],
            registers[at::REQUANTISE as usize],
        ];
        PostDescriptor {
            window_columns: low(window) & 0xff,
            window_rows: low(window) >> 8,
            outer_count: high(window),
            output_columns: low(pixels),
            output_rows: high(pixels),
            y_limit: low(limits) as i32,
            x_limit: high(limits) as i32,
            y_start: signed(low(start)),
            x_start: signed(high(start)),
            y_stride: low(strides) as i32,
            x_stride: high(strides) as i32,
            window_column_step: registers[at::WINDOW_COLUMN_STEP as usize],
            window_row_step: registers[at::WINDOW_ROW_STEP as usize],
            column_step: registers[at::COLUMN_STEP as usize],
            row_step: registers[at::ROW_STEP as usize],
            outer_step: registers[at::OUTER_STEP as usize],
            destination_column_step: registers[at::DESTINATION_COLUMN_STEP as usize],
            destination_row_step: registers[at::DESTINATION_ROW_STEP as usize],
            destination_outer_step: registers[at::DESTINATION_OUTER_STEP as usize],
            shift: requantise & 31,
            low: (requantise >> 8) as u8 as i8,
            high: (requantise >> 16) as u8 as i8,
        }
    }

    /// What must be at least 1, with names for people.
    pub const fn counts(&self) -> [(&'static str, u32); 5] {
        [
            ("window columns", self.window_columns),
            ("window rows", self.window_rows),
            ("outer count", self.outer_count),
            ("output columns", self.output_columns),
            ("output rows", self.output_rows),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers with all ones in one of them.
    fn only<const N: usize>(index: u8) -> [u32; N] {
        let mut registers = [0; N];
        registers[usize::from(index)] = u32::MAX;
        registers
    }

    #[test]
    fn each_array_register_sets_its_own_fields_and_no_others() {
        use array_descriptor as at;
        let none = ArrayDescriptor::default();
        let (half, all) = (0xffff, u32::MAX);
        let expected = [
            (at::PIXELS, ArrayDescriptor { output_columns: half, output_rows: half, ..none }),
            (at::KERNEL, ArrayDescriptor { chunks: half, kernel_columns: 0xff, kernel_rows: 0xff, ..none }),
            (at::LIMITS, ArrayDescriptor { y_limit: 0xffff, run_lanes: half, ..none }),
            (at::ROW_STEP, ArrayDescriptor { row_step: all, ..none }),
            (at::KERNEL_ROW_STEP, ArrayDescriptor { kernel_row_step: all, ..none }),
            (at::Y_STEPS, ArrayDescriptor { y_row_step: 0xffff, y_kernel_step: 0xffff, ..none }),
            (at::COLUMN_STEP, ArrayDescriptor { column_step: -1, ..none }),
            (at::KERNEL_COLUMN_STEP, ArrayDescriptor { kernel_column_step: -1, ..none }),
            (at::X_LIMIT, ArrayDescriptor { x_limit: -1, ..none }),
        ];
        assert_eq!(expected.len(), usize::from(at::COUNT));
        for (index, fields) in expected {
            assert_eq!(ArrayDescriptor::from_registers(&only(index)), fields, "register {index}");
        }
    }

    #[test]
    fn each_post_register_sets_its_own_fields_and_no_others() {
        use post_descriptor as at;
        let none = PostDescriptor::default();
        let (half, all) = (0xffff, u32::MAX);
        let expected = [
            (at::WINDOW, PostDescriptor { window_columns: 0xff, window_rows: 0xff, outer_count: half, ..none }),
            (at::PIXELS, PostDescriptor { output_columns: half, output_rows: half, ..none }),
            (at::LIMITS, PostDescriptor { y_limit: 0xffff, x_limit: 0xffff, ..none }),
            (at::START, PostDescriptor { y_start: -1, x_start: -1, ..none }),
            (at::STRIDES, PostDescriptor { y_stride: 0xffff, x_stride: 0xffff, ..none }),
            (at::WINDOW_COLUMN_STEP, PostDescriptor { window_column_step: all, ..none }),
            (at::WINDOW_ROW_STEP, PostDescriptor { window_row_step: all, ..none }),
            (at::COLUMN_STEP, PostDescriptor { column_step: all, ..none }),
            (at::ROW_STEP, PostDescriptor { row_step: all, ..none }),
            (at::OUTER_STEP, PostDescriptor { outer_step: all, ..none }),
            (at::DESTINATION_COLUMN_STEP, PostDescriptor { destination_column_step: all, ..none }),
            (at::DESTINATION_ROW_STEP, PostDescriptor { destination_row_step: all, ..none }),
            (at::DESTINATION_OUTER_STEP, PostDescriptor { destination_outer_step: all, ..none }),
            (at::REQUANTISE, PostDescriptor { shift: 31, low: -1, high: -1, ..none }),
            (at::COUNT - 1, none),
        ];
        for (index, fields) in expected {
            assert_eq!(PostDescriptor::from_registers(&only(index)), fields, "register {index}");
        }
    }
}

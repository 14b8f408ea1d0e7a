//! The network as stages on maps in the activation scratchpad, before tiles and addresses.

use crate::error::Place;
use crate::requantise::Requantise;

/// A map's channels, rows and columns; lanes lie as `[row][column][channel]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapShape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl MapShape {
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    pub fn lanes(self) -> usize {
        self.pixels() * self.channels
    }

    pub fn sizes(self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }
}

/// Position of a buffer in [`Network::buffers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BufferId(pub usize);

/// A stretch of the activation scratchpad: `planes` maps of `shape` after each other (1, or those
/// of raw 32-bit values).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub shape: MapShape,
    pub planes: u32,
    /// The layer it was made for, for error messages.
    pub place: Place,
}

impl Buffer {
    pub fn lanes(&self) -> usize {
        self.shape.lanes() * self.planes as usize
    }
}

/// Some channels of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub buffer: BufferId,
    /// First channel within the buffer's pixels.
    pub offset: usize,
    /// The map it is: channels of the slice, rows and columns of the buffer.
    pub shape: MapShape,
    /// Lanes from pixel to pixel: the buffer's channels.
    pub pitch: usize,
}

impl Slice {
    /// Whether all lanes of the map follow each other.
    pub fn is_tight(&self) -> bool {
        self.pitch == self.shape.channels
    }
}

/// A window moving over a map; pairs are `[rows, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub size: [usize; 2],
    pub strides: [usize; 2],
    pub padding: [usize; 2],
    /// Rows and columns of the result.
    pub output: [usize; 2],
}

impl Window {
    /// One element at a time over a map.
    pub fn unit(map: MapShape) -> Window {
        Window { size: [1; 2], strides: [1; 2], padding: [0; 2], output: [map.height, map.width] }
    }

    /// Row (axis 0) or column (1) of the map where the window of a result begins; negative in the padding.
    pub fn start(&self, axis: usize, result: usize) -> i64 {
        (result * self.strides[axis]) as i64 - self.padding[axis] as i64
    }
}

/// Position of a table in [`Network::tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableId(pub usize);

/// What a stage does with its 32-bit results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Stored as lanes.
    Requantise(Requantise),
    /// The table's entries for what would be stored as lanes.
    LookUp { requantise: Requantise, table: TableId },
    /// Stored as planes of 32-bit values, so many.
    Raw { planes: u32 },
}

impl Finish {
    /// The table it needs.
    pub fn table(self) -> Option<TableId> {
        if let Finish::LookUp { table, .. } = self { Some(table) } else { None }
    }

    pub fn is_raw(self) -> bool {
        matches!(self, Finish::Raw { .. })
    }

    /// As two steps, between which the value is stored as lanes: `None` if it is too wide for that.
    pub fn in_two(self) -> Option<[Finish; 2]> {
        let (requantise, rest) = match self {
            Finish::Requantise(requantise) => (requantise, Finish::Requantise(Requantise::IDENTITY)),
            Finish::LookUp { requantise, table } => {
                (requantise, Finish::LookUp { requantise: Requantise::IDENTITY, table })
            }
            Finish::Raw { .. } => return None,
        };
        Some([Finish::Requantise(requantise), rest])
    }
}

/// One use of a stage's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sink {
    /// Maxima over windows of the results first.
    pub window: Option<Window>,
    pub finish: Finish,
    pub destination: Slice,
}

/// A convolution or dense layer; pairs are `[rows, columns]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub input: Slice,
    pub output: MapShape,
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
    /// `[output channel][input channel of the group][kernel row][kernel column]`.
    pub weights: Vec<i8>,
    /// One for each output channel.
    pub biases: Vec<i32>,
}

impl Matrix {
    /// Input channels of one group.
    pub fn group_inputs(&self) -> usize {
        self.input.shape.channels / self.groups
    }

    /// Output channels of one group.
    pub fn group_outputs(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Multiply-accumulates of the layer, taps in the padding included.
    pub fn macs(&self) -> u64 {
        self.output.lanes() as u64 * (self.group_inputs() * self.kernel[0] * self.kernel[1]) as u64
    }
}

/// How the elements of a window make one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combine {
    /// The greatest.
    Maximum,
    /// All together.
    Sum,
}

/// Where a stage's results come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The array.
    Matrix(Matrix),
    /// The sum of two maps.
    Add { a: Slice, b: Slice },
    /// Maxima or sums over windows of a map; a copy when the windows are single elements.
    Pool { input: Slice, window: Window, combine: Combine },
    /// Every element repeated in `scale` rows and columns.
    Enlarge { input: Slice, scale: usize },
}

impl Source {
    /// The slices it reads.
    pub fn reads(&self) -> impl Iterator<Item = Slice> {
        let (first, second) = match self {
            Source::Matrix(matrix) => (matrix.input, None),
            Source::Add { a, b } => (*a, Some(*b)),
            Source::Pool { input, .. } | Source::Enlarge { input, .. } => (*input, None),
        };
        core::iter::once(first).chain(second)
    }
}

/// Work between two stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    pub place: Place,
    pub source: Source,
    /// At least one.
    pub sinks: Vec<Sink>,
}

/// A head of the graph as the host gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub slice: Slice,
    /// Raw heads: planes to join, and what the host still has to do to the value.
    pub raw: Option<(u32, Requantise)>,
}

/// Stages in an order in which each reads what earlier ones (or the input) wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub buffers: Vec<Buffer>,
    pub stages: Vec<Stage>,
    /// For each table, what the lane of every value becomes, in the order of the hardware's entries.
    pub tables: Vec<Vec<i8>>,
    /// The buffers the inputs are loaded to, at least one.
    pub inputs: Vec<Slice>,
    pub heads: Vec<Head>,
}

//! Stacks of equal convolutions, to measure one kind of layer.

use std::fmt;
use std::str::FromStr;

use myelin_graph::{Graph, GraphError};

use crate::layers::Layers;

/// Layers of a stack: bringing the picture in and the average out then weigh little.
const LAYERS: usize = 4;

/// Four equal 3x3 convolutions with rectifier and requantisation on a square picture, padded to keep
/// its size, and an average over the picture.
///
/// Written as `conv3x3-<channels>x<side>`:
///
/// ```
/// use myelin_zoo::Convolutions;
///
/// let stack: Convolutions = "conv3x3-64x56".parse()?;
/// assert_eq!((stack.channels, stack.side), (64, 56));
/// assert_eq!(stack.build(1)?.total_macs(), 4 * 64 * 64 * 9 * 56 * 56);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Convolutions {
    /// Channels of every picture, 1 to 4096.
    pub channels: usize,
    /// Rows and columns of every picture, 1 to 512.
    pub side: usize,
}

impl Convolutions {
    /// The 3x3 layers of ResNet and VGG, and one of the peers' favourites.
    pub const ALL: [Convolutions; 5] = [
        Convolutions { channels: 64, side: 56 },
        Convolutions { channels: 128, side: 28 },
        Convolutions { channels: 256, side: 14 },
        Convolutions { channels: 512, side: 7 },
        Convolutions { channels: 256, side: 56 },
    ];

    /// Builds the graph; the same seed gives the same weights everywhere.
    ///
    /// **Errors.** For sizes beyond those stated.
    pub fn build(self, seed: u64) -> Result<Graph, GraphError> {
        let mut layers = Layers::with_channels(seed, self.channels, self.side, 8)?;
        let mut x = layers.input();
        for _ in 0..LAYERS {
            x = layers.relu_conv(x, self.channels, 3, 1, 1)?;
        }
        let y = layers.global_average(x)?;
        layers.finish(y)
    }
}

impl fmt::Display for Convolutions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv3x3-{}x{}", self.channels, self.side)
    }
}

/// A text that is not `conv3x3-<channels>x<side>` in their ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadConvolutions {
    /// The text found.
    pub found: String,
}

impl fmt::Display for BadConvolutions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer is {:?}, expected conv3x3-<channels>x<side>, 1 to 4096 channels and side 1 to 512", self.found)
    }
}

impl std::error::Error for BadConvolutions {}

impl FromStr for Convolutions {
    type Err = BadConvolutions;

    fn from_str(text: &str) -> Result<Convolutions, BadConvolutions> {
        let sizes = text.strip_prefix("conv3x3-").and_then(|sizes| sizes.split_once('x'));
        let sizes = sizes.and_then(|(channels, side)| Some((channels.parse().ok()?, side.parse().ok()?)));
        match sizes {
            Some((channels @ 1..=4096, side @ 1..=512)) => Ok(Convolutions { channels, side }),
            _ => Err(BadConvolutions { found: text.to_owned() }),
        }
    }
}

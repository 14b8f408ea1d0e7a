//! The reference workload: well-known networks as integer graphs with seeded weights.
//!
//! Architectures are the published ones (batch 1, 1000 classes); weights are seeded random numbers,
//! so the answers mean nothing, but shapes, multiply-accumulates, parameters and memory are those of
//! the originals. Batch normalisation is folded into convolutions, as it is before quantisation;
//! average pools over the whole picture are sums with a requantisation; other average pools are
//! convolutions with constant depthwise weights; local response normalisation, which the chain has
//! no operator for, is left out.
//!
//! **Numbers.** INT8 weights and activations, 16-bit biases, requantised by shifts that keep the
//! spread of the data about the same from layer to layer.
//!
//! ```
//! use myelin_zoo::Architecture;
//!
//! let graph = Architecture::SqueezeNet1_1.build(1)?;
//! assert_eq!(*graph.input_shape(), [1, 3, 224, 224]);
//! assert_eq!(*graph.shape(graph.heads()[0]), [1, 1000]);
//! # Ok::<(), myelin_graph::GraphError>(())
//! ```

mod convolutions;
mod inception;
mod layers;
mod plain;
mod residual;

pub use convolutions::Convolutions;
use layers::Layers;
use myelin_graph::{Graph, GraphError};
use std::fmt;
use std::str::FromStr;

/// A network of the reference workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// AlexNet with one tower's layers in two groups, as Caffe ships it; 227x227 pictures.
    CaffeNet,
    /// Network in Network for ImageNet.
    NiN,
    /// SqueezeNet 1.1.
    SqueezeNet1_1,
    /// VGG with 16 layers.
    Vgg16,
    /// VGG with 19 layers.
    Vgg19,
    /// Inception with batch normalisation.
    InceptionBn,
    /// ResNet with 50 layers.
    ResNet50,
    /// ResNet with 152 layers.
    ResNet152,
    /// ResNeXt with 101 layers, 64 groups, width 4.
    ResNeXt101,
}

impl Architecture {
    /// All of them, in the order of the tables.
    pub const ALL: [Architecture; 9] = [
        Architecture::CaffeNet,
        Architecture::NiN,
        Architecture::SqueezeNet1_1,
        Architecture::Vgg16,
        Architecture::Vgg19,
        Architecture::InceptionBn,
        Architecture::ResNet50,
        Architecture::ResNet152,
        Architecture::ResNeXt101,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::CaffeNet => "caffenet",
            Self::NiN => "nin",
            Self::SqueezeNet1_1 => "squeezenet1.1",
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
            Self::InceptionBn => "inception-bn",
            Self::ResNet50 => "resnet50",
            Self::ResNet152 => "resnet152",
            Self::ResNeXt101 => "resnext101-64x4d",
        }
    }

    /// Builds the graph; the same seed gives the same weights everywhere.
    ///
    /// **Errors.** None of the graph's rules is broken; the type is the builder's.
    pub fn build(self, seed: u64) -> Result<Graph, GraphError> {
        self.build_bits(seed, 8)
    }

    /// [`Architecture::build`] with weights and activations of six bits, as INT6 cells take them.
    ///
    /// **Errors.** As [`Architecture::build`].
    pub fn build_int6(self, seed: u64) -> Result<Graph, GraphError> {
        self.build_bits(seed, 6)
    }

    fn build_bits(self, seed: u64, bits: u8) -> Result<Graph, GraphError> {
        let side = if self == Self::CaffeNet { 227 } else { 224 };
        let mut layers = Layers::new(seed, side, bits)?;
        let x = layers.input();
        let y = match self {
            Self::CaffeNet => plain::caffenet(&mut layers, x)?,
            Self::NiN => plain::nin(&mut layers, x)?,
            Self::SqueezeNet1_1 => plain::squeezenet(&mut layers, x)?,
            Self::Vgg16 => plain::vgg(&mut layers, x, [2, 2, 3, 3, 3])?,
            Self::Vgg19 => plain::vgg(&mut layers, x, [2, 2, 4, 4, 4])?,
            Self::InceptionBn => inception::inception_bn(&mut layers, x)?,
            Self::ResNet50 => residual::resnet(&mut layers, x, [3, 4, 6, 3])?,
            Self::ResNet152 => residual::resnet(&mut layers, x, [3, 8, 36, 3])?,
            Self::ResNeXt101 => residual::resnext(&mut layers, x, [3, 4, 23, 3])?,
        };
        layers.finish(y)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of [`Architecture::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownArchitecture {
    /// The name found.
    pub found: String,
}

impl fmt::Display for UnknownArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Architecture::ALL.iter().map(|a| a.name()).collect();
        write!(f, "there is no network {:?}, expected one of {}", self.found, names.join(", "))
    }
}

impl std::error::Error for UnknownArchitecture {}

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, UnknownArchitecture> {
        let found = Self::ALL.into_iter().find(|a| a.name() == name);
        found.ok_or_else(|| UnknownArchitecture { found: name.to_owned() })
    }
}

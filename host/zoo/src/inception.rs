//! Inception with batch normalisation.

use crate::layers::Layers;
use myelin_graph::{GraphError, MaxPool2d, ValueId};

type Built = Result<ValueId, GraphError>;

/// The pool of an inception module.
enum Pool {
    /// Average, then a 1x1 layer of so many channels.
    Average(usize),
    /// Maximum, then a 1x1 layer of so many channels.
    Max(usize),
    /// Maximum of stride 2, nothing behind it; the other branches halve the picture as well.
    Halve,
}

/// Channels of a module's branches; the 1x1 branch is absent where the picture is halved.
struct Module {
    one: usize,
    three: [usize; 2],
    double: [usize; 2],
    pool: Pool,
}

fn module(l: &mut Layers, x: ValueId, m: &Module) -> Built {
    let stride = if matches!(m.pool, Pool::Halve) { 2 } else { 1 };
    let mut branches = Vec::new();
    if m.one > 0 {
        branches.push(l.relu_conv(x, m.one, 1, 1, 0)?);
    }
    let y = l.relu_conv(x, m.three[0], 1, 1, 0)?;
    branches.push(l.relu_conv(y, m.three[1], 3, stride, 1)?);
    let y = l.relu_conv(x, m.double[0], 1, 1, 0)?;
    let y = l.relu_conv(y, m.double[1], 3, 1, 1)?;
    branches.push(l.relu_conv(y, m.double[1], 3, stride, 1)?);
    let padded = |stride| MaxPool2d { padding: [1, 1], ..MaxPool2d::square(3, stride) };
    branches.push(match m.pool {
        Pool::Average(channels) => {
            let y = l.average_pool(x)?;
            l.relu_conv(y, channels, 1, 1, 0)?
        }
        Pool::Max(channels) => {
            let y = l.max_pool(x, padded(1))?;
            l.relu_conv(y, channels, 1, 1, 0)?
        }
        Pool::Halve => l.max_pool(x, padded(2))?,
    });
    l.concatenate(&branches)
}

/// **Source.** Ioffe, Szegedy, "Batch Normalization", figure 5; MXNet's `inception-bn`.
pub(crate) fn inception_bn(l: &mut Layers, x: ValueId) -> Built {
    let pool = MaxPool2d { padding: [1, 1], ..MaxPool2d::square(3, 2) };
    let x = l.relu_conv(x, 64, 7, 2, 3)?;
    let x = l.max_pool(x, pool)?;
    let x = l.relu_conv(x, 64, 1, 1, 0)?;
    let x = l.relu_conv(x, 192, 3, 1, 1)?;
    let mut x = l.max_pool(x, pool)?;
    let modules = [
        Module { one: 64, three: [64, 64], double: [64, 96], pool: Pool::Average(32) },
        Module { one: 64, three: [64, 96], double: [64, 96], pool: Pool::Average(64) },
        Module { one: 0, three: [128, 160], double: [64, 96], pool: Pool::Halve },
        Module { one: 224, three: [64, 96], double: [96, 128], pool: Pool::Average(128) },
        Module { one: 192, three: [96, 128], double: [96, 128], pool: Pool::Average(128) },
        Module { one: 160, three: [128, 160], double: [128, 160], pool: Pool::Average(128) },
        Module { one: 96, three: [128, 192], double: [160, 192], pool: Pool::Average(128) },
        Module { one: 0, three: [128, 192], double: [192, 256], pool: Pool::Halve },
        Module { one: 352, three: [192, 320], double: [160, 224], pool: Pool::Average(128) },
        Module { one: 352, three: [192, 320], double: [192, 224], pool: Pool::Max(128) },
    ];
    for m in &modules {
        x = module(l, x, m)?;
    }
    let x = l.global_average(x)?;
    l.dense(x, 1000, crate::layers::Activation::None)
}

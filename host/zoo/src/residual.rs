//! Networks of residual blocks.

use crate::layers::{Activation, Layers};
use myelin_graph::{Conv2d, GraphError, MaxPool2d, ValueId};

type Built = Result<ValueId, GraphError>;

/// A bottleneck: 1x1 to `width`, 3x3 in `groups` (which takes the stride), 1x1 to `channels`.
struct Bottleneck {
    width: usize,
    groups: usize,
    channels: usize,
    stride: usize,
}

fn bottleneck(l: &mut Layers, x: ValueId, block: &Bottleneck) -> Built {
    let y = l.relu_conv(x, block.width, 1, 1, 0)?;
    let three = Conv2d::square(block.width, 3).with_padding(1).with_stride(block.stride).with_groups(block.groups);
    let y = l.conv(y, three, Activation::Relu)?;
    let y = l.conv(y, Conv2d::square(block.channels, 1), Activation::None)?;
    let shortcut = if l.channels(x) == block.channels && block.stride == 1 {
        x
    } else {
        l.conv(x, Conv2d::square(block.channels, 1).with_stride(block.stride), Activation::None)?
    };
    l.join(y, shortcut)
}

fn network(l: &mut Layers, x: ValueId, blocks: [usize; 4], block: impl Fn(usize) -> Bottleneck) -> Built {
    let x = l.relu_conv(x, 64, 7, 2, 3)?;
    let mut x = l.max_pool(x, MaxPool2d { padding: [1, 1], ..MaxPool2d::square(3, 2) })?;
    for (stage, count) in blocks.into_iter().enumerate() {
        for i in 0..count {
            let stride = if stage > 0 && i == 0 { 2 } else { 1 };
            x = bottleneck(l, x, &Bottleneck { stride, ..block(stage) })?;
        }
    }
    let x = l.global_average(x)?;
    l.dense(x, 1000, Activation::None)
}

/// **Source.** He et al., "Deep Residual Learning": strides in the 3x3 layers for the published
/// 4.1 GMAC of 50 layers.
pub(crate) fn resnet(l: &mut Layers, x: ValueId, blocks: [usize; 4]) -> Built {
    network(l, x, blocks, |stage| Bottleneck { width: 64 << stage, groups: 1, channels: 256 << stage, stride: 1 })
}

/// **Source.** Xie et al., "Aggregated Residual Transformations": 64 groups of width 4.
pub(crate) fn resnext(l: &mut Layers, x: ValueId, blocks: [usize; 4]) -> Built {
    network(l, x, blocks, |stage| Bottleneck { width: 256 << stage, groups: 64, channels: 256 << stage, stride: 1 })
}

//! Networks without branches, and SqueezeNet.

use crate::layers::{Activation, Layers};
use myelin_graph::{Conv2d, GraphError, MaxPool2d, ValueId};

type Built = Result<ValueId, GraphError>;

/// A pool whose last, partial window counts, as Caffe's do.
fn ceil_pool(size: usize, stride: usize) -> MaxPool2d {
    MaxPool2d { ceil_mode: true, ..MaxPool2d::square(size, stride) }
}

/// **Source.** Caffe, `models/bvlc_reference_caffenet`.
pub(crate) fn caffenet(l: &mut Layers, x: ValueId) -> Built {
    let grouped = |channels, size, padding| Conv2d::square(channels, size).with_padding(padding).with_groups(2);
    let x = l.relu_conv(x, 96, 11, 4, 0)?;
    let x = l.max_pool(x, ceil_pool(3, 2))?;
    let x = l.conv(x, grouped(256, 5, 2), Activation::Relu)?;
    let x = l.max_pool(x, ceil_pool(3, 2))?;
    let x = l.relu_conv(x, 384, 3, 1, 1)?;
    let x = l.conv(x, grouped(384, 3, 1), Activation::Relu)?;
    let x = l.conv(x, grouped(256, 3, 1), Activation::Relu)?;
    let x = l.max_pool(x, ceil_pool(3, 2))?;
    classifier(l, x)
}

/// The three dense layers of AlexNet and VGG.
fn classifier(l: &mut Layers, x: ValueId) -> Built {
    let x = l.dense(x, 4096, Activation::Relu)?;
    let x = l.dense(x, 4096, Activation::Relu)?;
    l.dense(x, 1000, Activation::None)
}

/// **Source.** Lin, Chen, Yan, "Network In Network"; the ImageNet model of the Caffe zoo.
pub(crate) fn nin(l: &mut Layers, mut x: ValueId) -> Built {
    // Channels, kernel, stride, padding; then the channels of the two 1x1 layers.
    let stages = [
        (96, 11, 4, 0, [96, 96]),
        (256, 5, 1, 2, [256, 256]),
        (384, 3, 1, 1, [384, 384]),
        (1024, 3, 1, 1, [1024, 1000]),
    ];
    for (i, (channels, size, stride, padding, mixers)) in stages.into_iter().enumerate() {
        if i > 0 {
            x = l.max_pool(x, MaxPool2d::square(3, 2))?;
        }
        x = l.relu_conv(x, channels, size, stride, padding)?;
        for channels in mixers {
            x = l.relu_conv(x, channels, 1, 1, 0)?;
        }
    }
    l.global_average(x)
}

/// **Source.** Simonyan, Zisserman, "Very Deep Convolutional Networks", configurations D and E.
pub(crate) fn vgg(l: &mut Layers, mut x: ValueId, layers: [usize; 5]) -> Built {
    for (count, channels) in layers.into_iter().zip([64, 128, 256, 512, 512]) {
        for _ in 0..count {
            x = l.relu_conv(x, channels, 3, 1, 1)?;
        }
        x = l.max_pool(x, MaxPool2d::square(2, 2))?;
    }
    classifier(l, x)
}

/// **Source.** Iandola et al., "SqueezeNet"; version 1.1 of the authors' repository.
pub(crate) fn squeezenet(l: &mut Layers, x: ValueId) -> Built {
    let mut x = l.relu_conv(x, 64, 3, 2, 0)?;
    let modules = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)];
    for (i, (squeeze, expand)) in modules.into_iter().enumerate() {
        if [0, 2, 4].contains(&i) {
            x = l.max_pool(x, ceil_pool(3, 2))?;
        }
        let narrow = l.relu_conv(x, squeeze, 1, 1, 0)?;
        let one = l.relu_conv(narrow, expand, 1, 1, 0)?;
        let three = l.relu_conv(narrow, expand, 3, 1, 1)?;
        x = l.concatenate(&[one, three])?;
    }
    let x = l.relu_conv(x, 1000, 1, 1, 0)?;
    l.global_average(x)
}

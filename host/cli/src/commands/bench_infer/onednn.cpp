// A stack of 3x3 convolutions of unsigned by signed bytes with bias, rectifier and requantisation in
// oneDNN, on one thread, in the layouts that oneDNN chooses. As in the stack of ours beside it every
// layer has weights of its own, the picture comes in with the channel first, and ends in its average.
//
// Started by `myelin bench infer` as `onednn CHANNELS SIDE LAYERS`. Writes `ready VERSION`, then reads
// numbers, one a line, runs the stack so often and writes the CPU time of the thread it took in seconds.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <cmath>
#include <vector>

#include <dnnl.hpp>

using namespace dnnl;
using tag = memory::format_tag;
using type = memory::data_type;

static double thread_seconds() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    const memory::dim channels = atol(arguments[1]), side = atol(arguments[2]);
    const size_t layers = size_t(atol(arguments[3]));
    engine cpu(engine::kind::cpu, 0);
    stream order(cpu);

    const memory::dims picture{1, channels, side, side}, filter{channels, channels, 3, 3}, one{1, 1}, none{0, 0};
    auto any = [](memory::dims dims, type kind) { return memory::desc(dims, kind, tag::any); };
    convolution_forward::desc operation(prop_kind::forward_inference, algorithm::convolution_direct,
        any(picture, type::u8), any(filter, type::s8), any({channels}, type::s32), any(picture, type::u8), one, none,
        one, one);
    primitive_attr attributes;
    // 2^-15 keeps random sums of 64 to 512 channels within bytes.
    attributes.set_output_scales(0, {std::ldexp(1.0f, -15)});
    post_ops after;
    after.append_eltwise(1.0f, algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(after);
    convolution_forward::primitive_desc chosen(operation, attributes, cpu);
    // Every layer reads what the one before wrote: a single layout for both.
    if (chosen.src_desc() != chosen.dst_desc()) return 3;

    uint32_t state = 1;
    auto next = [&] { return state = state * 1664525u + 1013904223u, state >> 24; };
    std::vector<int8_t> values(size_t(channels * channels * 9));
    std::vector<memory> weights, biases;
    for (size_t layer = 0; layer < layers; layer++) {
        for (auto &value : values) value = int8_t(next() % 255 - 127);
        memory plain({filter, type::s8, tag::oihw}, cpu, values.data());
        weights.emplace_back(chosen.weights_desc(), cpu);
        reorder(plain, weights.back()).execute(order, plain, weights.back());
        order.wait();
        biases.emplace_back(chosen.bias_desc(), cpu);
        auto *addend = static_cast<int32_t *>(biases.back().get_data_handle());
        for (memory::dim i = 0; i < channels; i++) addend[i] = int32_t(next());
    }
    memory input({picture, type::u8, tag::nchw}, cpu);
    auto *data = static_cast<uint8_t *>(input.get_data_handle());
    for (memory::dim i = 0; i < channels * side * side; i++) data[i] = uint8_t(next());
    std::vector<memory> maps{memory(chosen.src_desc(), cpu), memory(chosen.src_desc(), cpu)};
    const memory::dims all{side, side};
    pooling_forward::desc average(prop_kind::forward_inference, algorithm::pooling_avg_exclude_padding,
        chosen.dst_desc(), any({1, channels, 1, 1}, type::u8), all, all, none, none);
    pooling_forward::primitive_desc averaged(average, cpu);
    memory output(averaged.dst_desc(), cpu);

    reorder bring(input, maps[0]);
    convolution_forward convolution(chosen);
    pooling_forward pool(averaged);
    const auto *version = dnnl_version();
    printf("ready %d.%d.%d (%s)\n", version->major, version->minor, version->patch, chosen.impl_info_str());
    fflush(stdout);
    long repeats;
    while (scanf("%ld", &repeats) == 1) {
        const double begun = thread_seconds();
        for (long i = 0; i < repeats; i++) {
            bring.execute(order, input, maps[0]);
            for (size_t layer = 0; layer < layers; layer++) {
                convolution.execute(order,
                    {{DNNL_ARG_SRC, maps[layer % 2]}, {DNNL_ARG_WEIGHTS, weights[layer]},
                        {DNNL_ARG_BIAS, biases[layer]}, {DNNL_ARG_DST, maps[(layer + 1) % 2]}});
            }
            pool.execute(order, {{DNNL_ARG_SRC, maps[layers % 2]}, {DNNL_ARG_DST, output}});
        }
        order.wait();
        printf("%.9f\n", thread_seconds() - begun);
        fflush(stdout);
    }
    return 0;
}

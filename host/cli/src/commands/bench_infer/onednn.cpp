// A 3x3 convolution of unsigned by signed bytes with bias, rectifier and requantisation in oneDNN, on
// one thread, in the layouts that oneDNN chooses.
//
// Started by `myelin bench infer` as `onednn CHANNELS SIDE`. Writes `ready VERSION`, then reads numbers,
// one a line, runs the convolution so often and writes the CPU time of the thread it took in seconds.

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
    if (count != 3) return 2;
    const memory::dim channels = atol(arguments[1]), side = atol(arguments[2]);
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

    std::vector<int8_t> weights(size_t(channels * channels * 9));
    uint32_t state = 1;
    auto next = [&] { return state = state * 1664525u + 1013904223u, state >> 24; };
    for (auto &weight : weights) weight = int8_t(next() % 255 - 127);
    memory plain({filter, type::s8, tag::oihw}, cpu, weights.data());
    memory packed(chosen.weights_desc(), cpu), bias(chosen.bias_desc(), cpu);
    memory from(chosen.src_desc(), cpu), to(chosen.dst_desc(), cpu);
    reorder(plain, packed).execute(order, plain, packed);
    auto *data = static_cast<uint8_t *>(from.get_data_handle());
    for (size_t i = 0; i < chosen.src_desc().get_size(); i++) data[i] = uint8_t(next());
    auto *addend = static_cast<int32_t *>(bias.get_data_handle());
    for (memory::dim i = 0; i < channels; i++) addend[i] = int32_t(next());
    order.wait();

    convolution_forward convolution(chosen);
    const auto *version = dnnl_version();
    printf("ready %d.%d.%d (%s)\n", version->major, version->minor, version->patch, chosen.impl_info_str());
    fflush(stdout);
    long repeats;
    while (scanf("%ld", &repeats) == 1) {
        const double begun = thread_seconds();
        for (long i = 0; i < repeats; i++) {
            convolution.execute(order,
                {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, to}});
        }
        order.wait();
        printf("%.9f\n", thread_seconds() - begun);
        fflush(stdout);
    }
    return 0;
}

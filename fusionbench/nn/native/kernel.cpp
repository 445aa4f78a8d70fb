// Restormer's blocks on the CPU, in place: nothing wider than the features ever leaves the cache.
//
// A plain C interface, called through ctypes; nothing here knows Python. The arithmetic is compiled for two instruction
// sets of x86-64, and the better one that the processor has is taken. Elsewhere torch is left to do the work: whether
// this would be faster there has not been measured. No option that changes what NaN, infinity or rounding mean is used.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

EXPORT int fb_version() { return 2; }

#if !defined(__x86_64__) || !defined(__GNUC__) || defined(__clang__)

EXPORT const char *fb_instructions() { return ""; }

#else

#include <immintrin.h>

#define INLINE __attribute__((always_inline))

// Columns of a weight that stand together: depth x PANEL, one after the other; half as many if there are no more.
constexpr int PANEL = 32;

// A norm, then what a row becomes with its neighbours: a 1x1 convolution (the norm's weight and bias are part of it)
// and a 3x3 one in groups of one or two channels, or, if full, the norm's weight and bias and one 3x3 convolution.
// `in` and `scale` belong to one of the two; what is called bias, shift or partner may be null.
struct Projection {
    int channels, wide, centred, full;
    const float *in, *in_bias;         // channels x wide in panels; wide
    const float *scale, *shift;        // channels
    const float *kernel, *kernel_bias; // 9 x wide, or 9 x channels x wide in panels; wide
    const float *partner;              // 9 x wide: what the other channel of a group of two adds
};

// Some rows of H x W x C features; steps in values. The rows above and below are null beyond the map.
struct Features {
    float *data;
    int rows, width;
    ptrdiff_t row_step, step;
    const float *above, *below;
    ptrdiff_t edge_step;
};

// H x W x C values, C side by side; steps in values.
struct Map {
    float *data;
    int height, width;
    ptrdiff_t row_step, step;
};

// A convolution with 1x1 or 3x3 taps, and what follows: x < 0 ? slope x : x, before or after another map is added.
struct Convolution {
    int channels, outputs, wide, side, dilation, add_first;
    float slope;
    const float *weight, *bias; // taps x channels x wide in panels; wide
};

// One or two inverted residuals with channels in, `wide` channels of all of them between, `outputs` channels out.
struct Coupling {
    int channels, wide, outputs, blocks;
    const float *in, *kernel, *out; // channels x wide in panels; 9 x wide; one after the other, in panels
};

// Shrinkage in steps: z = soft threshold(decay z + W rest), rest = image + bias + V z. W and V are 3x3 convolutions with a
// mirrored border from and to one channel; behind the last step V goes to `parts` channels, each from its part of z.
struct Shrinkage {
    int channels, steps, parts; // channels: a multiple of 4 in each part
    float decay;
    const float *weights, *bias; // steps x channels x (threshold, bias, W's taps, V's taps); steps - 1, then parts
};

struct Consumer {
    const float *out, *out_bias; // depth x channels in panels; channels
    int dim, heads;
    double *products, *squares;
};

enum class Kind { plain, gated, sums };

// Memory that begins on a cache line.
struct Buffer {
    explicit Buffer(size_t size) : memory(size + 16) {
        data = (float *)(((uintptr_t)memory.data() + 63) / 64 * 64);
    }
    std::vector<float> memory;
    float *data;
};

struct Table {
    void (*plain)(const Projection &, const Features &, const Consumer &);
    void (*gated)(const Projection &, const Features &, const Consumer &);
    void (*sums)(const Projection &, const Features &, const Consumer &);
    void (*convolution)(const Convolution &, const Map &, const Map &, const Map &, double *, const Convolution *, const Map *,
                        int, int);
    void (*couple)(const Coupling &, const Map &, const Map &, int, int);
    void (*gram)(const Map &, int, double *);
    void (*shrinkage)(const Shrinkage &, const Map &, const Map &, int, int);
};
#define TABLE                                                                                                          \
    static const Table table = {run<Kind::plain>, run<Kind::gated>, run<Kind::sums>, convolution, couple, gram, shrinkage};

#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi2")
#define VECTOR_BYTES 32
#define REGISTERS 16
namespace avx2 {
#include "kernel.inc"
#include "shrinkage.inc"
TABLE
} // namespace avx2
#pragma GCC pop_options
#undef VECTOR_BYTES
#undef REGISTERS
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma,bmi2,prefer-vector-width=512")
#define VECTOR_BYTES 64
#define REGISTERS 32
namespace avx512 {
#include "kernel.inc"
#include "shrinkage.inc"
TABLE
} // namespace avx512
#pragma GCC pop_options

// Empty where the processor has neither.
EXPORT const char *fb_instructions() {
    static const char *name = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") ? "avx512"
                              : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")        ? "avx2"
                                                                                                       : "";
    return name;
}

static const Table &entries() { return std::strcmp(fb_instructions(), "avx512") ? avx2::table : avx512::table; }

EXPORT void fb_add_plain(const Projection *p, const Features *f, const float *out, const float *out_bias) {
    entries().plain(*p, *f, {out, out_bias, 0, 1, nullptr, nullptr});
}
EXPORT void fb_add_gated(const Projection *p, const Features *f, const float *out, const float *out_bias) {
    entries().gated(*p, *f, {out, out_bias, 0, 1, nullptr, nullptr});
}
EXPORT void fb_sums(const Projection *p, const Features *f, int dim, int heads, double *products, double *squares) {
    entries().sums(*p, *f, {nullptr, nullptr, dim, heads, products, squares});
}
// `added`, `sums` (to which each output channel's sum over the rows is added), `then` and `last` may be null.
EXPORT void fb_convolve(const Convolution *c, const Map *in, const Map *out, const Map *added, double *sums,
                        const Convolution *then, const Map *last, int start, int stop) {
    entries().convolution(*c, *in, *out, added ? *added : Map{}, sums, then, last, start, stop);
}
EXPORT void fb_couple(const Coupling *c, const Map *in, const Map *out, int start, int stop) {
    entries().couple(*c, *in, *out, start, stop);
}
EXPORT void fb_gram(const Map *in, int channels, double *products) { entries().gram(*in, channels, products); }
EXPORT void fb_shrink(const Shrinkage *s, const Map *image, const Map *out, int start, int stop) {
    entries().shrinkage(*s, *image, *out, start, stop);
}

#endif

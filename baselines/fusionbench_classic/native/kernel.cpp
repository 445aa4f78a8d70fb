// What classical methods spend their time on, in few passes over memory: means over windows, the guided filter,
// separable filters, diffusion, conjugate gradients.
//
// A plain C interface, called through ctypes; nothing here knows Python. On x86-64 the arithmetic is compiled for
// three instruction sets and the best one that the processor has is taken at the first call. No option that
// changes what NaN, infinity or rounding mean is used.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <type_traits>
#include <vector>

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

using Index = ptrdiff_t;

// Of one plane, h x w, row after row: the planes that are read, the one that is written, sizes, parameters.
template <class T> struct Table {
    void (*box)(const T *x, T *out, Index h, Index w, Index radius, int mirror);
    void (*guided)(const T *guide, const T *x, T *out, Index h, Index w, Index radius, double epsilon);
    void (*separable)(const T *x, T *out, Index h, Index w, Index count, const T *taps);
    void (*anisotropic)(T *x, Index h, Index w, Index iterations, T step, T kappa);
    void (*fourth_order)(T *x, Index h, Index w, Index iterations, T step, T kappa);
    void (*solve)(const T *target, const T *data, const T *smoothness, T *z, Index h, Index w, T tolerance, Index most);
};
#define TABLE                                                                                                          \
    template <class T> static Table<T> table() {                                                                       \
        return {box<T>, guided<T>, separable<T>, anisotropic<T>, fourth_order<T>, solve<T>};                           \
    }

#include "instruction_sets.inc"

// 0, or 1 where there is not enough memory.
template <class F> static int tried(F work) noexcept {
    try {
        work();
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}

EXPORT int fb_version() { return 1; }
EXPORT const char *fb_instructions() { return chosen(); }

#define TYPED(T, suffix)                                                                                               \
    EXPORT int fb_box_##suffix(const T *x, T *out, Index h, Index w, Index radius, int mirror) {                       \
        return tried([=] { entries<T>().box(x, out, h, w, radius, mirror); });                                         \
    }                                                                                                                  \
    EXPORT int fb_guided_##suffix(const T *guide, const T *x, T *out, Index h, Index w, Index radius, double epsilon) { \
        return tried([=] { entries<T>().guided(guide, x, out, h, w, radius, epsilon); });                              \
    }                                                                                                                  \
    EXPORT int fb_separable_##suffix(const T *x, T *out, Index h, Index w, Index count, const T *taps) {               \
        return tried([=] { entries<T>().separable(x, out, h, w, count, taps); });                                      \
    }                                                                                                                  \
    EXPORT int fb_anisotropic_##suffix(T *x, Index h, Index w, Index iterations, T step, T kappa) {                      \
        return tried([=] { entries<T>().anisotropic(x, h, w, iterations, step, kappa); });                             \
    }                                                                                                                  \
    EXPORT int fb_fourth_order_##suffix(T *x, Index h, Index w, Index iterations, T step, T kappa) {                     \
        return tried([=] { entries<T>().fourth_order(x, h, w, iterations, step, kappa); });                            \
    }                                                                                                                  \
    EXPORT int fb_solve_##suffix(const T *target, const T *data, const T *smoothness, T *z, Index h, Index w,          \
                                 T tolerance, Index most) {                                                              \
        return tried([=] { entries<T>().solve(target, data, smoothness, z, h, w, tolerance, most); });                 \
    }

TYPED(double, f64)
TYPED(float, f32)

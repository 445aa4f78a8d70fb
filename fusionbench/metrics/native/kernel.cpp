// Metrics on the CPU in few passes over memory: VIF, edges and Qabf, feature mutual information, phase congruency,
// the activity of the fused image, and the filters that many metrics share.
//
// A plain C interface, called through ctypes; nothing here knows Python. On x86-64 the arithmetic is compiled for
// three instruction sets and the best one that the processor has is taken at the first call. No option that
// changes what NaN, infinity or rounding mean is used.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

#define TABLE                                                                                                          \
    template <class T> struct Entry {                                                                                  \
        static double prepare_(const T *p, int h, int w, T *side) { return prepare(p, h, w, side); }                   \
        static void vif_(const T *p, int h, int w, int n, const T *const *sides, double *out) { vif(p, h, w, n, sides, out); } \
        static double edges_(const T *p, int h, int w, T *g, T *a) { return edges(p, h, w, g, a); }                    \
        static double preserved_(size_t n, const T *gf, const T *af, const T *g, const T *a, T unit) { return preserved(n, gf, af, g, a, unit); } \
        static void activity_(const T *p, int h, int w, double *out) { activity(p, h, w, out); }                       \
        static double windows_(const T *a, const T *b, const T *f, int h, int w) { return windows(a, b, f, h, w); }    \
        static void correlate_(const T *p, int h, int w, int m, const T *v, int n, const T *a, T *out) { correlate(p, h, w, m, v, n, a, out); } \
        static void square7_(const T *p, int h, int w, const T *window, T *out) { square<T, 7>(p, h, w, window, out); } \
        static void square11_(const T *p, int h, int w, const T *window, T *out) { square<T, 11>(p, h, w, window, out); } \
        static void filtered_(size_t n, const T *s, const T *a, const T *b, T *out) { filtered(n, s, a, b, out); }      \
        static void gabor_(const T *p, int columns, int h, int w, const T *radial, const T *low, int n, const T *c, T sharp, T angle, T narrow, T *const *out) { \
            gabor<T>(p, columns, h, w, {radial, low}, n, c, sharp, angle, narrow, out);                                \
        }                                                                                                              \
        static void congruency_(size_t n, const T *const *r, T noise, T x, T y, T *const *sums) { congruency(n, r, noise, x, y, sums); } \
        static double median_(size_t n, const T *p) { return median(n, p); }                                           \
    };                                                                                                                 \
    template <class T> static Table<T> table() {                                                                       \
        using E = Entry<T>;                                                                                            \
        return {E::prepare_,   E::vif_,     E::edges_,    E::preserved_, E::activity_,   E::windows_,                    \
                E::correlate_, E::square7_, E::square11_, E::filtered_,  E::gabor_,      E::congruency_,                 \
                E::median_};                                                                                             \
    }

template <class T> struct Table {
    double (*prepare)(const T *, int, int, T *);
    void (*vif)(const T *, int, int, int, const T *const *, double *);
    double (*edges)(const T *, int, int, T *, T *);
    double (*preserved)(size_t, const T *, const T *, const T *, const T *, T);
    void (*activity)(const T *, int, int, double *);
    double (*windows)(const T *, const T *, const T *, int, int);
    void (*correlate)(const T *, int, int, int, const T *, int, const T *, T *);
    void (*square7)(const T *, int, int, const T *, T *);
    void (*square11)(const T *, int, int, const T *, T *);
    void (*filtered)(size_t, const T *, const T *, const T *, T *);
    void (*gabor)(const T *, int, int, int, const T *, const T *, int, const T *, T, T, T, T *const *);
    void (*congruency)(size_t, const T *const *, T, T, T, T *const *);
    double (*median)(size_t, const T *);
};

#include "instruction_sets.inc"

EXPORT int fb_version() { return 4; }
EXPORT const char *fb_instructions() { return chosen(); }
EXPORT size_t fb_side_size(int h, int w) { return baseline::side_size(h, w); }

#define TYPED(T, suffix)                                                                                               \
    EXPORT double fb_prepare_##suffix(const T *p, int h, int w, T *side) { return entries<T>().prepare(p, h, w, side); } \
    EXPORT void fb_vif_##suffix(const T *p, int h, int w, int n, const T *const *sides, double *out) {                 \
        entries<T>().vif(p, h, w, n, sides, out);                                                                      \
    }                                                                                                                  \
    EXPORT double fb_edges_##suffix(const T *p, int h, int w, T *g, T *a) { return entries<T>().edges(p, h, w, g, a); } \
    EXPORT double fb_preserved_##suffix(size_t n, const T *gf, const T *af, const T *g, const T *a, T unit) {          \
        return entries<T>().preserved(n, gf, af, g, a, unit);                                                          \
    }                                                                                                                  \
    EXPORT void fb_activity_##suffix(const T *p, int h, int w, double *out) { entries<T>().activity(p, h, w, out); }   \
    EXPORT double fb_windows_##suffix(const T *a, const T *b, const T *f, int h, int w) {                              \
        return entries<T>().windows(a, b, f, h, w);                                                                    \
    }                                                                                                                  \
    EXPORT void fb_correlate_##suffix(const T *p, int h, int w, int m, const T *v, int n, const T *a, T *out) {         \
        entries<T>().correlate(p, h, w, m, v, n, a, out);                                                              \
    }                                                                                                                  \
    EXPORT void fb_square7_##suffix(const T *p, int h, int w, const T *window, T *out) {                               \
        entries<T>().square7(p, h, w, window, out);                                                                    \
    }                                                                                                                  \
    EXPORT void fb_square11_##suffix(const T *p, int h, int w, const T *window, T *out) {                              \
        entries<T>().square11(p, h, w, window, out);                                                                   \
    }                                                                                                                  \
    EXPORT void fb_filtered_##suffix(size_t n, const T *s, const T *a, const T *b, T *out) {                           \
        entries<T>().filtered(n, s, a, b, out);                                                                        \
    }                                                                                                                  \
    EXPORT void fb_gabor_##suffix(const T *p, int columns, int h, int w, const T *radial, const T *low, int n, const T *c, T sharp, T angle, T narrow, T *const *out) { \
        entries<T>().gabor(p, columns, h, w, radial, low, n, c, sharp, angle, narrow, out);                            \
    }                                                                                                                  \
    EXPORT void fb_congruency_##suffix(size_t n, const T *const *r, T noise, T x, T y, T *const *sums) {               \
        entries<T>().congruency(n, r, noise, x, y, sums);                                                              \
    }                                                                                                                  \
    EXPORT double fb_median_##suffix(size_t n, const T *p) { return entries<T>().median(n, p); }

TYPED(double, f64)
TYPED(float, f32)

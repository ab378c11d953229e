// What kernels are written in, for a host compiler: one thread runs at a time, so these are plain variables.
#pragma once
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#define __global__
#define __host__
#define __device__ inline
#define __forceinline__
#define __shared__ static
#define __launch_bounds__(...)
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
// The oldest that has bfloat16.
#define __CUDA_ARCH__ 800

using std::isnan;
using std::max;
using std::min;
using std::signbit;

struct Place {
    unsigned int x, y, z;
};
extern Place gridDim, blockDim, blockIdx, threadIdx;

struct float2 {
    float x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
// Aligned as on a card, where another address is an error.
struct alignas(16) float4 {
    float x, y, z, w;
};

[[noreturn]] inline void absent(const char *what) {
    fprintf(stderr, "stand-in: %s is not there\n", what);
    abort();
}

// Waiting for the other threads of the block, or of the warp: fibers.cpp.
void wait_for_block();
void wait_for_warp();
inline void __syncthreads() { wait_for_block(); }
// Of whole warps of threads that lie along the first axis, or the second where the first is one.
template <typename T> T __shfl_xor_sync(unsigned int, T value, int lanes, int = 32) {
    static T said[1024];
    const unsigned int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    said[thread] = value;
    wait_for_warp();
    const T other = said[thread ^ static_cast<unsigned int>(lanes)];
    wait_for_warp();
    return other;
}
template <typename T, typename S> T atomicAdd(T *at, S value) {
    T old = *at;
    *at = old + static_cast<T>(value);
    return old;
}

template <typename T, typename S> T atomicMax(T *at, S value) {
    T old = *at;
    *at = std::max(old, static_cast<T>(value));
    return old;
}
template <typename T, typename S> T atomicMin(T *at, S value) {
    T old = *at;
    *at = std::min(old, static_cast<T>(value));
    return old;
}
template <typename T, typename S> T atomicCAS(T *at, S expected, S value) {
    T old = *at;
    if (old == static_cast<T>(expected)) *at = static_cast<T>(value);
    return old;
}
#define BITS_OF(NAME, TO, FROM)                                                                                                            \
    inline TO NAME(FROM value) {                                                                                                           \
        TO bits;                                                                                                                           \
        memcpy(&bits, &value, sizeof bits);                                                                                                \
        return bits;                                                                                                                       \
    }
BITS_OF(__float_as_uint, unsigned int, float)
BITS_OF(__float_as_int, int, float)
BITS_OF(__uint_as_float, float, unsigned int)
BITS_OF(__int_as_float, float, int)
BITS_OF(__double_as_longlong, long long, double)
BITS_OF(__longlong_as_double, double, long long)

// A float of 16 bits or fewer: kept in some form, computed with in 32 bits.
template <typename FORM> struct Small {
    typename FORM::Bits __x;
    Small() = default;
    Small(float value) : __x(FORM::of(value)) {}
    template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>> Small(T value) : Small(static_cast<float>(value)) {}
    template <typename OTHER> explicit Small(Small<OTHER> value) : Small(static_cast<float>(value)) {}
    operator float() const { return FORM::value(__x); }
};
#define SMALL_OPERATOR(OP)                                                                                                                 \
    template <typename F> Small<F> operator OP(Small<F> a, Small<F> b) { return Small<F>(float(a) OP float(b)); }                          \
    template <typename F, typename T> Small<F> &operator OP##=(Small<F> &a, T b) { return a = Small<F>(float(a) OP float(b)); }
SMALL_OPERATOR(+)
SMALL_OPERATOR(-)
SMALL_OPERATOR(*)
SMALL_OPERATOR(/)

struct Bfloat16 {
    using Bits = uint16_t;
    static Bits of(float value) {
        uint32_t bits;
        memcpy(&bits, &value, 4);
        if (value != value) return static_cast<Bits>((bits >> 16) | 64);
        return static_cast<Bits>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
    static float value(Bits kept) {
        uint32_t bits = static_cast<uint32_t>(kept) << 16;
        float value;
        memcpy(&value, &bits, 4);
        return value;
    }
};
// Forms that nothing here trains in only have to compile.
struct Float16 {
    using Bits = uint16_t;
    static Bits of(float) { absent("float16"); }
    static float value(Bits) { absent("float16"); }
};
struct Float8 {
    using Bits = uint8_t;
    static Bits of(float) { absent("float8"); }
    static float value(Bits) { absent("float8"); }
};
using __nv_bfloat16 = Small<Bfloat16>;
using __half = Small<Float16>;
using __nv_fp8_e4m3 = Small<Float8>;
#define __NV_E4M3 0
inline __half __nv_cvt_fp8_to_halfraw(uint8_t, int) { absent("float8"); }
inline float __half2float(__half value) { return value; }
inline __half __float2half(float value) { return value; }
inline float __bfloat162float(__nv_bfloat16 value) { return value; }
inline __nv_bfloat16 __float2bfloat16(float value) { return value; }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return value; }
BITS_OF(__ushort_as_half, __half, unsigned short)
BITS_OF(__half_as_ushort, unsigned short, __half)
struct __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
inline __nv_bfloat162 __hadd2(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x + b.x, a.y + b.y}; }
inline __nv_bfloat162 __hmul2(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x * b.x, a.y * b.y}; }
#define SMALL_FUNCTION(NAME, VALUE)                                                                                                        \
    template <typename F> Small<F> NAME(Small<F> a) { return Small<F>(VALUE); }
SMALL_FUNCTION(hsqrt, sqrtf(a))
SMALL_FUNCTION(hcos, cosf(a))
SMALL_FUNCTION(hsin, sinf(a))
SMALL_FUNCTION(hlog, logf(a))
SMALL_FUNCTION(hexp, expf(a))
SMALL_FUNCTION(__habs, fabsf(a))
template <typename F> bool __hisnan(Small<F> a) { return isnan(float(a)); }
template <typename F> bool isnan(Small<F> a) { return isnan(float(a)); }
template <typename F> Small<F> __hmax_nan(Small<F> a, Small<F> b) { return __hisnan(a) || float(a) > float(b) ? a : b; }
template <typename F> Small<F> __hmin_nan(Small<F> a, Small<F> b) { return __hisnan(a) || float(a) < float(b) ? a : b; }
inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
inline double normcdf(double x) { return 0.5 * erfc(-x * 0.7071067811865476); }

// Windows of planes: what a convolution multiplies, sums of windows, and where a window has its maximum.
//
// A convolution is a product of its weights with its operand unfolded: `[channels * taps, places]`, where a place is one of a row's
// outputs, row after row, and a tap one of the kernel's weights for a channel. Neighbouring threads have neighbouring places, so they read
// and write neighbours. Backward, what the product owes to each entry of the unfolded operand is folded again: an entry of the operand
// collects from the windows that it lies in, tap by tap, so no sum depends on which thread is first.
//
// The text is also compiled as C++, where `tests/cuda_windows.rs` compares it with the processor's kernels.

// Planes and windows. Axes are height, then width; pads are those before the first row and column.
struct Windows {
    unsigned int channels, size[2], output[2], kernel[2], stride[2], dilation[2], pads[2];
};

// Values of 16 bits are the upper half of those of 32.
struct Half {
    unsigned short bits;
};
union Word {
    float value;
    unsigned int bits;
};
__device__ __forceinline__ float wide(float value) { return value; }
__device__ __forceinline__ float wide(Half value) {
    Word word;
    word.bits = (unsigned int)value.bits << 16;
    return word.value;
}
__device__ __forceinline__ void put(float &to, float value) { to = value; }
// Rounds to the nearest, and halfway to the even one; what is no number stays none.
__device__ __forceinline__ void put(Half &to, float value) {
    Word word;
    word.value = value;
    const unsigned int rounded = word.bits + 0x7FFFu + ((word.bits >> 16) & 1u);
    to.bits = (unsigned short)((value != value ? word.bits | 0x400000u : rounded) >> 16);
}

__device__ __forceinline__ size_t number_of_thread() { return (size_t)blockIdx.x * blockDim.x + threadIdx.x; }

// `x` is `[rows, channels, size]`, `unfolded` is `[channels, kernel, rows, output]`; padding is 0. Threads: `channels * rows * output`.
template <typename T> __device__ __forceinline__ void unfold_all(const T *x, T *unfolded, size_t rows, const Windows &windows) {
    const unsigned int plane = windows.output[0] * windows.output[1];
    const size_t thread = number_of_thread(), places = rows * plane;
    if (thread >= windows.channels * places) {
        return;
    }
    const size_t channel = thread / places, place = thread % places, row = place / plane;
    const unsigned int at = (unsigned int)(place % plane), height = windows.size[0], width = windows.size[1];
    // Padding before wraps around to places far beyond the end.
    const unsigned int top = at / windows.output[1] * windows.stride[0] - windows.pads[0];
    const unsigned int left = at % windows.output[1] * windows.stride[1] - windows.pads[1];
    const T *from = x + (row * windows.channels + channel) * height * width;
    T *to = unfolded + channel * windows.kernel[0] * windows.kernel[1] * places + place;
    for (unsigned int ky = 0; ky < windows.kernel[0]; ky++) {
        const unsigned int y = top + ky * windows.dilation[0];
        for (unsigned int kx = 0; kx < windows.kernel[1]; kx++) {
            const unsigned int column = left + kx * windows.dilation[1];
            T value = {0};
            if (y < height && column < width) {
                value = from[y * width + column];
            }
            *to = value;
            to += places;
        }
    }
}

// The shapes are those of `unfold_all`. Threads: `rows * channels * size`.
template <typename T> __device__ __forceinline__ void fold_all(const T *unfolded, T *x, size_t rows, const Windows &windows) {
    const unsigned int height = windows.size[0], width = windows.size[1], plane = windows.output[0] * windows.output[1];
    const size_t thread = number_of_thread(), places = rows * plane;
    if (thread >= rows * windows.channels * height * width) {
        return;
    }
    const size_t of_row = thread / (height * width), row = of_row / windows.channels, channel = of_row % windows.channels;
    const unsigned int at = (unsigned int)(thread % (height * width)), y = at / width + windows.pads[0], column = at % width + windows.pads[1];
    const T *from = unfolded + channel * windows.kernel[0] * windows.kernel[1] * places + row * plane;
    float sum = 0.0f;
    for (unsigned int ky = 0; ky < windows.kernel[0]; ky++) {
        // Where the window begins that has this entry under this tap; before all padding it wraps around to places far beyond the end.
        const unsigned int top = y - ky * windows.dilation[0], oy = top / windows.stride[0];
        for (unsigned int kx = 0; kx < windows.kernel[1]; kx++) {
            const unsigned int left = column - kx * windows.dilation[1], ox = left / windows.stride[1];
            if (oy < windows.output[0] && ox < windows.output[1] && oy * windows.stride[0] == top && ox * windows.stride[1] == left) {
                sum += wide(from[(size_t)(ky * windows.kernel[1] + kx) * places + oy * windows.output[1] + ox]);
            }
        }
    }
    put(x[thread], sum);
}

// The product `[channels, rows, plane]` as rows `[rows, channels, plane]`, each channel with its bias. Threads: one a value.
template <typename T>
__device__ __forceinline__ void by_rows_all(const T *product, const float *bias, float *rows_first, size_t rows, size_t channels, size_t plane) {
    const size_t thread = number_of_thread();
    if (thread < rows * channels * plane) {
        const size_t of_row = thread / plane, row = of_row / channels, channel = of_row % channels;
        rows_first[thread] = wide(product[(channel * rows + row) * plane + thread % plane]) + bias[channel];
    }
}

// And back: the gradient of the rows as that of the product.
template <typename T>
__device__ __forceinline__ void by_channels_all(const float *rows_first, T *product, size_t rows, size_t channels, size_t plane) {
    const size_t thread = number_of_thread();
    if (thread < rows * channels * plane) {
        const size_t of_channel = thread / plane, channel = of_channel / rows, row = of_channel % rows;
        put(product[thread], rows_first[(row * channels + channel) * plane + thread % plane]);
    }
}

#define WINDOWS(NAME, T)                                                                                                                   \
    extern "C" __global__ void unfold_##NAME(const T *x, T *unfolded, size_t rows, Windows windows) {                                      \
        unfold_all(x, unfolded, rows, windows);                                                                                            \
    }                                                                                                                                      \
    extern "C" __global__ void fold_##NAME(const T *unfolded, T *x, size_t rows, Windows windows) { fold_all(unfolded, x, rows, windows); } \
    extern "C" __global__ void by_rows_##NAME(const T *product, const float *bias, float *rows_first, size_t rows, size_t channels,        \
                                              size_t plane) {                                                                              \
        by_rows_all(product, bias, rows_first, rows, channels, plane);                                                                     \
    }                                                                                                                                      \
    extern "C" __global__ void by_channels_##NAME(const float *rows_first, T *product, size_t rows, size_t channels, size_t plane) {       \
        by_channels_all(rows_first, product, rows, channels, plane);                                                                       \
    }

WINDOWS(f32, float)
WINDOWS(bf16, Half)

// Sums of windows, each times its share: `x` is `[planes, size]`, `y` is `[planes, output]`, `share` is `[output]`. Threads: one a sum.
extern "C" __global__ void pool(const float *x, const float *share, float *y, size_t planes, Windows windows) {
    const size_t thread = number_of_thread(), plane = windows.output[0] * windows.output[1];
    if (thread < planes * plane) {
        const unsigned int at = (unsigned int)(thread % plane), height = windows.size[0], width = windows.size[1];
        const unsigned int top = at / windows.output[1] * windows.stride[0] - windows.pads[0];
        const unsigned int left = at % windows.output[1] * windows.stride[1] - windows.pads[1];
        const float *from = x + thread / plane * height * width;
        float sum = 0.0f;
        for (unsigned int row = top; row != top + windows.kernel[0]; row++) {
            for (unsigned int column = left; column != left + windows.kernel[1]; column++) {
                if (row < height && column < width) {
                    sum += from[row * width + column];
                }
            }
        }
        y[thread] = sum * share[at];
    }
}

// And back: an entry collects from the windows that it lies in. Threads: one an entry.
extern "C" __global__ void spread(const float *dy, const float *share, float *dx, size_t planes, Windows windows) {
    const size_t thread = number_of_thread(), plane = windows.size[0] * windows.size[1];
    if (thread < planes * plane) {
        const unsigned int at = (unsigned int)(thread % plane), width = windows.size[1];
        const float *from = dy + thread / plane * windows.output[0] * windows.output[1];
        float sum = 0.0f;
        for (unsigned int ky = 0; ky < windows.kernel[0]; ky++) {
            const unsigned int top = at / width + windows.pads[0] - ky, oy = top / windows.stride[0];
            for (unsigned int kx = 0; kx < windows.kernel[1]; kx++) {
                const unsigned int left = at % width + windows.pads[1] - kx, ox = left / windows.stride[1];
                if (oy < windows.output[0] && ox < windows.output[1] && oy * windows.stride[0] == top && ox * windows.stride[1] == left) {
                    sum += from[oy * windows.output[1] + ox] * share[oy * windows.output[1] + ox];
                }
            }
        }
        dx[thread] = sum;
    }
}

// The first largest of every `taps` values. Threads: `count`.
extern "C" __global__ void first_largest(const float *x, unsigned int *winner, size_t count, size_t taps) {
    const size_t thread = number_of_thread();
    if (thread < count) {
        const float *values = x + thread * taps;
        unsigned int best = 0;
        for (unsigned int k = 1; k < taps; k++) {
            if (values[k] > values[best]) {
                best = k;
            }
        }
        winner[thread] = best;
    }
}

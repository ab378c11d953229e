// Integrate-and-fire neurons over all time steps, forward and backward through time: what `kernels/src/neuron.rs` does on the
// processor, where the equations are.
//
// Values lie as `[steps, images, len]`. Forward, a thread follows one neuron of one image. Backward, it follows one neuron through some
// images, one after the other, and keeps the gradients of the neuron's parameters in registers; a second kernel adds what the parts of
// the images have given, in order. So no sum depends on which thread is first.
//
// Backward computes the potentials again from the currents, `ROOM` steps at a time, into registers. Where there are more steps, a sweep
// forward leaves a mark before each such block (the potential, and the sum of spikes), and the blocks are taken from the last to the
// first: any number of steps costs two numbers of memory for every `ROOM` of them.
//
// Compiled without contraction (`-fmad=false`), the arithmetic up to the spikes is that of the processor, bit by bit. The text is also
// compiled as C++, where `tests/cuda_neuron.rs` compares it with the processor's; it therefore uses nothing but what a host compiler has
// or a few definitions give it.

#define EVERYWHERE __host__ __device__ __forceinline__

enum Reset { SOFT = 0, HARD = 1, SIGNED = 2 };
enum Surrogate { TRIANGLE = 0, ATAN = 1, SIGMOID = 2 };

// The parameters of one neuron.
struct Neuron {
    float threshold, initial, leak;
};

// How to differentiate: `strength` is the height of a triangle or the slope of the others; `through` is 1 where the reset is
// differentiated, else 0.
struct Derivation {
    int surrogate;
    float strength, through;
};

// A neuron between two steps: the potential, and the sum of its spikes.
struct State {
    float v;
    int n;
};

// The surrogate's derivative at a distance of `u` thresholds from the threshold.
EVERYWHERE float derivative(const Derivation &how, float u) {
    if (how.surrogate == TRIANGLE) {
        float rest = 1.0f - fabsf(u);
        return rest > 0.0f ? how.strength * rest : 0.0f;
    }
    if (how.surrogate == ATAN) {
        float x = 1.57079632679489661923f * how.strength * u;
        return 0.5f * how.strength / (1.0f + x * x);
    }
    // Even in u, so the exponential cannot overflow.
    float e = expf(-fabsf(how.strength * u));
    return how.strength * e / ((1.0f + e) * (1.0f + e));
}

// The spike at a potential of `m`; `may` says whether one can be taken back.
template <int RESET> EVERYWHERE float spike_at(const Neuron &neuron, float m, bool may) {
    float up = m >= neuron.threshold ? 1.0f : 0.0f;
    return RESET == SIGNED && m < 0.0f && may ? up - 1.0f : up;
}

// The potential that a spike leaves.
template <int RESET> EVERYWHERE float after(const Neuron &neuron, float m, float spike) {
    if (RESET == HARD) {
        return m >= neuron.threshold ? 0.0f : m;
    }
    return m - neuron.threshold * spike;
}

// One step. Returns the potential before the spike; `spike` is what it says.
template <int RESET> EVERYWHERE float advance(const Neuron &neuron, State &state, float current, float &spike) {
    float m = neuron.leak * state.v + current;
    spike = spike_at<RESET>(neuron, m, state.n > 0);
    state.v = after<RESET>(neuron, m, spike);
    state.n += (int)spike;
    return m;
}

// One neuron of one image. The values of successive steps lie `stride` apart; currents `x_stride`, which is 0 where they are the same at
// every step.
template <int RESET>
EVERYWHERE void forward_one(const Neuron &neuron, const float *x, size_t x_stride, float *spikes, size_t stride, int steps) {
    State state = {neuron.initial, 0};
    for (int t = 0; t < steps; t++) {
        float spike;
        advance<RESET>(neuron, state, x[t * x_stride], spike);
        spikes[t * stride] = spike;
    }
}

// One neuron of one image, backward: `gradient` is that of the spikes, `dx` becomes that of the current, of all steps together where
// it is the same at every step. Adds to `sums` the gradients of threshold, initial potential and leak. `marks` has room for two
// numbers, `marks_stride` apart, for every block but the first.
template <int RESET, int ROOM>
EVERYWHERE void backward_one(const Neuron &neuron, const Derivation &how, const float *x, size_t x_stride, const float *gradient,
                             size_t stride, int steps, float *marks, size_t marks_stride, float *dx, float *sums) {
    const float inverse = 1.0f / neuron.threshold;
    const int last = (steps - 1) / ROOM;
    State state = {neuron.initial, 0};
    for (int block = 0; block < last; block++) {
        for (int t = block * ROOM; t < (block + 1) * ROOM; t++) {
            float spike;
            advance<RESET>(neuron, state, x[t * x_stride], spike);
        }
        marks[2 * block * marks_stride] = state.v;
        marks[(2 * block + 1) * marks_stride] = (float)state.n;
    }
    // What the loss owes to the potential after the step, and to the parameters.
    float dv = 0.0f, of_threshold = 0.0f, of_leak = 0.0f, of_current = 0.0f;
    for (int block = last; block >= 0; block--) {
        if (block > 0) {
            state.v = marks[2 * (block - 1) * marks_stride];
            state.n = (int)marks[(2 * (block - 1) + 1) * marks_stride];
        } else {
            state.v = neuron.initial;
            state.n = 0;
        }
        const float start = state.v;
        const int first = block * ROOM;
        const int count = steps - first < ROOM ? steps - first : ROOM;
        float m[ROOM];
        // One bit a step: whether a spike could be taken back.
        unsigned int may = 0;
#pragma unroll
        for (int k = 0; k < ROOM; k++) {
            if (k < count) {
                float spike;
                may |= (state.n > 0 ? 1u : 0u) << k;
                m[k] = advance<RESET>(neuron, state, x[(first + k) * x_stride], spike);
            }
        }
#pragma unroll
        for (int k = ROOM - 1; k >= 0; k--) {
            if (k < count) {
                const bool could = (may >> k) & 1u;
                const float spike = spike_at<RESET>(neuron, m[k], could);
                float before = start;
                if (k > 0) {
                    const float earlier = m[k > 0 ? k - 1 : 0];
                    before = after<RESET>(neuron, earlier, spike_at<RESET>(neuron, earlier, (may >> (k > 0 ? k - 1 : 0)) & 1u));
                }
                const float up = derivative(how, m[k] * inverse - 1.0f) * inverse;
                float slope = up;
                if (RESET == SIGNED && could) {
                    slope += derivative(how, m[k] * inverse) * inverse;
                }
                const float kept = RESET == HARD ? 1.0f - spike : 1.0f;
                const float owed = RESET == HARD ? m[k] : neuron.threshold;
                const float ds = gradient[(first + k) * stride] - how.through * owed * dv;
                const float by_reset = RESET == HARD ? 0.0f : how.through * spike * dv;
                const float dm = kept * dv + ds * slope;
                of_threshold -= ds * up + by_reset;
                of_leak += dm * before;
                if (x_stride == 0) {
                    of_current += dm;
                } else {
                    dx[(first + k) * x_stride] = dm;
                }
                dv = neuron.leak * dm;
            }
        }
    }
    if (x_stride == 0) {
        *dx = of_current;
    }
    sums[0] += of_threshold;
    sums[1] += dv;
    sums[2] += of_leak;
}

// Neuron `i` of `[3, len]` parameters.
EVERYWHERE Neuron neuron_at(const float *parameters, size_t len, size_t i) {
    Neuron neuron = {parameters[i], parameters[len + i], parameters[2 * len + i]};
    return neuron;
}

__device__ __forceinline__ size_t thread_number() { return (size_t)blockIdx.x * blockDim.x + threadIdx.x; }

// Threads: `images · len`.
template <int RESET>
__device__ __forceinline__ void forward_all(const float *x, const float *parameters, float *spikes, size_t images, size_t len, int steps,
                                            int varies) {
    const size_t thread = thread_number(), stride = images * len;
    if (thread < stride) {
        const Neuron neuron = neuron_at(parameters, len, thread % len);
        forward_one<RESET>(neuron, x + thread, varies ? stride : 0, spikes + thread, stride, steps);
    }
}

// Threads: `parts · len`. `marks` is `[2 · blocks, parts · len]`, `sums` is `[parts, 3, len]`.
template <int RESET, int ROOM>
__device__ __forceinline__ void backward_all(const float *x, const float *parameters, const float *gradient, float *dx, float *marks,
                                             float *sums, size_t images, size_t len, size_t parts, int steps, int varies, int surrogate,
                                             float strength, float through) {
    const size_t thread = thread_number(), stride = images * len;
    if (thread < parts * len) {
        const size_t i = thread % len, part = thread / len, share = (images + parts - 1) / parts;
        const size_t end = (part + 1) * share < images ? (part + 1) * share : images;
        const Neuron neuron = neuron_at(parameters, len, i);
        const Derivation how = {surrogate, strength, through};
        float of_neuron[3] = {0.0f, 0.0f, 0.0f};
        for (size_t image = part * share; image < end; image++) {
            const size_t at = image * len + i;
            backward_one<RESET, ROOM>(neuron, how, x + at, varies ? stride : 0, gradient + at, stride, steps, marks + thread, parts * len,
                                      dx + at, of_neuron);
        }
        for (int k = 0; k < 3; k++) {
            sums[(part * 3 + k) * len + i] = of_neuron[k];
        }
    }
}

#define NEURONS(NAME, RESET)                                                                                                               \
    extern "C" __global__ void forward_##NAME(const float *x, const float *parameters, float *spikes, size_t images, size_t len,           \
                                              int steps, int varies) {                                                                     \
        forward_all<RESET>(x, parameters, spikes, images, len, steps, varies);                                                             \
    }                                                                                                                                      \
    BACKWARD(NAME, RESET, 8)                                                                                                               \
    BACKWARD(NAME, RESET, 16)

#define BACKWARD(NAME, RESET, ROOM)                                                                                                        \
    extern "C" __global__ void backward_##NAME##_##ROOM(                                                                                   \
        const float *x, const float *parameters, const float *gradient, float *dx, float *marks, float *sums, size_t images, size_t len,   \
        size_t parts, int steps, int varies, int surrogate, float strength, float through) {                                               \
        backward_all<RESET, ROOM>(x, parameters, gradient, dx, marks, sums, images, len, parts, steps, varies, surrogate, strength,        \
                                  through);                                                                                                \
    }

NEURONS(soft, SOFT)
NEURONS(hard, HARD)
NEURONS(signed, SIGNED)

// Adds `[parts, width]` to `[width]`, part after part. Threads: `width`.
extern "C" __global__ void add_parts(const float *sums, float *total, size_t parts, size_t width) {
    const size_t thread = thread_number();
    if (thread < width) {
        float sum = 0.0f;
        for (size_t part = 0; part < parts; part++) {
            sum += sums[part * width + thread];
        }
        total[thread] = sum;
    }
}

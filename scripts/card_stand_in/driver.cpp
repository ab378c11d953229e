// The functions of the CUDA driver that candle calls, on the processor: memory is memory, streams and events are clocks, and a launch
// runs the kernel for one thread after the other, or for those of a block in turn where they wait for each other (fibers.cpp). Memory is
// filled with what no number is and has a margin behind its end, so reading what nobody wrote and writing beyond the end are seen.
#include "device.h"
#include "fibers.h"
#include "kernels.h"
#include <chrono>
#include <mutex>

Place gridDim, blockDim, blockIdx, threadIdx;

enum Result { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500, UNKNOWN = 999 };
using Stream = void *;
using Pointer = unsigned long long;

static std::recursive_mutex guard;
static const size_t TOTAL = size_t(4) << 30, MARGIN = 64;
static size_t used = 0, highest = 0;
static thread_local void *current = nullptr;

struct Block {
    size_t bytes;
};
static std::map<Pointer, Block> &blocks() {
    static std::map<Pointer, Block> blocks;
    return blocks;
}

// The bytes from an address must lie within one block.
static void check(Pointer at, size_t bytes, const char *what) {
    auto next = blocks().upper_bound(at);
    if (next != blocks().begin()) {
        auto &[start, block] = *std::prev(next);
        if (at + bytes <= start + block.bytes) return;
    }
    fprintf(stderr, "stand-in: %s: %zu bytes at %llx are no memory of the card\n", what, bytes, at);
    abort();
}

extern "C" {

int cuInit(unsigned int) { return SUCCESS; }
int cuDeviceGet(int *device, int number) { return *device = number, number == 0 ? SUCCESS : 101; }
int cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
int cuDeviceGetName(char *name, int len, int) { return snprintf(name, len, "processor standing in for a card"), SUCCESS; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
    case 16: *value = 1; break;  // multiprocessors
    case 75: *value = 9; break;  // compute capability
    case 115: *value = 1; break; // memory pools
    default: *value = 0;
    }
    return SUCCESS;
}
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &used, SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
int cuCtxGetCurrent(void **context) { return *context = current, SUCCESS; }
int cuCtxSetCurrent(void *context) { return current = context, SUCCESS; }
int cuCtxSynchronize() { return SUCCESS; }
int cuGetErrorString(int, const char **text) { return *text = "an error of the stand-in", SUCCESS; }
int cuGetErrorName(int, const char **text) { return *text = "STAND_IN", SUCCESS; }

int cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = &highest, SUCCESS; }
int cuMemPoolSetAttribute(void *, int attribute, void *) {
    if (attribute == 6 || attribute == 8) highest = used;
    return SUCCESS;
}
int cuMemPoolGetAttribute(void *, int attribute, void *value) {
    *static_cast<uint64_t *>(value) = attribute == 6 || attribute == 8 ? highest : used;
    return SUCCESS;
}
int cuMemGetInfo_v2(size_t *free, size_t *total) { return *free = TOTAL - used, *total = TOTAL, SUCCESS; }

int cuMemAlloc_v2(Pointer *at, size_t bytes) {
    std::lock_guard lock(guard);
    if (bytes == 0) return INVALID_VALUE;
    if (used + bytes > TOTAL) return OUT_OF_MEMORY;
    void *memory = nullptr;
    if (posix_memalign(&memory, 256, bytes + MARGIN) != 0) return OUT_OF_MEMORY;
    memset(memory, 0xFF, bytes);
    memset(static_cast<char *>(memory) + bytes, 0xA5, MARGIN);
    *at = reinterpret_cast<Pointer>(memory);
    blocks()[*at] = {bytes};
    used += bytes;
    highest = std::max(highest, used);
    return SUCCESS;
}
int cuMemFree_v2(Pointer at) {
    std::lock_guard lock(guard);
    auto found = blocks().find(at);
    if (found == blocks().end()) return INVALID_VALUE;
    const unsigned char *margin = reinterpret_cast<unsigned char *>(at) + found->second.bytes;
    for (size_t i = 0; i < MARGIN; i++) {
        if (margin[i] != 0xA5) absent("what lay behind a block: somebody wrote beyond its end, so it");
    }
    used -= found->second.bytes;
    blocks().erase(found);
    free(reinterpret_cast<void *>(at));
    return SUCCESS;
}
// Streams may not wait for what is empty: a driver gives no memory for no bytes either.
int cuMemAllocAsync(Pointer *at, size_t bytes, Stream) { return cuMemAlloc_v2(at, bytes); }
int cuMemFreeAsync(Pointer at, Stream) { return cuMemFree_v2(at); }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, Stream) {
    std::lock_guard lock(guard);
    check(to, bytes, "to the card");
    memcpy(reinterpret_cast<void *>(to), from, bytes);
    return SUCCESS;
}
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, Stream) {
    std::lock_guard lock(guard);
    check(from, bytes, "from the card");
    memcpy(to, reinterpret_cast<void *>(from), bytes);
    return SUCCESS;
}
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, Stream) {
    std::lock_guard lock(guard);
    check(from, bytes, "on the card, from");
    check(to, bytes, "on the card, to");
    memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
    return SUCCESS;
}
int cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, Stream) {
    std::lock_guard lock(guard);
    check(to, bytes, "zeros");
    memset(reinterpret_cast<void *>(to), value, bytes);
    return SUCCESS;
}

int cuStreamCreate(Stream *stream, unsigned int) { return *stream = &used, SUCCESS; }
int cuStreamDestroy_v2(Stream) { return SUCCESS; }
int cuStreamSynchronize(Stream) { return SUCCESS; }
int cuStreamWaitEvent(Stream, void *, unsigned int) { return SUCCESS; }
int cuStreamIsCapturing(Stream, int *status) { return *status = 0, SUCCESS; }
int cuEventCreate(void **event, unsigned int) { return *event = new double(0.0), SUCCESS; }
int cuEventDestroy_v2(void *event) { return delete static_cast<double *>(event), SUCCESS; }
int cuEventRecord(void *event, Stream) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    *static_cast<double *>(event) = std::chrono::duration<double, std::milli>(now).count();
    return SUCCESS;
}
int cuEventSynchronize(void *) { return SUCCESS; }
int cuEventQuery(void *) { return SUCCESS; }
int cuEventElapsedTime_v2(float *spent, void *start, void *end) {
    *spent = static_cast<float>(*static_cast<double *>(end) - *static_cast<double *>(start));
    return SUCCESS;
}

int cuModuleLoadData(void **module, const void *text) { return *module = strdup(static_cast<const char *>(text)), SUCCESS; }
int cuModuleUnload(void *module) { return free(module), SUCCESS; }
// A kernel must be in the module's text, as for a driver, and in the table.
int cuModuleGetFunction(void **kernel, void *module, const char *name) {
    std::lock_guard lock(guard);
    const std::string entry = std::string(".entry ") + name + "(";
    auto found = kernels().find(name);
    if (!strstr(static_cast<const char *>(module), entry.c_str())) return NOT_FOUND;
    if (found == kernels().end()) return fprintf(stderr, "stand-in: no kernel is called %s\n", name), NOT_FOUND;
    return *kernel = &found->second, SUCCESS;
}
int cuLaunchKernel(void *kernel, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz,
                   unsigned int, Stream, void **arguments, void **) {
    std::lock_guard lock(guard);
    if (!gx || !gy || !gz || !bx || !by || !bz || bx * by * bz > 1024 || gy > 65535 || gz > 65535) return INVALID_VALUE;
    const Kernel &it = *static_cast<Kernel *>(kernel);
    gridDim = {gx, gy, gz}, blockDim = {bx, by, bz};
    for (blockIdx.z = 0; blockIdx.z < gz; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < gy; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < gx; blockIdx.x++) {
                if (it.waits) {
                    run_together([&] { it.call(arguments); });
                    continue;
                }
                for (threadIdx.z = 0; threadIdx.z < bz; threadIdx.z++)
                    for (threadIdx.y = 0; threadIdx.y < by; threadIdx.y++)
                        for (threadIdx.x = 0; threadIdx.x < bx; threadIdx.x++) it.call(arguments);
            }
    return SUCCESS;
}
}

// Threads of a block that wait for each other: each has a stack of its own and runs until it waits. When no other can go on, those that
// wait for their warp do, and when none is left, those that wait for the block. So the order in which a kernel's own text combines what
// threads have found is that of a card.
#undef _FORTIFY_SOURCE
#include "fibers.h"
#include "device.h"
#include <csetjmp>
#include <memory>
#include <ucontext.h>
#include <vector>

enum class Waits { NOT, FOR_WARP, FOR_BLOCK, ENDED };

struct Fiber {
    static const size_t ROOM = size_t(64) << 10;
    std::unique_ptr<char[]> stack{new char[ROOM]};
    ucontext_t start;
    jmp_buf at;
    bool is_begun = false;
    Waits waits = Waits::ENDED;
    Place index;
};

static std::vector<std::unique_ptr<Fiber>> fibers;
static Fiber *running = nullptr;
static const std::function<void()> *work = nullptr;
static ucontext_t home;
static jmp_buf scheduler;

static void wait(Waits how) {
    if (!running) absent("a thread to wait for");
    running->waits = how;
    if (!_setjmp(running->at)) _longjmp(scheduler, 1);
}
void wait_for_block() { wait(Waits::FOR_BLOCK); }
void wait_for_warp() { wait(Waits::FOR_WARP); }

// A fiber ends its work and waits for that of the next block.
static void live() {
    for (;;) {
        (*work)();
        wait(Waits::ENDED);
    }
}

static void go_on(Fiber &fiber) {
    running = &fiber;
    threadIdx = fiber.index;
    if (!_setjmp(scheduler)) {
        if (fiber.is_begun) _longjmp(fiber.at, 1);
        fiber.is_begun = true;
        getcontext(&fiber.start);
        fiber.start.uc_stack = {fiber.stack.get(), 0, Fiber::ROOM};
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, live, 0);
        swapcontext(&home, &fiber.start);
    }
    running = nullptr;
}

void run_together(const std::function<void()> &call) {
    work = &call;
    const size_t count = size_t(blockDim.x) * blockDim.y * blockDim.z;
    while (fibers.size() < count) fibers.push_back(std::make_unique<Fiber>());
    for (unsigned int i = 0; i < count; i++) {
        fibers[i]->index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        fibers[i]->waits = Waits::NOT;
    }
    for (Waits next = Waits::NOT; next != Waits::ENDED;) {
        for (size_t i = 0; i < count; i++) {
            if (fibers[i]->waits == next) {
                fibers[i]->waits = Waits::NOT;
                go_on(*fibers[i]);
            }
        }
        next = Waits::ENDED;
        for (size_t i = 0; i < count; i++) next = std::min(next, fibers[i]->waits);
    }
}

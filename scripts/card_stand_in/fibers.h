// The threads of a block, in turn.
#pragma once
#include <functional>

// Calls it for every thread of the block that the globals say; a thread that waits lets the next go on.
void run_together(const std::function<void()> &call);

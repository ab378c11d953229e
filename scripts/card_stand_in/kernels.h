// The table of kernels: host functions under the names that a driver would find in PTX.
#pragma once
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

struct Kernel {
    // Calls it for the thread that the globals say; `arguments` are addresses, as a launch has them.
    std::function<void(void **arguments)> call;
    // Whether threads of a block wait for each other in it.
    bool waits;
};

inline std::map<std::string, Kernel> &kernels() {
    static std::map<std::string, Kernel> table;
    return table;
}

template <typename... A, size_t... I> void call_with(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<A> *>(arguments[I])...);
}

template <typename... A> std::function<void(void **)> callable(void (*kernel)(A...)) {
    return [kernel](void **arguments) { call_with(kernel, arguments, std::index_sequence_for<A...>{}); };
}

struct Kernels {
    Kernels(bool wait, std::initializer_list<std::pair<const char *, std::function<void(void **)>>> list) {
        for (auto &[name, call] : list) kernels()[name] = {call, wait};
    }
};

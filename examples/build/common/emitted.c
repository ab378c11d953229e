/* The network as C, as `snnc emit c` writes it: no library, no file at run time. */
#define SNN_DIGITS_IMPLEMENTATION
#include "digits.h"
#include "network.h"

#if SNN_DIGITS_INPUT != PIXELS
#error "digits.h is not a network for 8 by 8 pixels"
#endif

int classify(const unsigned char pixels[PIXELS]) {
    int32_t scores[SNN_DIGITS_CLASSES];
    return snn_digits_run(pixels, scores) == SNN_DIGITS_OK ? snn_digits_class(scores) : -1;
}

/* The network in libsnnc, from bytes that are part of the program. */
#include "network.h"
#include "digits.h"
#include <snnc.h>
#include <stdio.h>

int classify(const unsigned char pixels[PIXELS]) {
    static snnc_network *network;
    snnc_outcome *outcome;
    snnc_error error;
    int class = -1;
    if (network == NULL) snnc_load_bytes(digits_snn, digits_snn_size, &network, &error);
    if (network != NULL && snnc_run_pixels(network, pixels, PIXELS, 8, 8, 1, 0, 0, &outcome, &error) == SNNC_STATUS_OK) {
        class = (int)snnc_outcome_predictions(outcome, NULL)[0];
        snnc_outcome_free(outcome);
    } else {
        fprintf(stderr, "%s\n", error.message);
    }
    return class;
}

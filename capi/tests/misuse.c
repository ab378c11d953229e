/*
 * Calls everything as it should not be called, and one network from many threads.
 *
 *     misuse MODEL.snn NO_MODEL
 */
#include <pthread.h>
#include <snnc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(int line, int holds, const snnc_error *error) {
    if (!holds) {
        fprintf(stderr, "line %d: status %d, message: %s\n", line, (int)error->status, error->message);
        exit(1);
    }
}

#define FAILS(call, wanted, words)                                                                        \
    do {                                                                                                  \
        snnc_error error;                                                                                 \
        snnc_status status;                                                                               \
        memset(&error, 0x5a, sizeof error);                                                               \
        status = (call);                                                                                  \
        expect(__LINE__, status == (wanted) && error.status == (wanted) && strstr(error.message, words) != NULL, &error); \
    } while (0)

#define THREADS 8
static const snnc_network *shared;
static float *image;
static size_t image_len, classes;
static float *expected;

/* Half of the threads succeed and half fail, and each must see its own error. */
static void *work(void *odd) {
    int i;
    for (i = 0; i < 20; i++) {
        snnc_error error;
        snnc_outcome *outcome;
        if (odd != NULL) {
            FAILS(snnc_run(shared, image, image_len - 1, 0, 0, &outcome, &error), SNNC_STATUS_RUN, "whole number of images");
            if (outcome != NULL) exit(1);
            snnc_set_threads(shared, (size_t)(i % 3), NULL);
        } else {
            snnc_run(shared, image, image_len, 0, 0, &outcome, &error);
            expect(__LINE__, error.status == SNNC_STATUS_OK && error.message[0] == 0, &error);
            expect(__LINE__, memcmp(snnc_outcome_logits(outcome, NULL), expected, classes * sizeof *expected) == 0, &error);
            snnc_outcome_free(outcome);
        }
    }
    return NULL;
}

static void keys_are_checked(const char *path) {
    snnc_network *none;
    snnc_keys *keys;
    snnc_error error;
    FAILS(snnc_keys_new(NULL, &error), SNNC_STATUS_ARGUMENT, "`keys` is NULL");
    snnc_keys_new(&keys, &error);
    expect(__LINE__, error.status == SNNC_STATUS_OK, &error);
    FAILS(snnc_keys_add_identities(NULL, "", &error), SNNC_STATUS_ARGUMENT, "`keys` is NULL");
    FAILS(snnc_keys_add_identities(keys, NULL, &error), SNNC_STATUS_ARGUMENT, "`text` is NULL");
    FAILS(snnc_keys_add_identities(keys, "\xff", &error), SNNC_STATUS_ARGUMENT, "`text`");
    FAILS(snnc_keys_add_identities(keys, "AGE-SECRET-KEY-1", &error), SNNC_STATUS_KEYS, "line 1 is no identity");
    FAILS(snnc_keys_add_identities(keys, "# none", &error), SNNC_STATUS_KEYS, "no identity");
    FAILS(snnc_keys_add_passphrase(keys, "", &error), SNNC_STATUS_KEYS, "empty");
    FAILS(snnc_keys_require_signature(keys, "RW", &error), SNNC_STATUS_KEYS, "no public key");
    FAILS(snnc_load_with(NULL, keys, &none, &error), SNNC_STATUS_ARGUMENT, "`path` is NULL");
    FAILS(snnc_load_with(path, NULL, &none, &error), SNNC_STATUS_ARGUMENT, "`keys` is NULL");
    FAILS(snnc_load_with("no/such/file.snn", keys, &none, &error), SNNC_STATUS_FILE, "no/such/file.snn");
    FAILS(snnc_load_bytes_with(NULL, 5, NULL, keys, &none, &error), SNNC_STATUS_ARGUMENT, "`bytes` is NULL");
    FAILS(snnc_load_bytes_with((const uint8_t *)"age-encryption.org/v1", 21, NULL, keys, &none, &error), SNNC_STATUS_KEYS, "no key");
    FAILS(snnc_load_bytes((const uint8_t *)"age-encryption.org/v1", 21, &none, &error), SNNC_STATUS_KEYS, "encrypted");
    if (none != NULL) exit(1);
    snnc_keys_free(keys);
    snnc_keys_free(NULL);
}

int main(int argc, char **argv) {
    snnc_error error;
    snnc_network *network, *none;
    snnc_outcome *outcome;
    snnc_trace *trace;
    snnc_description about, older;
    snnc_population population;
    snnc_layer layer;
    pthread_t threads[THREADS];
    size_t i, len;
    unsigned char *pixels;
    if (argc != 3) return 2;
    keys_are_checked(argv[1]);

    FAILS(snnc_load(NULL, &none, &error), SNNC_STATUS_ARGUMENT, "`path` is NULL");
    FAILS(snnc_load(argv[1], NULL, &error), SNNC_STATUS_ARGUMENT, "`network` is NULL");
    FAILS(snnc_load("no/such/file.snn", &none, &error), SNNC_STATUS_FILE, "no/such/file.snn");
    FAILS(snnc_load(argv[2], &none, &error), SNNC_STATUS_ARTIFACT, "safetensors");
    if (none != NULL) return 1;
    FAILS(snnc_load_bytes(NULL, 5, &none, &error), SNNC_STATUS_ARGUMENT, "`bytes` is NULL");
    FAILS(snnc_load_bytes(NULL, 0, &none, &error), SNNC_STATUS_ARTIFACT, "safetensors");
    FAILS(snnc_load_bytes((const uint8_t *)"12345678", SIZE_MAX, &none, &error), SNNC_STATUS_ARGUMENT, "more than fit");

    snnc_load(argv[1], &network, &error);
    expect(__LINE__, error.status == SNNC_STATUS_OK, &error);
    FAILS(snnc_describe(NULL, &about, sizeof about, &error), SNNC_STATUS_ARGUMENT, "`network` is NULL");
    FAILS(snnc_describe(network, NULL, sizeof about, &error), SNNC_STATUS_ARGUMENT, "`description` is NULL");
    snnc_describe(network, &about, sizeof about, &error);
    expect(__LINE__, error.status == SNNC_STATUS_OK && about.threads > 0, &error);
    /* What was compiled for an older version, whose structure ended earlier. */
    memset(&older, 0x5a, sizeof older);
    snnc_describe(network, &older, offsetof(snnc_description, head), NULL);
    expect(__LINE__, older.classes == about.classes && older.layers != about.layers, &error);
    FAILS(snnc_describe_population(network, about.populations, &population, sizeof population, &error), SNNC_STATUS_ARGUMENT, "populations");
    FAILS(snnc_describe_layer(network, SIZE_MAX, &layer, sizeof layer, &error), SNNC_STATUS_ARGUMENT, "layers");
    FAILS(snnc_set_threads(NULL, 1, &error), SNNC_STATUS_ARGUMENT, "`network` is NULL");

    image_len = about.image_len;
    classes = about.classes;
    image = malloc((image_len + 1) * sizeof *image);
    pixels = malloc(image_len);
    for (i = 0; i < image_len; i++) image[i] = (float)(i % 7) / 7;
    memset(pixels, 100, image_len);
    FAILS(snnc_run(NULL, image, image_len, 0, 0, &outcome, &error), SNNC_STATUS_ARGUMENT, "`network` is NULL");
    FAILS(snnc_run(network, NULL, image_len, 0, 0, &outcome, &error), SNNC_STATUS_ARGUMENT, "`images` is NULL");
    FAILS(snnc_run(network, image, image_len, 0, 0, NULL, &error), SNNC_STATUS_ARGUMENT, "`outcome` is NULL");
    FAILS(snnc_run(network, (const float *)((const char *)image + 1), image_len, 0, 0, &outcome, &error), SNNC_STATUS_ARGUMENT, "aligned");
    FAILS(snnc_run(network, image, image_len - 1, 0, 0, &outcome, &error), SNNC_STATUS_RUN, "whole number of images");
    FAILS(snnc_run(network, image, SIZE_MAX, 0, 0, &outcome, &error), SNNC_STATUS_ARGUMENT, "more than fit");
    FAILS(snnc_run(network, image, image_len, SIZE_MAX, 0, &outcome, &error), SNNC_STATUS_RUN, "time steps");
    if (outcome != NULL) return 1;
    image[2] = 1e30f * 1e30f;
    FAILS(snnc_run(network, image, image_len, 0, 0, &outcome, &error), SNNC_STATUS_RUN, "value 2 of image 0 is not finite");
    FAILS(snnc_trace_run(network, image, image_len, 0, 0, &trace, &error), SNNC_STATUS_RUN, "not finite");
    image[2] = 0;
    FAILS(snnc_run_pixels(network, pixels, image_len - 1, about.height, about.width, about.channels, 0, 0, &outcome, &error),
          SNNC_STATUS_RUN, "whole number of images");
    FAILS(snnc_run_pixels(network, pixels, image_len, 0, about.width, about.channels, 0, 0, &outcome, &error), SNNC_STATUS_RUN, "images");
    FAILS(snnc_run_pixels(network, pixels, image_len, SIZE_MAX, SIZE_MAX, 3, 0, 0, &outcome, &error), SNNC_STATUS_RUN, "images");
    FAILS(snnc_run_pixels(network, pixels, image_len, 1, 1, image_len, 0, 0, &outcome, &error), SNNC_STATUS_RUN, "the network reads");
    FAILS(snnc_trace_run_pixels(network, NULL, image_len, about.height, about.width, about.channels, 0, 0, &trace, &error),
          SNNC_STATUS_ARGUMENT, "`pixels` is NULL");

    /* Nobody is obliged to look. */
    if (snnc_run(network, image, 1, 0, 0, &outcome, NULL) != SNNC_STATUS_RUN) return 1;
    /* No images are some. */
    snnc_run(network, NULL, 0, 0, 0, &outcome, &error);
    expect(__LINE__, error.status == SNNC_STATUS_OK && snnc_outcome_images(outcome) == 0, &error);
    snnc_outcome_free(outcome);
    /* Of nothing, nothing. */
    len = 1;
    expect(__LINE__, snnc_outcome_logits(NULL, &len) == NULL && len == 0 && snnc_outcome_predictions(NULL, NULL) == NULL, &error);
    expect(__LINE__, snnc_outcome_images(NULL) == 0 && snnc_outcome_timesteps(NULL) == 0 && snnc_trace_outcome(NULL) == NULL, &error);
    expect(__LINE__, snnc_trace_spikes(NULL, 0, &len, NULL, NULL) == NULL && len == 0, &error);
    snnc_network_free(NULL);
    snnc_outcome_free(NULL);
    snnc_trace_free(NULL);
    snnc_trace_run(network, image, image_len, 0, 0, &trace, &error);
    expect(__LINE__, error.status == SNNC_STATUS_OK && snnc_trace_spikes(trace, about.populations, NULL, NULL, NULL) == NULL, &error);
    snnc_trace_free(trace);

    shared = network;
    snnc_run(network, image, image_len, 0, 0, &outcome, &error);
    expected = malloc(classes * sizeof *expected);
    memcpy(expected, snnc_outcome_logits(outcome, NULL), classes * sizeof *expected);
    snnc_outcome_free(outcome);
    for (i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, i % 2 ? network : NULL);
    for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    snnc_network_free(network);
    free(image);
    free(pixels);
    free(expected);
    printf("libsnnc %s, format %lu\n", snnc_version(), (unsigned long)snnc_format_version());
    return 0;
}
